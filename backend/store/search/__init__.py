"""Candidates for fused queries: by index, by measuring, by vectors in memory."""
