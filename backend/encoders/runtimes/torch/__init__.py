"""Encoders computed by torch, faster than out of the box."""
