"""Chaos test: inject faults into a running library by a seeded schedule, then check its guarantees."""
