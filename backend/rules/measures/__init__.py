"""Measures of grouping and retrieval, with their uncertainty."""
