"""Copies of a whole library, database and originals, and libraries made from them."""
