"""Invented log probabilities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokensmith_simulator.dice import Dice
from tokensmith_simulator.tokens import split_tokens

if TYPE_CHECKING:
    from tokensmith_simulator.openai_chat.call import ChatCall


def logprob_of(token: str, position: int = 0) -> float:
    """Return a token's invented log probability, always the same; position 0 is the likeliest."""
    return -round((1 + Dice("logprob", token).below(400)) / 1000 + position * 1.5, 6)


def alternatives_of(token: str, count: int) -> list[tuple[str, float]]:
    """Return the likeliest tokens at a token's place, the token itself first."""
    others = [token, *(f" {token.strip()}{suffix}" for suffix in range(1, count))]
    return [(other, logprob_of(token, position)) for position, other in enumerate(others[:count])]


def logprobs_of(call: ChatCall, text: str) -> dict[str, Any] | None:
    """Render the log probabilities of a text as OpenAI does; none if none were asked for."""
    if call.top_logprobs is None:
        return None
    content = [_token_to_json(token, call.top_logprobs) for token in split_tokens(text)]
    return {"content": content, "refusal": None}


def _token_to_json(token: str, top: int) -> dict[str, Any]:
    options = [
        {"token": other, "logprob": logprob, "bytes": list(other.encode())}
        for other, logprob in alternatives_of(token, max(1, top))
    ]
    return {**options[0], "top_logprobs": options[:top]}
