"""Usage blocks become one algebra, or nothing at all."""

from typing import Any

import msgspec
import pytest

from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.providers.answers import UsageReading
from tokensmith_server.providers.anthropic.usage import UsageCounter, read_usage


def read(**counts: Any) -> UsageReading:
    return read_usage(msgspec.json.encode(counts))


def test_input_is_the_sum_of_what_was_new_cached_and_written() -> None:
    reading = read(
        input_tokens=10,
        cache_creation_input_tokens=3,
        cache_read_input_tokens=5,
        output_tokens=7,
        output_tokens_details={"thinking_tokens": 4},
    )
    assert reading.usage == TokenUsage(
        18, 7, cached_input_tokens=5, cache_write_tokens=3, reasoning_tokens=4
    )


def test_absent_differs_from_zero() -> None:
    assert read(input_tokens=1, output_tokens=2).usage == TokenUsage(1, 2)
    zero = read(input_tokens=1, output_tokens=2, cache_read_input_tokens=0)
    assert zero.usage == TokenUsage(1, 2, cached_input_tokens=0)
    null = read(input_tokens=1, output_tokens=2, cache_read_input_tokens=None)
    assert null.usage == TokenUsage(1, 2)


@pytest.mark.parametrize("block", [b"", b"null"])
def test_no_block_is_no_usage_and_no_problem(block: bytes) -> None:
    assert read_usage(block) == UsageReading()


@pytest.mark.parametrize(
    "counts",
    [
        {},
        {"input_tokens": 1},
        {"output_tokens": 1},
        {"input_tokens": 0, "output_tokens": 0},
        {"input_tokens": -1, "output_tokens": 5, "cache_read_input_tokens": 9},
        {"input_tokens": 9, "output_tokens": 5, "cache_read_input_tokens": -1},
        {"input_tokens": 1, "output_tokens": -5},
        {"input_tokens": 1, "output_tokens": 2**31},
        {"input_tokens": 2**31, "output_tokens": 1},
        {"input_tokens": 1.5, "output_tokens": 1},
        {"input_tokens": 1, "output_tokens": 2, "output_tokens_details": {"thinking_tokens": 3}},
    ],
)
def test_block_that_breaks_the_algebra_is_a_problem(counts: dict[str, Any]) -> None:
    reading = read(**counts)
    assert reading.usage is None
    assert reading.problem


@pytest.mark.parametrize("block", [b"{", b"[]", b'"x"', b"\xff"])
def test_unreadable_block_is_a_problem(block: bytes) -> None:
    assert read_usage(block).problem


def test_later_counts_replace_and_never_add() -> None:
    counter = UsageCounter()
    counter.take(b'{"input_tokens":10,"cache_read_input_tokens":4,"output_tokens":1}')
    counter.take(b'{"output_tokens":30,"input_tokens":null}')
    counter.take(b'{"output_tokens":50}')
    assert counter.reading().usage == TokenUsage(14, 50, cached_input_tokens=4)


def test_later_block_mends_an_unreadable_one() -> None:
    counter = UsageCounter()
    counter.take(b'{"input_tokens":"?"}')
    assert counter.reading().problem
    counter.take(b'{"input_tokens":3,"output_tokens":2}')
    assert counter.reading().usage == TokenUsage(3, 2)


def test_tiers_have_openais_names() -> None:
    assert read(input_tokens=1, output_tokens=1, service_tier="standard").service_tier == "default"
    assert read(input_tokens=1, output_tokens=1, service_tier="priority").service_tier == "priority"
    assert read(input_tokens=1, output_tokens=1, service_tier="other").service_tier == ""
