"""Picture formats: which are accepted, and whether a file is whole."""
