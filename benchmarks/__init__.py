"""Measurements. ``python -m benchmarks`` is the gateway end to end; the others are run by name."""
