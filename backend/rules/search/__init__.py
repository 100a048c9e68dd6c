"""Fused search: legs, calibration, fusion, bounds, diversity."""
