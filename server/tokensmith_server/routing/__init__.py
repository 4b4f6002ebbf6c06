"""Which route serves a model now: order, health and retry decisions, all pure but the clock."""
