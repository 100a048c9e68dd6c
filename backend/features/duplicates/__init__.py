"""Near-duplicates: found, compared, marked."""
