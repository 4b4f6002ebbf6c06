"""What Anthropic's events, usage, stop reasons and headers look like on the wire."""

from __future__ import annotations

from typing import Any

import pytest

from tests.simulator.test_anthropic_sdk import HAIKU, OPUS, SONNET, WEATHER
from tests.simulator.wire import KEY, AnthropicCaller, user
from tokensmith_simulator.testing import RunningSimulator

CHAT: dict[str, Any] = {"model": SONNET, "max_tokens": 200, "messages": user("Describe tea")}
ADAPTIVE: dict[str, Any] = {"max_tokens": 4000, "thinking": {"type": "adaptive"}}


async def test_events_are_those_of_the_documentation(anthropic_api: AnthropicCaller) -> None:
    asked = CHAT | ADAPTIVE | {"messages": user("Weather in Oslo?"), "tools": [WEATHER]}
    answered = await anthropic_api.chat(**asked, stream=True)
    events = answered.events
    names = [name for name, _ in events]
    assert names[:3] == ["message_start", "content_block_start", "ping"]
    assert names[-2:] == ["message_delta", "message_stop"]
    starts = [event for name, event in events if name == "content_block_start"]
    assert [start["index"] for start in starts] == [0, 1, 2]
    kinds = [start["content_block"]["type"] for start in starts]
    assert kinds == ["thinking", "text", "tool_use"]
    assert starts[2]["content_block"]["input"] == {}
    deltas = [event for name, event in events if name == "content_block_delta"]
    assert {delta["delta"]["type"] for delta in deltas if delta["index"] == 0} == {
        "thinking_delta",
        "signature_delta",
    }
    fragments = [delta["delta"]["partial_json"] for delta in deltas if delta["index"] == 2]
    assert fragments[0] == ""
    assert '"city":"Oslo"' in "".join(fragments)
    begun, ended = events[0][1]["message"], events[-2][1]
    assert begun["content"] == []
    assert begun["stop_reason"] is None
    assert begun["usage"]["output_tokens"] == 1
    assert ended["delta"]["stop_reason"] == "tool_use"
    details = ended["usage"]["output_tokens_details"]
    assert 0 < details["thinking_tokens"] < ended["usage"]["output_tokens"]


async def test_call_without_arguments_streams_no_fragment(anthropic_api: AnthropicCaller) -> None:
    pause = {"name": "pause", "input_schema": {"type": "object"}}
    answered = await anthropic_api.chat(
        **CHAT, tools=[pause], tool_choice={"type": "any"}, stream=True
    )
    deltas = [event["delta"] for name, event in answered.events if name == "content_block_delta"]
    assert deltas == [{"type": "input_json_delta", "partial_json": ""}]


async def test_usage_keeps_the_cache_apart(anthropic_api: AnthropicCaller) -> None:
    counted = await anthropic_api.chat(**CHAT | {"messages": user("Tea, cake and milk in bulk")})
    asked = user("Tea, cake and milk in bulk [[sim:cached=4 cache_write=3]]")
    usage = (await anthropic_api.chat(**CHAT | {"messages": asked})).body["usage"]
    assert (usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]) == (4, 3)
    total = usage["input_tokens"] + 7
    assert total > counted.body["usage"]["input_tokens"]  # The directive's text counts.
    entry_total = await anthropic_api.post(
        "/v1/messages/count_tokens", model=SONNET, messages=asked
    )
    assert entry_total.body == {"input_tokens": total}


@pytest.mark.parametrize(
    ("changes", "reason", "stop"),
    [
        ({"max_tokens": 5}, "max_tokens", None),
        ({"max_tokens": 0}, "max_tokens", None),
        ({"stop_sequences": ["zebra", "tea"]}, "stop_sequence", "tea"),
        ({"messages": user("Describe tea [[sim:fault=empty_content]]")}, "end_turn", None),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
async def test_stop_reasons(
    anthropic_api: AnthropicCaller, changes: Any, reason: str, stop: str | None, stream: bool
) -> None:
    answered = await anthropic_api.chat(**(CHAT | changes), stream=stream)
    body = answered.events[-2][1]["delta"] if stream else answered.body
    assert (body["stop_reason"], body["stop_sequence"]) == (reason, stop)


async def test_full_window_is_a_reason_of_its_own(anthropic_api: AnthropicCaller) -> None:
    asked = CHAT | {"model": HAIKU, "max_tokens": 64_000}
    prompt = user("In 9000 words: " + "tea " * 199_900)
    answered = await anthropic_api.chat(**asked | {"messages": prompt})
    assert answered.body["stop_reason"] == "model_context_window_exceeded"
    long = await anthropic_api.chat(**asked | {"messages": user("tea " * 250_000)})
    assert "prompt is too long" in long.body["error"]["message"]
    assert long.status == 400


async def test_headers_are_required_and_given(anthropic_api: AnthropicCaller) -> None:
    headers = {"content-type": "application/json"}
    no_key = await anthropic_api.send("POST", "/v1/messages", key="", data=b"{}", headers=headers)
    assert (no_key.status, no_key.body["error"]["message"]) == (401, "x-api-key header is required")
    headers["x-api-key"] = KEY
    bare = await anthropic_api.send("POST", "/v1/messages", key="", data=b"{}", headers=headers)
    assert bare.body["error"]["message"] == "anthropic-version: header is required"
    headers["anthropic-version"] = "2023-06-01"
    broken = await anthropic_api.send("POST", "/v1/messages", key="", data=b"{", headers=headers)
    assert (broken.status, broken.body["error"]["type"]) == (400, "invalid_request_error")
    wins = await anthropic_api.send("POST", "/v1/messages", key="wrong", json=CHAT, headers=headers)
    assert wins.status == 200
    assert wins.headers["anthropic-ratelimit-requests-limit"] == "4000"
    old = await anthropic_api.post("/v1/messages", version="2023-01-01", **CHAT)
    assert '"2023-01-01" is not a valid version' in old.body["error"]["message"]
    nothing = await anthropic_api.post("/v1/complete", **CHAT)
    assert (nothing.status, nothing.body["error"]["type"]) == (404, "not_found_error")


async def test_newer_version_knows_no_sampling(anthropic_api: AnthropicCaller) -> None:
    answered = await anthropic_api.post("/v1/messages", version="2026-10-21", **CHAT, temperature=1)
    assert answered.body["error"]["message"] == "temperature: Extra inputs are not permitted"
    assert (await anthropic_api.chat(**CHAT, temperature=1)).status == 200
    assert (await anthropic_api.chat(**CHAT | {"model": OPUS}, temperature=1)).status == 200


async def test_count_takes_no_limit(anthropic_api: AnthropicCaller) -> None:
    answered = await anthropic_api.post("/v1/messages/count_tokens", **CHAT)
    assert answered.body["error"]["message"] == "max_tokens: Extra inputs are not permitted"


async def test_key_is_not_kept(simulator: RunningSimulator, anthropic_api: AnthropicCaller) -> None:
    await anthropic_api.chat(**CHAT)
    (entry,) = simulator.journal.entries()
    assert entry.key_sent
    assert KEY not in str(entry.headers)
