"""NOTIFY and webhooks."""
