"""Keeping responses: documents of an account, for a while. Nothing here costs or makes anything."""
