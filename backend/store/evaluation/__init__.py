"""Rows that evaluations read and keep."""
