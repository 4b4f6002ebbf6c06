"""Signed thinking comes back for clients that never saw it, and its loss is no failure."""

from typing import Any

import msgspec
import pytest

from tests.unit.server.providers.anthropic.chats import (
    ADAPTIVE,
    BUDGET,
    SCOPE,
    UP,
    body_of,
    called,
    result,
)
from tests.unit.server.providers.anthropic.events import (
    END,
    arguments,
    block,
    ending,
    good,
    signature,
    start,
    stop,
    text,
    thought,
)
from tests.unit.server.providers.chats import function_tool, said
from tokensmith_server.providers.anthropic.memory import ThinkingMemory
from tokensmith_server.providers.anthropic.response import parse_answer

THINKING: dict[str, Any] = {"type": "thinking", "thinking": "hm", "signature": "SEAL"}
TEXT: dict[str, Any] = {"type": "text", "text": "On it."}
CALL: dict[str, Any] = {
    "type": "tool_use",
    "id": "toolu_1",
    "name": "look_up",
    "input": {"b": 1, "a": [2.5]},
}
BLOCKS: list[dict[str, Any]] = [THINKING, TEXT, CALL]
ECHO = called(("toolu_1", "look_up", '{"a": [2.5], "b": 1}'), text="On it.")
TOOLS = [function_tool()]


def remembering(*blocks: dict[str, Any], model: str = UP) -> ThinkingMemory:
    memory = ThinkingMemory()
    memory.remember(SCOPE, model, blocks or BLOCKS)
    return memory


def assistant_of(echo: Any, memory: ThinkingMemory, **fields: Any) -> list[Any]:
    fields = {"reasoning_effort": "high", "tools": TOOLS, **fields}
    body = body_of([said("go"), echo, result("toolu_1")], memory=memory, **fields)
    content: list[Any] = body["messages"][1]["content"]
    return content


def test_blocks_come_back_as_they_were() -> None:
    assert assistant_of(ECHO, remembering()) == BLOCKS


def test_interleaved_blocks_keep_their_order() -> None:
    second = {"type": "thinking", "thinking": "so", "signature": "S2"}
    blank = {"type": "text", "text": "\n"}
    blocks: list[dict[str, Any]] = [
        THINKING,
        blank,
        {"type": "redacted_thinking", "data": "x"},
        second,
        CALL,
    ]
    echo = called(("toolu_1", "look_up", '{"a":[2.5],"b":1}'), text="\n")
    expected = [kept for kept in blocks if kept is not blank]
    assert assistant_of(echo, remembering(*blocks)) == expected


def test_client_that_dropped_the_text_still_gets_the_thinking_first() -> None:
    echo = called(("toolu_1", "look_up", '{"b":1,"a":[2.5]}'))
    assert assistant_of(echo, remembering()) == [THINKING, CALL]


@pytest.mark.parametrize(
    "echo",
    [
        called(("toolu_2", "look_up", '{"a":[2.5],"b":1}')),
        called(("toolu_1", "other", '{"a":[2.5],"b":1}')),
        called(("toolu_1", "look_up", '{"a":[2.5],"b":2}')),
    ],
)
def test_who_does_not_know_the_calls_gets_nothing(echo: Any) -> None:
    messages = [said("go"), echo, result(echo.tool_calls[0].id)]
    body = body_of(messages, memory=remembering(), reasoning_effort="high", tools=TOOLS)
    assert "SEAL" not in str(body)


def test_another_models_thinking_does_not_come_back() -> None:
    assert "SEAL" not in str(assistant_of(ECHO, remembering(model="other")))


def test_thinking_stays_away_from_calls_that_do_not_think() -> None:
    assert assistant_of(ECHO, remembering(), reasoning_effort="none") == [TEXT, CALL]


def test_forgotten_thinking_turns_thinking_by_budget_off() -> None:
    messages = [said("go"), ECHO, result("toolu_1")]
    fields: dict[str, Any] = {"reasoning_effort": "high", "tools": TOOLS}
    assert "thinking" in body_of(messages, capabilities=BUDGET, memory=remembering(), **fields)
    assert "thinking" not in body_of(messages, capabilities=BUDGET, **fields)
    assert "thinking" in body_of(messages, capabilities=ADAPTIVE, **fields)
    later = [*messages, said("It is.", ECHO.role), said("and now?")]
    assert "thinking" in body_of(later, capabilities=BUDGET, **fields)


def test_whole_and_streamed_answers_are_remembered_alike() -> None:
    content = [THINKING, TEXT, CALL]
    whole = parse_answer(msgspec.json.encode({"content": content, "stop_reason": "tool_use"}))
    frames = [start(), block(0, "thinking"), thought("h"), thought("m"), signature("SEAL"), stop()]
    frames += [block(1), text("On ", 1), text("it.", 1), stop(1)]
    frames += [
        block(2, "tool_use", id="toolu_1"),
        arguments('{"b":1,', 2),
        arguments('"a":[2.5]}', 2),
    ]
    streamed = good([[*frames, stop(2), ending("tool_use"), END]])
    assert whole.blocks == streamed.parser.turn.blocks() == BLOCKS


def test_answers_of_no_use_later_are_not_kept() -> None:
    for blocks in ([THINKING, TEXT], [TEXT, CALL], []):
        memory = ThinkingMemory()
        memory.remember(SCOPE, UP, blocks)
        assert memory.recall(SCOPE, UP, [CALL]) is None


def test_call_cut_off_in_its_arguments_is_not_kept() -> None:
    frames = [start(), block(0, "thinking"), signature("S"), block(1, "tool_use")]
    outcome = good([[*frames, arguments('{"a":', 1), stop(1), ending("max_tokens"), END]])
    assert outcome.parser.turn.blocks() == []


def test_memory_is_bounded_and_forgets_the_longest_unused() -> None:
    def turn(number: int) -> list[dict[str, Any]]:
        return [THINKING | {"thinking": "x" * 1000}, CALL | {"id": f"t{number}"}]

    memory = ThinkingMemory(limit_bytes=5_000)
    for number in range(3):
        memory.remember(SCOPE, UP, turn(number))
    memory.recall(SCOPE, UP, turn(0)[1:])
    memory.remember(SCOPE, UP, turn(3))
    known = [n for n in range(4) if memory.recall(SCOPE, UP, turn(n)[1:]) is not None]
    assert known == [0, 2, 3]
    memory.remember(SCOPE, UP, [THINKING | {"thinking": "x" * 9000}, CALL | {"id": "huge"}])
    assert memory.recall(SCOPE, UP, [CALL | {"id": "huge"}]) is None
    memory.remember(SCOPE, UP, turn(0))
    assert memory.recall(SCOPE, UP, turn(2)[1:]) is not None
