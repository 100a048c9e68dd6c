"""Preparation of faster copies of the encoders."""
