"""Fuzzing of the upload path, with malformed files, and of the decoder, with mutated bytes."""
