"""No piece of a secret, and nothing that looks like one, is ever shown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokensmith_server.providers.redaction import (
    SHOWN_CHARACTERS,
    Redactor,
    param_or_none,
    request_id_or_none,
    slug_or_none,
)

SECRET = "Zq81-very.long~key+of/an=operator"


@given(
    start=st.integers(0, len(SECRET) - 8),
    size=st.integers(8, len(SECRET)),
    before=st.text(max_size=20),
    after=st.text(max_size=20),
)
def test_no_eight_characters_of_a_secret_survive(
    start: int, size: int, before: str, after: str
) -> None:
    piece = SECRET[start : start + size]
    shown = Redactor([SECRET])(before + piece + after)
    assert not any(SECRET[i : i + 8] in shown for i in range(len(SECRET) - 7))


def test_short_secret_is_removed_whole() -> None:
    assert Redactor(["abc"])("the key abc is wrong") == "the key [redacted] is wrong"


@pytest.mark.parametrize(
    "text",
    [
        "sk-proj-abcdef123",
        "xai-abcdef",
        "AIzaSyAbcdef",
        "org-simulator",
        "Bearer whatever",
        "https://platform.openai.com/account",
        "someone@example.com",
        "550e8400-e29b-41d4-a716-446655440000",
        "10.0.0.12:8080",
        "ab**********yz",
    ],
)
def test_what_looks_like_a_secret_is_removed(text: str) -> None:
    assert Redactor()(f"Before {text} after") == "Before [redacted] after"


def test_text_becomes_one_short_line() -> None:
    shown = Redactor()("a\nb\r\n\x00c\u2028d " + "é" * 1000)
    assert shown.startswith("a b c d é")
    assert len(shown) == SHOWN_CHARACTERS
    assert shown.isprintable()


def test_ordinary_words_stay() -> None:
    text = "Invalid 'tools[0].function.name': string does not match pattern '^[a-zA-Z0-9_-]+$'."
    assert Redactor([SECRET])(text) == text


def test_only_plain_codes_params_and_ids_pass() -> None:
    assert slug_or_none("rate_limit_exceeded") == "rate_limit_exceeded"
    assert slug_or_none("Client specified an invalid argument") is None
    assert slug_or_none(429) is None
    assert param_or_none("messages[0].content") == "messages[0].content"
    assert param_or_none("messages.[0].role") == "messages.[0].role"
    assert param_or_none("a b") is None
    assert request_id_or_none("req_0123/abc=") == "req_0123/abc="
    assert request_id_or_none("a\r\nb") is None
    assert request_id_or_none(None) is None


def test_codes_and_params_that_reveal_a_secret_do_not_pass() -> None:
    redact = Redactor(["Qw9zRt5yUi1o"])
    assert redact.code_or_none("rate_limit_exceeded") == "rate_limit_exceeded"
    assert redact.code_or_none("x9zRt5yUiz") is None
    assert redact.code_or_none("sk-abcdef") is None
    assert redact.param_or_none("messages[0].content") == "messages[0].content"
    assert redact.param_or_none("Qw9zRt5yUi1o") is None
