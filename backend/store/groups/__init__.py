"""Rows of groups: memberships, centroids, edits, labels."""
