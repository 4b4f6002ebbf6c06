"""Invented log probabilities."""

from __future__ import annotations

from tokensmith_simulator.dice import Dice


def logprob_of(token: str, position: int = 0) -> float:
    """Return a token's invented log probability, always the same; position 0 is the likeliest."""
    return -round((1 + Dice("logprob", token).below(400)) / 1000 + position * 1.5, 6)


def alternatives_of(token: str, count: int) -> list[tuple[str, float]]:
    """Return the likeliest tokens at a token's place, the token itself first."""
    others = [token, *(f" {token.strip()}{suffix}" for suffix in range(1, count))]
    return [(other, logprob_of(token, position)) for position, other in enumerate(others[:count])]
