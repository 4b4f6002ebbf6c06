"""Runs of alike events make of a stream exactly what decoding every event would."""

from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.server.providers.anthropic.events import (
    END,
    ORDINARY,
    OVERLOADED,
    PING,
    WORDS,
    arguments,
    block,
    delta,
    ending,
    event,
    good,
    signature,
    start,
    stop,
    text,
    thought,
)
from tests.unit.server.providers.test_text_runs import SHARDS
from tokensmith_server.providers.anthropic import stream as stream_module
from tokensmith_server.providers.anthropic.stream import MessagesStreamParser

BEFORE, AFTER = text("|").split(b"|")
NEVER = 2**31

PLAIN = st.lists(SHARDS, max_size=2).map(lambda shards: BEFORE + b"".join(shards) + AFTER)
TEXTS = st.sampled_from([text("a"), text(""), text("é💡"), text('"\\\n'), text("\x7f")])
OTHERS = st.sampled_from(
    [
        start(),
        block(0),
        block(0, "thinking"),
        block(1, "tool_use"),
        block(2, "later"),
        text("of another block", 1),
        thought("hm"),
        arguments("{}", 1),
        signature("seal"),
        delta(0, "citations_delta", citation={}),
        delta(0, "later_delta", text="new"),
        event("later"),
        stop(),
        ending(),
        PING,
        END,
        OVERLOADED,
        b"",
    ]
)


def outcome_of(reads: list[list[bytes]], *, fenced: bool, run_min: int) -> list[Any]:
    """Everything that can be seen of a stream that comes in those reads."""
    parser = MessagesStreamParser(json_object=fenced)
    with mock.patch.object(stream_module, "RUN_MIN", run_min):
        seen: list[Any] = [parser.feed(payloads) for payloads in reads]
        seen.append(parser.finish())
    failure = parser.failure
    told = None if failure is None else (failure.kind, failure.phase, failure.message)
    blocks = parser.turn.blocks() if parser.turn.thinks else []
    return [*seen, told, parser.done, parser.usage, parser.usage_problem, blocks]


@settings(max_examples=300)
@given(
    opening=st.sampled_from([block(0), block(0, "thinking"), block(1)]),
    payloads=st.lists(st.one_of(TEXTS, TEXTS, TEXTS, TEXTS, PLAIN, OTHERS), max_size=24),
    size=st.integers(1, 12),
    fenced=st.booleans(),
)
def test_a_stream_says_the_same_with_and_without_runs_in_any_reads(
    opening: bytes, payloads: list[bytes], size: int, fenced: bool
) -> None:
    events = [start(), opening, text("a"), *payloads, stop(), ending(), END]
    reads = [events[place : place + size] for place in range(0, len(events), size)]
    with_runs = outcome_of(reads, fenced=fenced, run_min=1)
    assert with_runs == outcome_of(reads, fenced=fenced, run_min=NEVER)


def test_alike_events_are_not_decoded_each(monkeypatch: pytest.MonkeyPatch) -> None:
    decode = mock.Mock(wraps=stream_module._decode_events)
    monkeypatch.setattr(stream_module, "_decode_events", decode)
    assert good([ORDINARY]).pieces == WORDS
    assert sum(call.args[0].count(b"text_delta") for call in decode.call_args_list) == 0
