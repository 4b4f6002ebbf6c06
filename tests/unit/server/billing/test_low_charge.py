"""What is charged when a provider told no count that can be true."""

from dataclasses import replace

import pytest

from tests.unit.server.billing.test_pricing import GPT, SHORT
from tokensmith_server.billing.pricing import TextFacts, low_charge, usage_is_plausible
from tokensmith_server.billing.usage import TokenUsage


def test_low_charge_counts_a_token_for_five_bytes_rounded_down() -> None:
    facts = TextFacts("gpt", text_bytes=904, message_count=1, tool_bytes=100)
    usage, price = low_charge(GPT, facts=facts, output_bytes=99, held_microcredits=10**9)
    assert (usage.input_tokens, usage.output_tokens) == (200, 19)
    assert price == 200 * 5_000 + 19 * 30_000


def test_low_charge_counts_pictures_sound_and_files() -> None:
    facts = TextFacts(
        "gpt", 0, 1, image_details=("low", ""), audio_bytes=192_000, file_bytes=60_000
    )
    usage, _ = low_charge(GPT, facts=facts, output_bytes=5, held_microcredits=10**9)
    assert usage.input_tokens == 2 * 64 + 10 + 600
    large = replace(facts, file_bytes=10**8)
    usage, _ = low_charge(GPT, facts=large, output_bytes=5, held_microcredits=10**9)
    assert usage.input_tokens == 2 * 64 + 10 + 1_500


def test_low_charge_takes_what_the_provider_told_of_the_input() -> None:
    told = TokenUsage(900, 0, cached_input_tokens=100)
    usage, _ = low_charge(
        GPT, facts=SHORT, input_usage=told, output_bytes=50, held_microcredits=10**9
    )
    assert usage == TokenUsage(900, 10, cached_input_tokens=100)


def test_low_charge_is_never_above_the_hold() -> None:
    _, price = low_charge(GPT, facts=SHORT, output_bytes=1_000, held_microcredits=77)
    assert price == 77


def test_low_charge_of_nothing_delivered_is_nothing() -> None:
    facts = TextFacts("gpt", text_bytes=10**6, message_count=1)
    usage, price = low_charge(GPT, facts=facts, output_bytes=0, held_microcredits=10**12)
    assert price == 0
    assert usage.total_tokens == 0


@pytest.mark.parametrize(
    ("input_tokens", "output_tokens", "plausible"),
    [(400, 4_000, True), (0, 0, True), (401, 0, False), (0, 4_001, False)],
)
def test_usage_far_beyond_estimate_or_cap_is_not_plausible(
    input_tokens: int, output_tokens: int, *, plausible: bool
) -> None:
    usage = TokenUsage(input_tokens, output_tokens)
    assert plausible is usage_is_plausible(
        usage, input_token_estimate=100, output_tokens_maximum=1_000
    )
