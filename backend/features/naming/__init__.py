"""Labels and representatives of groups."""
