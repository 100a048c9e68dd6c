"""Rows of pictures: taken in, worked on, read, deleted."""
