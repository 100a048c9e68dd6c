"""Which pictures are near-duplicates of each other."""
