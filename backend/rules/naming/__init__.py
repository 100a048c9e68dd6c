"""Names for groups, from the words of their members."""
