"""What deserves a look from a curator."""
