"""Embeddings in and out."""
