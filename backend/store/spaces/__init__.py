"""Rows of embedding spaces, and what fills them."""
