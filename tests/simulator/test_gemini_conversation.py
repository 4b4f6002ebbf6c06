"""The order of Gemini's contents, its thought signatures, and how its streams are made up."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest

from tests.simulator.test_gemini_sdk import FLASH
from tests.simulator.test_gemini_strictness import (
    ANSWERED,
    CALLED,
    CHAT,
    WEATHER,
    generation,
    said,
    text,
)
from tests.simulator.wire import GeminiCaller

SKIP = {"thoughtSignature": "skip_thought_signature_validator"}

ORDERS: list[tuple[str, list[Any], str | None]] = [
    ("in order", [said("model", CALLED | SKIP), said("user", ANSWERED)], None),
    ("text after", [said("model", CALLED | SKIP), said("user", ANSWERED, text("So?"))], None),
    (
        "too few answers",
        [said("model", CALLED | SKIP, CALLED), said("user", ANSWERED)],
        "the number of function response parts is equal to the number of function call parts",
    ),
    (
        "answers apart",
        [said("model", CALLED | SKIP, CALLED), said("user", ANSWERED), said("user", ANSWERED)],
        "the number of function response parts is equal to the number of function call parts",
    ),
    ("no answer", [said("model", CALLED | SKIP)], "the number of function response parts"),
    ("answer to nothing", [said("user", ANSWERED)], "comes immediately after a function call turn"),
    (
        "call after the model",
        [said("model", text("Well")), said("model", CALLED | SKIP), said("user", ANSWERED)],
        "function call turn comes immediately after a user turn",
    ),
    (
        "answer of another",
        [
            said("model", CALLED | SKIP),
            said("user", {"functionResponse": {"name": "x", "response": {}}}),
        ],
        "function response names do not match",
    ),
    (
        "nameless answer",
        [said("model", CALLED | SKIP), said("user", {"functionResponse": {"response": {}}})],
        "function_response.name: Name cannot be empty",
    ),
    ("same role twice", [said("user", text("Hello?"))], None),
]


@pytest.mark.parametrize(("turns", "words"), [o[1:] for o in ORDERS], ids=[o[0] for o in ORDERS])
async def test_calls_are_answered_at_once(
    gemini_api: GeminiCaller, turns: list[Any], words: str | None
) -> None:
    contents = [said("user", text("Weather?")), *turns]
    answered = await gemini_api.chat(model=FLASH, contents=contents, tools=WEATHER)
    assert answered.status == (400 if words else 200)
    assert (words or "") in answered.raw.decode()


async def steps(api: GeminiCaller, *turns: Any) -> str:
    """Continue a conversation; return the error, or nothing."""
    contents = [said("user", text("Weather in Oslo?")), *turns]
    answered = await api.chat(model=FLASH, contents=contents, tools=WEATHER)
    return "" if answered.status == 200 else str(answered.body["error"]["message"])


async def called(api: GeminiCaller) -> Any:
    asked = said("user", text("Weather in Oslo?"))
    answered = await api.chat(model=FLASH, contents=[asked], tools=WEATHER)
    (part,) = answered.body["candidates"][0]["content"]["parts"]
    return part


async def test_first_call_of_every_step_brings_its_signature(gemini_api: GeminiCaller) -> None:
    part = await called(gemini_api)
    bare = {"functionCall": part["functionCall"]}
    assert await steps(gemini_api, said("model", part), said("user", ANSWERED)) == ""
    problem = await steps(gemini_api, said("model", bare), said("user", ANSWERED))
    assert problem.startswith("Function call is missing a thought_signature in functionCall parts")
    assert "function call `default_api:get_weather` , position 2." in problem
    two = said("user", ANSWERED, ANSWERED)
    assert await steps(gemini_api, said("model", part, bare), two) == ""
    assert "missing a thought_signature" in await steps(gemini_api, said("model", bare, part), two)
    turns = [
        said("model", part),
        said("user", ANSWERED),
        said("model", bare),
        said("user", ANSWERED),
    ]
    assert "position 4" in await steps(gemini_api, *turns)


async def test_earlier_turns_need_no_signature(gemini_api: GeminiCaller) -> None:
    turns = [
        said("model", CALLED),
        said("user", ANSWERED),
        said("model", text("Rain.")),
        said("user", text("Thanks")),
    ]
    assert await steps(gemini_api, *turns) == ""


async def test_signature_is_verified(gemini_api: GeminiCaller) -> None:
    part = await called(gemini_api)
    broken, moved = copy.deepcopy(part), copy.deepcopy(part)
    broken["thoughtSignature"] = base64.b64encode(b"nonsense").decode()
    problem = await steps(gemini_api, said("model", broken), said("user", ANSWERED))
    assert problem == "Corrupted thought signature."
    moved["functionCall"]["name"] = "other"
    other = {"functionResponse": {"name": "other", "response": {}}}
    assert "Corrupted" in await steps(gemini_api, said("model", moved), said("user", other))
    url_safe = part | {
        "thoughtSignature": part["thoughtSignature"].replace("+", "-").replace("/", "_")
    }
    assert await steps(gemini_api, said("model", url_safe), said("user", ANSWERED)) == ""


@pytest.mark.parametrize(
    "skip",
    [
        "skip_thought_signature_validator",
        base64.b64encode(b"skip_thought_signature_validator").decode(),
        "context_engineering_is_the_way_to_go",
    ],
)
async def test_documented_bypass_is_accepted(gemini_api: GeminiCaller, skip: str) -> None:
    part = CALLED | {"thoughtSignature": skip}
    assert await steps(gemini_api, said("model", part), said("user", ANSWERED)) == ""


async def test_signature_of_a_text_comes_back_in_its_empty_part(gemini_api: GeminiCaller) -> None:
    responses = (await gemini_api.chat(**CHAT, stream=True)).responses
    parts = [part for one in responses for part in one["candidates"][0]["content"]["parts"]]
    assert parts[-1]["text"] == ""
    contents = [*CHAT["contents"], said("model", *parts), said("user", text("And coffee?"))]
    assert (await gemini_api.chat(model=FLASH, contents=contents)).status == 200
    parts[-1]["thoughtSignature"] = "AAAA"
    refused = await gemini_api.chat(model=FLASH, contents=contents)
    assert refused.body["error"]["message"] == "Corrupted thought signature."


async def test_stream_of_calls_ends_with_an_empty_stop(gemini_api: GeminiCaller) -> None:
    contents = [said("user", text("Weather in Paris and London?"))]
    answered = await gemini_api.chat(model=FLASH, contents=contents, tools=WEATHER, stream=True)
    assert answered.headers["content-type"] == "text/event-stream"
    *calls, last = [one["candidates"][0] for one in answered.responses]
    assert all("finishReason" not in call for call in calls)
    names = [call["content"]["parts"][0]["functionCall"]["name"] for call in calls]
    assert names == ["get_weather", "get_weather"]
    assert last["finishReason"] == "STOP"
    assert last["content"]["parts"] == [{"text": ""}]


async def test_usage_is_cumulative_and_thoughts_are_outside(gemini_api: GeminiCaller) -> None:
    contents = [said("user", text("Describe tea [[sim:cached=4]]"))]
    answered = await gemini_api.chat(model=FLASH, contents=contents, stream=True)
    usages = [one["usageMetadata"] for one in answered.responses]
    totals = [usage["totalTokenCount"] for usage in usages]
    assert totals == sorted(totals)
    last = usages[-1]
    outputs = last["candidatesTokenCount"] + last["thoughtsTokenCount"]
    assert last["totalTokenCount"] == last["promptTokenCount"] + outputs
    assert last["cachedContentTokenCount"] == 4


@pytest.mark.parametrize("limit", [10, 300])
async def test_thoughts_are_inside_the_output_limit(gemini_api: GeminiCaller, limit: int) -> None:
    contents = [said("user", text("Describe tea in 300 words"))]
    settings = generation(maxOutputTokens=limit)
    body = (await gemini_api.chat(model=FLASH, contents=contents, **settings)).body
    candidate, usage = body["candidates"][0], body["usageMetadata"]
    assert candidate["finishReason"] == "MAX_TOKENS"
    assert ("parts" in candidate["content"]) is (limit == 300)
    assert usage.get("candidatesTokenCount", 0) + usage["thoughtsTokenCount"] == limit
