"""Back a library up, and restore it."""
