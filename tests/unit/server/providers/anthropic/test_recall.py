"""What comes back of earlier thinking is counted before the hold, and no more comes than that."""

from typing import Any, cast

import aiohttp
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.server.providers.anthropic.chats import (
    ADAPTIVE,
    ASSISTANT,
    BUDGET,
    SCOPE,
    UP,
    body_of,
    called,
    result,
)
from tests.unit.server.providers.chats import function_tool, model, params, said
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import Capabilities
from tokensmith_server.providers.anthropic.memory import ThinkingMemory
from tokensmith_server.providers.anthropic.profile import NAME as VENDOR
from tokensmith_server.providers.anthropic.provider import create
from tokensmith_server.providers.anthropic.recall import recalled_input
from tokensmith_server.providers.anthropic.response import parse_answer
from tokensmith_server.providers.base import (
    NOTHING_RECALLED,
    ChatCall,
    ProviderSettings,
    RecalledInput,
)

FIELDS: dict[str, Any] = {"reasoning_effort": "high", "tools": [function_tool()]}


def remember(memory: ThinkingMemory, call_id: str, thought: str = "hm", tokens: int = 0) -> None:
    blocks: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": thought, "signature": "SEAL"},
        {"type": "tool_use", "id": call_id, "name": "look_up", "input": {}},
    ]
    memory.remember(SCOPE, UP, blocks, thinking_tokens=tokens)


def echo(call_id: str) -> list[chat_pb.ChatMessage]:
    return [called((call_id, "look_up", "{}")), result(call_id)]


def recalled(
    memory: ThinkingMemory,
    *messages: chat_pb.ChatMessage,
    scope: str = SCOPE,
    upstream: str = UP,
    facts: dict[str, Any] = ADAPTIVE,
    **fields: Any,
) -> RecalledInput:
    asked = params(messages=[said("go"), *messages], **{**FIELDS, **fields})
    return recalled_input(
        asked, Capabilities(**facts), upstream_model=upstream, memory=memory, scope=scope
    )


def thinking_bytes(body: dict[str, Any]) -> int:
    """What of a request is thinking, as each turn has it on the wire."""
    turns = [
        [block for block in turn["content"] if block["type"].endswith("thinking")]
        for turn in body["messages"]
    ]
    return sum(len(msgspec.json.encode(blocks)) for blocks in turns if blocks)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[ThinkingMemory, list[chat_pb.ChatMessage]]:
    """Tool loops of which some turns are remembered, and ids that clients and vendors repeat."""
    memory, messages = ThinkingMemory(), [said("go")]
    for number in range(draw(st.integers(0, 6))):
        call_id = draw(st.sampled_from([f"toolu_{number}", "toolu_0", "call:1"]))
        if draw(st.booleans()):
            remember(memory, call_id, draw(st.text(max_size=50)))
        messages += echo(call_id)
        if draw(st.booleans()):
            messages += [said("It is.", ASSISTANT), said("and now?")]
    return memory, messages


@settings(max_examples=50)
@given(conversations())
def test_what_is_counted_before_is_what_is_sent(
    conversation: tuple[ThinkingMemory, list[chat_pb.ChatMessage]],
) -> None:
    memory, messages = conversation
    told = recalled(memory, *messages[1:]).byte_count
    assert thinking_bytes(body_of(messages, memory=memory, **FIELDS)) == told
    assert (
        thinking_bytes(body_of(messages, memory=memory, recalled_bytes_maximum=told, **FIELDS))
        == told
    )


def test_nothing_is_counted_that_does_not_come() -> None:
    memory = ThinkingMemory()
    remember(memory, "toolu_1")
    assert recalled(memory, *echo("toolu_1")).byte_count > 0
    assert recalled(memory, *echo("toolu_2")) == NOTHING_RECALLED
    assert recalled(memory) == NOTHING_RECALLED
    assert recalled(memory, *echo("toolu_1"), scope="account-2") == NOTHING_RECALLED
    assert recalled(memory, *echo("toolu_1"), upstream="up-2") == NOTHING_RECALLED
    assert recalled(memory, *echo("toolu_1"), reasoning_effort="none") == NOTHING_RECALLED
    by_budget: dict[str, Any] = {"facts": BUDGET, "max_output_tokens": 1_000}
    assert recalled(memory, *echo("toolu_1"), **by_budget) == NOTHING_RECALLED


def test_thinking_that_the_client_brings_is_not_counted_twice() -> None:
    memory = ThinkingMemory()
    remember(memory, "toolu_1")
    call, told = echo("toolu_1")
    call.signed_thinking.add(model=UP, text="hm", signature="SEAL")
    assert recalled(memory, call, told) == NOTHING_RECALLED


def test_what_was_learnt_after_the_hold_stays_away() -> None:
    memory = ThinkingMemory()
    remember(memory, "toolu_1")
    messages = [said("go"), *echo("toolu_1"), *echo("toolu_2")]
    held_for = recalled(memory, *messages[1:]).byte_count
    remember(memory, "toolu_2", "much that nobody has held for")
    body = body_of(messages, memory=memory, recalled_bytes_maximum=held_for, **FIELDS)
    assert thinking_bytes(body) == held_for
    nothing = body_of(messages, memory=memory, recalled_bytes_maximum=0, **FIELDS)
    assert thinking_bytes(nothing) == 0


def test_tokens_that_no_model_leaves_out_are_those_since_the_users_newest_message() -> None:
    memory = ThinkingMemory()
    for number in range(3):
        remember(memory, f"toolu_{number}", tokens=10**number)
    first, *rest = (echo(f"toolu_{number}") for number in range(3))
    later = [said("It is.", ASSISTANT), said("and now?"), *rest[0], *rest[1]]
    told = recalled(memory, *first, *later)
    assert (told.token_count, told.turn_token_count) == (111, 110)


@pytest.mark.parametrize(("counted", "kept"), [(30, 30), (9_000, 100), (None, 0)])
def test_count_that_the_cap_forbids_raises_no_later_hold(counted: int | None, kept: int) -> None:
    memory = ThinkingMemory()
    known = ProviderSettings(api_key="key")
    adapter = create(known, cast(aiohttp.ClientSession, None), memory=memory)
    spec = model(VENDOR, UP, **ADAPTIVE)
    call = ChatCall(params(), spec, spec.routes[0], output_cap_tokens=100, scope=SCOPE)
    usage: dict[str, Any] = {"input_tokens": 1, "output_tokens": 10_000}
    if counted is not None:
        usage |= {"output_tokens_details": {"thinking_tokens": counted}}
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "SEAL"},
        {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {}},
    ]
    answer = {"content": content, "stop_reason": "tool_use", "usage": usage}
    adapter._remember(call, parse_answer(msgspec.json.encode(answer)))
    assert recalled(memory, *echo("toolu_1")).token_count == kept
