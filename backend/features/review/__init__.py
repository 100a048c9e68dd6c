"""The review queue and what a curator decides."""
