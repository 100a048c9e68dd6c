"""Decoding in separate processes: pixels, thumbnails, hashes."""
