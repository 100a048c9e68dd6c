"""Prepare faster copies of the encoders."""
