"""Group again: second pass and threshold."""
