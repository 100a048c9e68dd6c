"""Metrics (pure), audits and reports."""
