"""Audit a library, and repair what does not fit together."""
