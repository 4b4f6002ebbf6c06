"""What is left of a conversation that is too long for its model."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.bridge.test_responses_request import call_output, function_call
from tokensmith_bridge.openai.responses_conversation import PlacedItem, messages_of
from tokensmith_bridge.openai.responses_items import (
    CustomToolCallItem,
    FunctionCallItem,
    MessageItem,
    item_from_json,
)
from tokensmith_bridge.openai.responses_truncation import (
    share_that_may_fit,
    without_oldest_turns,
)

CUSTOM = {"type": "custom_tool_call", "call_id": "call_2", "name": "sh", "input": "l" * 90}
CUSTOM_OUTPUT = {"type": "custom_tool_call_output", "call_id": "call_2", "output": "o" * 90}


def says(role: str, text: str, size: int = 100) -> dict[str, Any]:
    return {"role": role, "content": text.ljust(size, ".")}


def placed(*items: dict[str, Any]) -> list[PlacedItem]:
    return [
        PlacedItem(item_from_json(msgspec.json.encode(item), f"input[{index}]"), f"input[{index}]")
        for index, item in enumerate(items)
    ]


def left(share: float, *items: dict[str, Any]) -> list[int]:
    """The indexes of what stays."""
    return [int(one.where[6:-1]) for one in without_oldest_turns(placed(*items), share)]


TURNS = [
    says(role, f"{number}") for number in range(4) for role in ("user", "assistant")
]  # 8 items of 100 bytes, two to a turn


@pytest.mark.parametrize(
    ("share", "stay"),
    [
        (1.0, range(2, 8)),  # the oldest turn goes in any case
        (0.75, range(2, 8)),
        (0.74, range(4, 8)),
        (0.5, range(4, 8)),
        (0.26, range(6, 8)),
        (0.0, range(6, 8)),  # the newest never does
    ],
)
def test_oldest_turns_go_until_the_rest_is_small_enough(share: float, stay: range) -> None:
    assert left(share, *TURNS) == list(stay)


def test_single_turn_is_never_shortened() -> None:
    assert left(0.0, says("user", "a"), function_call(), call_output(), says("assistant", "b")) == [
        0, 1, 2, 3
    ]  # fmt: skip
    assert left(0.0) == []
    assert left(0.0, says("assistant", "a"), says("assistant", "b")) == [0, 1]


def test_instructions_stay_wherever_they_are_and_are_no_turn() -> None:
    assert left(
        0.0,
        says("developer", "rules"),
        says("user", "old"),
        says("system", "more rules"),
        says("assistant", "old"),
        says("user", "new"),
    ) == [0, 2, 4]
    assert left(0.0, says("system", "rules"), says("user", "only")) == [0, 1]


def test_answer_without_its_question_goes_too() -> None:
    assert left(0.5, says("assistant", "old"), says("user", "new")) == [1]


def test_call_and_output_with_a_turn_in_between_are_not_parted() -> None:
    items = (
        says("user", "old"),
        function_call(),
        CUSTOM,
        says("user", "in between"),
        call_output(),
        says("user", "still"),
        CUSTOM_OUTPUT,
        says("user", "new"),
    )
    assert left(1.0, *items) == [7]
    assert left(0.0, *items[:-1]) == list(range(7)), "there is no place between turns"


def test_output_that_came_twice_stays_with_its_call() -> None:
    items = (function_call(), call_output(), says("user", "a"), call_output(), says("user", "b"))
    assert left(1.0, *items) == [4]


def test_items_weigh_what_the_model_reads_of_them() -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 1_000_000}
    document = {"type": "input_file", "file_data": "A" * 1_000_000}
    parts = [{"type": "input_text", "text": "x" * 100}, picture, document]
    refused = {"role": "assistant", "content": [{"type": "refusal", "refusal": "n" * 100}]}
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "t" * 100}]}
    items = (
        says("user", "a", 6_000),
        {"role": "user", "content": parts},
        refused,
        thought,
        says("user", "b", 6_000),
        function_call(arguments="x" * 6_000),
        call_output(output=[{"type": "input_text", "text": "x" * 500}]),
        CUSTOM,
        CUSTOM_OUTPUT,
    )  # 6,000 + 12,300 + 12,680
    assert left(12_679 / 30_980, *items) == left(12_680 / 30_980, *items) == [4, 5, 6, 7, 8]
    assert left(24_979 / 30_980, *items) == [4, 5, 6, 7, 8]
    assert left(24_981 / 30_980, *items) == list(range(1, 9))


@pytest.mark.parametrize(
    ("facts", "share"),
    [
        ({"context_tokens": "200", "input_tokens": "400"}, 0.375),
        ({"context_tokens": "200", "input_tokens": "200"}, 0.75),
        ({"context_tokens": "200", "input_tokens": "100"}, 0.75),
        ({"context_tokens": "200"}, 0.75),
        ({"context_tokens": "?", "input_tokens": "0"}, 0.75),
        ({"context_tokens": "0", "input_tokens": "0"}, 0.0),
        ({}, 0.75),
    ],
)
def test_share_follows_the_count_where_there_is_one(facts: dict[str, str], share: float) -> None:
    assert share_that_may_fit(facts) == share


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Conversations whose calls are all answered, at any later place."""
    items: list[dict[str, Any]] = []
    for number in range(draw(st.integers(0, 8))):
        role = draw(st.sampled_from(["user", "assistant", "developer", "call"]))
        at = draw(st.integers(0, len(items)))
        if role != "call":
            items.insert(at, says(role, f"{number}", draw(st.integers(1, 50))))
            continue
        items.insert(at, function_call(f"call_{number}"))
        items.insert(draw(st.integers(at + 1, len(items))), call_output(f"call_{number}"))
    return items


@given(conversations(), st.floats(0, 1))
def test_what_is_left_is_a_whole_conversation_with_its_newest_turn(
    items: list[dict[str, Any]], share: float
) -> None:
    whole = placed(*items)
    kept = without_oldest_turns(whole, share)
    messages_of(kept)  # raises where a call and its output are not both there
    instructions = [
        one for one in whole
        if isinstance(one.item, MessageItem) and one.item.role == "developer"
    ]  # fmt: skip
    assert [one for one in kept if one in instructions] == instructions
    said = [one for one in kept if one not in instructions]
    newest = [one for one in whole if one not in instructions]
    assert said == newest[len(newest) - len(said) :], "only from the beginning"
    last = max(
        (at for at, one in enumerate(newest) if getattr(one.item, "role", "") == "user"), default=0
    )
    assert len(said) >= len(newest) - last
    calls = [one for one in whole if isinstance(one.item, FunctionCallItem | CustomToolCallItem)]
    if len(kept) < len(whole) and not calls:
        assert said[0].item.role == "user"  # type: ignore[union-attr]
