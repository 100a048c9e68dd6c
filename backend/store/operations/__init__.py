"""Rows about the work itself: queues, failures, pauses, heartbeats."""
