"""Diagnosis, pause and retry."""
