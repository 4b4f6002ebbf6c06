"""A strict, deterministic stand-in for the upstream providers' HTTP APIs."""
