from __future__ import annotations

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tokensmith_simulator.dice import Dice
from tokensmith_simulator.directives import Directives, read_directives, strip_directives
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import Fault, FaultKind, Pace
from tokensmith_simulator.openai_validation import TOKEN_RULES
from tokensmith_simulator.text import compose, proper_nouns, wanted_words
from tokensmith_simulator.tokens import count_image, count_prompt, count_tokens, split_tokens


@given(st.text())
@example("a 中b中cc中 d")
@example("é" * 50)
def test_tokens_join_to_the_text_and_cover_three_bytes_each(text: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    tokens = split_tokens(text)
    assert "".join(tokens) == text
    assert count_tokens(text) == len(tokens)
    assert len(tokens) <= len(text.encode()) / 3 + 1


def test_token_count_is_near_a_real_tokenizer_on_prose() -> None:
    prose = compose("What makes a good lighthouse?", 1000, Dice("x"))
    assert 3.0 <= len(prose) / count_tokens(prose) <= 5.0


@given(st.integers(1, 400), st.text(max_size=60), st.integers(0, 9))
def test_compose_writes_exactly_the_words_asked_for(words: int, prompt: str, seed: int) -> None:
    assert len(compose(prompt, words, Dice(str(seed))).split()) == words


def test_compose_names_the_subject() -> None:
    assert "lighthouses" in compose("Tell me about lighthouses", 40, Dice("x"))


def test_shorter_allowance_is_a_prefix_of_the_longer() -> None:
    whole = compose("Tell me about lighthouses", 400, Dice("x"))
    assert whole.startswith(compose("Tell me about lighthouses", 400, Dice("x"), most=30)[:-1])


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("Write 200 words about tea", 200),
        ("in one word", 1),
        ("a 50-word essay", 50),
        ("two sentences please", 28),
        ("Write a short paragraph", 70),
        ("What is a word?", 55),
        ("Why is the sky blue?", 55),
    ],
)
def test_wanted_words_reads_the_length_asked_for(prompt: str, words: int) -> None:
    assert wanted_words(prompt) == words


def test_verbosity_scales_the_default_length() -> None:
    assert wanted_words("Hi", "low") < wanted_words("Hi", "medium") < wanted_words("Hi", "high")


def test_proper_nouns_skip_the_first_word_of_a_sentence() -> None:
    found = proper_nouns("What is the weather in Paris, New York and London? Use celsius.")
    assert found == ["Paris", "New York", "London"]


@pytest.mark.parametrize(
    ("width", "height", "detail", "tokens"),
    [
        (512, 512, "auto", 210),
        (513, 512, "high", 350),
        (4096, 4096, "auto", 70 + 8 * 140),
        (4096, 4096, "low", 70),
    ],
)
def test_image_costs_its_tiles(width: int, height: int, detail: str, tokens: int) -> None:
    head = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"
    head += width.to_bytes(4, "big") + height.to_bytes(4, "big")
    url = "data:image/png;base64," + base64.b64encode(head + bytes(64)).decode()
    assert count_image({"url": url, "detail": detail}, TOKEN_RULES) == tokens


@pytest.mark.parametrize("url", ["https://example.com/a.png", "data:image/png;base64,%%%"])
def test_image_of_unknown_size_counts_as_1024_square(url: str) -> None:
    assert count_image({"url": url}, TOKEN_RULES) == 70 + 4 * 140


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", Directives()),
        (
            "hi [[sim:fault=429 retry_after=2.5]]",
            Directives(fault=Fault(kind=FaultKind.RATE_LIMIT, retry_after_seconds=2.5)),
        ),
        (
            "[[sim:fault=reset_mid_stream after=7]]",
            Directives(fault=Fault(kind=FaultKind.RESET_MID_STREAM, after_chunks=7)),
        ),
        (
            "[[sim:pace=50]] and [[sim:tokens=4 words=300]]",
            Directives(pace=Pace(chunk_delay_ms=50, tokens_per_chunk=4), words=300),
        ),
        (
            "[[sim:cached=64 reasoning=9]]",
            Directives(cached_tokens=64, reasoning_tokens=9),
        ),
    ],
)
def test_directives_are_read(text: str, expected: Directives) -> None:
    assert read_directives(text) == expected


@pytest.mark.parametrize("text", ["[[sim:fault=nope]]", "[[sim:speed=3]]", "[[sim:words=many]]"])
def test_unknown_directive_is_refused_by_name(text: str) -> None:
    with pytest.raises(RefusalError, match="Unknown simulator directive"):
        read_directives(text)


def test_directives_are_not_part_of_the_prompt() -> None:
    assert strip_directives("Hi [[sim:fault=429]]") == "Hi"


@given(st.integers(1, 1 << 60), st.text(max_size=5))
def test_dice_stay_within_bounds_and_repeat(bound: int, seed: str) -> None:
    first: Any = [Dice(seed).below(bound) for _ in range(2)]
    assert first[0] == first[1]
    assert 0 <= first[0] < bound


@given(st.lists(st.text(max_size=40), min_size=1, max_size=12), st.integers(0, 20))
def test_prompt_count_stays_under_a_third_of_its_bytes_and_small_change(
    texts: list[str], tools: int
) -> None:
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    parameters = {"type": "object", "properties": {"a": {"type": "string"}}}
    tool = {"name": "f", "description": "does it", "parameters": parameters}
    body = {
        "messages": [{"role": "user", "content": text} for text in texts],
        "tools": [{"type": "function", "function": tool}] * tools,
    }
    schema_bytes = len(msgspec.json.encode(parameters)) + len("fdoes it")
    size = sum(len(text.encode()) for text in texts) + tools * schema_bytes
    small_change = 16 + 12 * len(texts) + 16 * tools
    assert count_prompt(body, TOKEN_RULES).total <= size / 3 + small_change
