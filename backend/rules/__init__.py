"""Decisions, as functions of arrays and values. They know numpy and the errors, no database and no file."""
