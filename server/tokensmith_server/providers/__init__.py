"""Adapters to the upstream vendors: pure converters, one HTTP sender, no money."""
