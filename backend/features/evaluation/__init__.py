"""Evaluate a library against labels: how well it finds, how well it groups, and which settings would do better.

The library is read in one snapshot that cannot write, and everything is computed from there.
"""
