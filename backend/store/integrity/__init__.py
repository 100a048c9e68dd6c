"""Audits, repair, and the rows that backups need."""
