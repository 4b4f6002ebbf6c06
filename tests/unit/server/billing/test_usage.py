"""The algebra of a usage block."""

from typing import Any

import pytest

from tokensmith_server.billing.errors import UsageInvalid
from tokensmith_server.billing.usage import MAX_TOKENS, TokenUsage


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("input_tokens", {"input_tokens": -1}),
        ("output_tokens", {"output_tokens": -1}),
        ("input_tokens", {"input_tokens": MAX_TOKENS + 1}),
        ("output_tokens", {"output_tokens": 2**63}),
        ("cached_input_tokens", {"cached_input_tokens": 11}),
        ("cached_input_tokens", {"cached_input_tokens": -1}),
        ("cache_write_tokens", {"cache_write_tokens": 11}),
        ("reasoning_tokens", {"reasoning_tokens": 6}),
        ("input_audio_tokens", {"input_audio_tokens": 11}),
        ("output_audio_tokens", {"output_audio_tokens": 6}),
        ("input_image_tokens", {"input_image_tokens": 11}),
    ],
)
def test_count_that_cannot_be_is_refused_by_name(name: str, counts: dict[str, Any]) -> None:
    with pytest.raises(UsageInvalid, match=name):
        TokenUsage(**{"input_tokens": 10, "output_tokens": 5, **counts})


def test_a_token_is_read_from_the_cache_or_written_to_it_and_never_both() -> None:
    both = {"cached_input_tokens": 6, "cache_write_tokens": 4}
    assert TokenUsage(10, 5, **both).cached_input_tokens == 6
    with pytest.raises(UsageInvalid, match="cache_write_tokens"):
        TokenUsage(9, 5, **both)


def test_parts_as_large_as_their_whole_are_taken() -> None:
    usage = TokenUsage(10, 5, cached_input_tokens=10, reasoning_tokens=5)
    assert usage.total_tokens == 15
