"""Usage comes into one algebra, reasoning counted once, or it is not billed as it stands."""

from typing import Any

import msgspec
import pytest

from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.catalog.model import ProviderQuirks
from tokensmith_server.providers import openai, openai_compatible, together, xai
from tokensmith_server.providers.openai_dialect.profile import DialectProfile
from tokensmith_server.providers.openai_dialect.usage import COUNT_LIMIT, read_usage

COMPATIBLE = openai_compatible.profile_of(ProviderQuirks())


def block(prompt: int, completion: int, total: int | None = None, **more: Any) -> dict[str, Any]:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, **more}
    return counts if total is None else counts | {"total_tokens": total}


def reasoning(tokens: int) -> dict[str, Any]:
    return {"completion_tokens_details": {"reasoning_tokens": tokens}}


READ: dict[str, tuple[DialectProfile, dict[str, Any], TokenUsage]] = {
    "plain": (openai.PROFILE, block(9, 12, 21), TokenUsage(9, 12)),
    "total absent": (openai.PROFILE, block(9, 12), TokenUsage(9, 12)),
    "OpenAI: reasoning inside": (
        openai.PROFILE,
        block(9, 100, 109, **reasoning(90)),
        TokenUsage(9, 100, reasoning_tokens=90),
    ),
    "xAI: reasoning beside (recorded)": (
        xai.PROFILE,
        block(12, 1, 241, **reasoning(228)),
        TokenUsage(12, 229, reasoning_tokens=228),
    ),
    "xAI: reasoning inside, as resellers count": (
        xai.PROFILE,
        block(12, 229, 241, **reasoning(228)),
        TokenUsage(12, 229, reasoning_tokens=228),
    ),
    "xAI: no total": (
        xai.PROFILE,
        block(12, 1, **reasoning(228)),
        TokenUsage(12, 229, reasoning_tokens=228),
    ),
    "xAI: cached beside the prompt": (
        xai.PROFILE,
        block(10, 5, 15, prompt_tokens_details={"cached_tokens": 40}),
        TokenUsage(50, 5, cached_input_tokens=40),
    ),
    "xAI: cached beside the prompt, and in the total": (
        xai.PROFILE,
        block(10, 5, 115, prompt_tokens_details={"cached_tokens": 40}, **reasoning(60)),
        TokenUsage(50, 65, cached_input_tokens=40, reasoning_tokens=60),
    ),
    "Together: cached flat": (
        together.PROFILE,
        block(9, 12, 21, cached_tokens=4),
        TokenUsage(9, 12, cached_input_tokens=4),
    ),
    "compatible: reasoning beside": (
        COMPATIBLE,
        block(9, 10, 59, **reasoning(40)),
        TokenUsage(9, 50, reasoning_tokens=40),
    ),
    "zero is not absent": (
        openai.PROFILE,
        block(9, 12, 21, prompt_tokens_details={"cached_tokens": 0}),
        TokenUsage(9, 12, cached_input_tokens=0),
    ),
    "null details": (
        openai.PROFILE,
        block(9, 12, 21, prompt_tokens_details=None, completion_tokens_details=None),
        TokenUsage(9, 12),
    ),
    "every detail": (
        openai.PROFILE,
        block(
            100,
            50,
            150,
            prompt_tokens_details={
                "cached_tokens": 10,
                "cache_write_tokens": 20,
                "audio_tokens": 30,
                "image_tokens": 40,
            },
            completion_tokens_details={
                "reasoning_tokens": 1,
                "audio_tokens": 2,
                "accepted_prediction_tokens": 3,
                "rejected_prediction_tokens": 4,
            },
        ),
        TokenUsage(100, 50, 10, 20, 1, 30, 2, 40, 3, 4),
    ),
    "nothing written": (openai.PROFILE, block(9, 0, 9), TokenUsage(9, 0)),
}


@pytest.mark.parametrize("name", READ)
def test_block_is_read(name: str) -> None:
    profile, counts, usage = READ[name]
    reading = read_usage(msgspec.json.encode(counts), profile)
    assert (reading.usage, reading.problem) == (usage, None)


BROKEN: dict[str, tuple[DialectProfile, Any]] = {
    "negative": (openai.PROFILE, block(-7, -11, -18)),
    "huge": (openai.PROFILE, block(9, COUNT_LIMIT + 1)),
    "huge, by the simulator's fault": (xai.PROFILE, block(9, 999_999_999_999, 1_000_000_000_008)),
    "beyond any integer": (openai.PROFILE, block(9, 10**30)),
    "total is no sum": (openai.PROFILE, block(9, 12, 8)),
    "total is no sum at xAI": (xai.PROFILE, block(9, 12, 30, **reasoning(5))),
    "OpenAI: reasoning beside": (openai.PROFILE, block(9, 12, 31, **reasoning(10))),
    "more cached than read": (openai.PROFILE, block(9, 12, 21, cached_tokens=10)),
    "more reasoning than output": (openai.PROFILE, block(9, 12, **reasoning(13))),
    "no completion": (openai.PROFILE, {"prompt_tokens": 9}),
    "empty": (openai.PROFILE, {}),
    "all zero": (openai.PROFILE, block(0, 0, 0)),
    "text for numbers": (openai.PROFILE, {"prompt_tokens": "9", "completion_tokens": "12"}),
    "no object": (openai.PROFILE, [9, 12]),
}


@pytest.mark.parametrize("name", BROKEN)
def test_block_that_breaks_the_algebra_is_no_usage_but_a_problem(name: str) -> None:
    profile, counts = BROKEN[name]
    reading = read_usage(msgspec.json.encode(counts), profile)
    assert reading.usage is None
    assert reading.problem


@pytest.mark.parametrize("raw", [b"", b"null"])
def test_no_block_is_no_problem(raw: bytes) -> None:
    reading = read_usage(raw, openai.PROFILE)
    assert (reading.usage, reading.problem) == (None, None)
