"""Rows of the review: queue, judgements, near-duplicates."""
