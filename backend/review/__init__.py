"""What waits for a curator's eye."""
