"""Edits of groups as values: what each changes, and how it is undone."""
