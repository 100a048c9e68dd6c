"""What the quality page shows: measured in a process of its own, kept in the database."""
