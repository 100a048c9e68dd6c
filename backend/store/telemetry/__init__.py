"""Figures for metrics."""
