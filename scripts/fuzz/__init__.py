"""Throw what nobody would send at the ways in: a zoo of files, and mutated bytes at the decoder."""
