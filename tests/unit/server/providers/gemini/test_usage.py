"""Usage is counted once, adds up, or is not billed."""

from typing import Any

import msgspec
import pytest

from tests.unit.server.providers.gemini.wires import USAGE
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.providers.answers import UsageReading
from tokensmith_server.providers.gemini.usage import read_usage


def reading(**fields: Any) -> UsageReading:
    return read_usage(msgspec.json.encode(fields))


def counts(prompt: int = 9, candidates: int = 12, total: int = 21, **more: Any) -> UsageReading:
    return reading(
        promptTokenCount=prompt, candidatesTokenCount=candidates, totalTokenCount=total, **more
    )


def test_thoughts_beside_the_candidates_are_output() -> None:
    assert reading(**USAGE).usage == TokenUsage(9, 42, reasoning_tokens=30)


def test_thoughts_that_the_candidates_include_are_not_added_again() -> None:
    assert counts(thoughtsTokenCount=5).usage == TokenUsage(9, 12, reasoning_tokens=5)


def test_cached_tokens_are_part_of_the_prompt() -> None:
    usage = counts(cachedContentTokenCount=4).usage
    assert usage == TokenUsage(9, 12, cached_input_tokens=4)


def test_results_of_hosted_tools_are_input() -> None:
    assert counts(toolUsePromptTokenCount=3, total=24).usage == TokenUsage(12, 12)


def test_absent_counts_of_details_stay_absent_and_absent_output_is_zero() -> None:
    usage = reading(promptTokenCount=9, totalTokenCount=9).usage
    assert usage == TokenUsage(9, 0)
    assert usage is not None
    assert (usage.cached_input_tokens, usage.reasoning_tokens) == (None, None)


def test_without_a_total_the_parts_are_believed() -> None:
    usage = reading(promptTokenCount=9, candidatesTokenCount=2, thoughtsTokenCount=3).usage
    assert usage == TokenUsage(9, 5, reasoning_tokens=3)


def test_prompt_is_broken_down_by_modality() -> None:
    details = [
        {"modality": "TEXT", "tokenCount": 2},
        {"modality": "IMAGE", "tokenCount": 4},
        {"modality": "AUDIO", "tokenCount": 3},
    ]
    usage = counts(promptTokensDetails=details).usage
    assert usage == TokenUsage(9, 12, input_audio_tokens=3, input_image_tokens=4)


@pytest.mark.parametrize("block", [b"", b"null", b"{}"])
def test_no_block_is_no_problem(block: bytes) -> None:
    assert read_usage(block) == UsageReading()


@pytest.mark.parametrize(
    "fields",
    [
        {"promptTokenCount": 9, "candidatesTokenCount": 12, "totalTokenCount": 20},
        {"promptTokenCount": 9, "candidatesTokenCount": 12, "totalTokenCount": 0},
        {"promptTokenCount": -9, "candidatesTokenCount": 12, "totalTokenCount": 3},
        {"promptTokenCount": 9, "candidatesTokenCount": -1},
        {"promptTokenCount": 9, "candidatesTokenCount": 5, "thoughtsTokenCount": -5},
        {"candidatesTokenCount": 12, "totalTokenCount": 12},
        {"promptTokenCount": 0, "totalTokenCount": 0},
        {"promptTokenCount": 9, "candidatesTokenCount": 2**31, "totalTokenCount": 2**31 + 9},
        {"promptTokenCount": 9, "candidatesTokenCount": 2**80},
        {"promptTokenCount": 9, "totalTokenCount": 9, "cachedContentTokenCount": 10},
        {"promptTokenCount": "nine"},
        {"promptTokenCount": 9.5, "totalTokenCount": 9},
        {"promptTokenCount": 9, "totalTokenCount": 21, "thoughtsTokenCount": 13,
         "candidatesTokenCount": 12},
    ],
)  # fmt: skip
def test_a_block_that_breaks_the_algebra_is_not_billed(fields: dict[str, Any]) -> None:
    read = reading(**fields)
    assert read.usage is None
    assert read.problem


@pytest.mark.parametrize("block", [b"[]", b"3", b'{"promptTokenCount":', b'"\xff"'])
def test_an_unreadable_block_costs_the_usage_and_nothing_else(block: bytes) -> None:
    assert (read_usage(block).problem or "").startswith("unreadable")
