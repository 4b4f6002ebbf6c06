"""Every fault in the dialects of Anthropic and Gemini, as a caller meets it on the wire."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.simulator.wire import CONNECTION_BROKE, Answered, Caller, read_until_broken, user
from tokensmith_simulator.testing import RunningSimulator

CHATS: dict[str, dict[str, Any]] = {
    "anthropic": {
        "model": "claude-sonnet-4-6",
        "max_tokens": 300,
        "messages": user("Describe tea"),
    },
    "gemini": {
        "model": "gemini-3-flash-preview",
        "contents": [{"role": "user", "parts": [{"text": "Describe tea"}]}],
        "generationConfig": {"thinkingConfig": {"thinkingLevel": "MINIMAL"}},
    },
}


class Dialect:
    """One dialect's caller, its usual request, and where to find things in its answers."""

    def __init__(self, name: str, api: Caller) -> None:
        self.name, self.api, self.chat = name, api, CHATS[name]

    async def ask(self, *, stream: bool = False, **changes: Any) -> Answered:
        return await self.api.chat(**(self.chat | changes), stream=stream)

    def open(self, *, stream: bool = True) -> Any:
        body = self.chat | {"stream": stream}
        return self.api.open(**body)

    def error(self, answered: Answered) -> Any:
        return answered.body["error"]

    def usages(self, answered: Answered, *, stream: bool) -> list[Any]:
        """All usage in an answer, the last one being the total."""
        if self.name == "gemini":
            bodies = answered.responses if stream else [answered.body]
            return [body["usageMetadata"] for body in bodies if "usageMetadata" in body]
        if not stream:
            return [answered.body["usage"]] if "usage" in answered.body else []
        events = [event.get("message", event) for _, event in answered.events]
        return [event["usage"] for event in events if "usage" in event]


@pytest.fixture(params=list(CHATS))
def dialect(request: pytest.FixtureRequest) -> Dialect:
    name = str(request.param)
    return Dialect(name, request.getfixturevalue(f"{name}_api"))


async def test_proxy_page_and_error_under_status_200(
    simulator: RunningSimulator, dialect: Dialect
) -> None:
    simulator.inject("bad_gateway_html", provider=dialect.name)
    simulator.inject("json_error_200")
    page = await dialect.ask()
    assert (page.status, page.headers["content-type"]) == (502, "text/html")
    answered = await dialect.ask(stream=True)
    assert (answered.status, answered.headers["content-type"]) == (200, "application/json")
    error = dialect.error(answered)
    words = ("overloaded_error", "Overloaded") if dialect.name == "anthropic" else (503,)
    assert {error.get("type"), error.get("code"), error["message"]} >= set(words)


@pytest.mark.parametrize("stream", [False, True])
async def test_reset_before_first_byte(
    simulator: RunningSimulator, dialect: Dialect, stream: bool
) -> None:
    simulator.inject("reset_before_first_byte")
    with pytest.raises(CONNECTION_BROKE):
        await dialect.ask(stream=stream)


@pytest.mark.parametrize(
    ("kind", "breaks"), [("reset_mid_stream", True), ("truncated_stream", False)]
)
async def test_stream_that_ends_early_is_billed_for_what_left(
    simulator: RunningSimulator, dialect: Dialect, kind: str, breaks: bool
) -> None:
    simulator.inject(kind, after_chunks=6)
    received, broken = await read_until_broken(dialect.open())
    assert broken is breaks
    assert received.count(b"data: ") == 6
    assert b"message_stop" not in received
    assert b"finishReason" not in received
    (entry,) = await simulator.wait_done(1)
    assert entry.billed_usage is not None
    # Three of Anthropic's first six events are not text.
    assert entry.billed_usage["output_tokens"] == (3 if dialect.name == "anthropic" else 6)


@pytest.mark.parametrize("kind", ["reset_mid_stream", "truncated_stream"])
async def test_unary_body_breaks_off(
    simulator: RunningSimulator, dialect: Dialect, kind: str
) -> None:
    simulator.inject(kind)
    assert (await read_until_broken(dialect.open(stream=False)))[1]


@pytest.mark.parametrize("stream", [False, True])
async def test_malformed_json(simulator: RunningSimulator, dialect: Dialect, stream: bool) -> None:
    simulator.inject("malformed_json", after_chunks=2)
    answered = await dialect.ask(stream=stream)
    assert answered.status == 200
    last = answered.raw.strip().rpartition(b"data: ")[2]
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(last)


async def test_error_in_mid_stream_is_the_last_chunk(
    simulator: RunningSimulator, dialect: Dialect
) -> None:
    simulator.inject("error_mid_stream", after_chunks=4, message="No room")
    answered = await dialect.ask(stream=True)
    last = answered.raw.strip().rpartition(b"data: ")[2]
    assert msgspec.json.decode(last)["error"]["message"] == "No room"
    assert (b"event: error\n" in answered.raw) is (dialect.name == "anthropic")


@pytest.mark.parametrize("stream", [False, True])
async def test_usage_that_is_missing_or_wrong(
    simulator: RunningSimulator, dialect: Dialect, stream: bool
) -> None:
    for kind in ("missing_usage", "negative_usage", "huge_usage", "inconsistent_usage"):
        simulator.inject(kind)
    told = [dialect.usages(await dialect.ask(stream=stream), stream=stream) for _ in range(4)]
    missing, negative, huge, odd = told
    assert missing == []
    if dialect.name == "gemini":
        assert negative[-1]["candidatesTokenCount"] < 0
        assert huge[-1]["candidatesTokenCount"] > 10**11
        assert odd[-1]["totalTokenCount"] < odd[-1]["promptTokenCount"]
    else:
        assert negative[-1]["output_tokens"] < 0
        assert huge[-1]["output_tokens"] > 10**11
        thinking = odd[-1]["output_tokens_details"]["thinking_tokens"]
        assert thinking > odd[-1]["output_tokens"]
    assert all(
        entry.billed_usage and entry.billed_usage["output_tokens"] > 0
        for entry in simulator.journal.entries()
    )


@pytest.mark.parametrize("stream", [False, True])
async def test_empty_content(simulator: RunningSimulator, dialect: Dialect, stream: bool) -> None:
    simulator.inject("empty_content")
    answered = await dialect.ask(stream=stream)
    if dialect.name == "anthropic":
        names = [name for name, _ in answered.events] if stream else answered.body["content"]
        assert names == (["message_start", "message_delta", "message_stop"] if stream else [])
    else:
        (body,) = answered.responses if stream else [answered.body]
        assert body["candidates"][0]["content"] == {"role": "model"}


async def test_hang_and_stall_wait_for_release(
    simulator: RunningSimulator, dialect: Dialect
) -> None:
    for kind in ("hang", "stall_mid_stream"):
        simulator.inject(kind, after_chunks=3)
        asked = asyncio.ensure_future(dialect.ask(stream=True))
        await simulator.journal.wait_until(
            lambda entries, kind=kind: any(entry.fault == kind for entry in entries)  # type: ignore[misc]
        )
        assert not asked.done()
        simulator.release()
        answered = await asked
        assert b"message_stop" in answered.raw or b"finishReason" in answered.raw


async def test_directives_and_pace(dialect: Dialect) -> None:
    prompt = "Describe tea [[sim:words=100 tokens=10]]"
    changes: dict[str, Any] = {"messages": user(prompt)}
    if dialect.name == "gemini":
        changes = {"contents": [{"role": "user", "parts": [{"text": prompt}]}]}
    whole = await dialect.ask(**changes)
    stream = await dialect.ask(stream=True, **changes)
    total = dialect.usages(whole, stream=False)[-1]
    output = total.get("output_tokens") or total["candidatesTokenCount"]
    assert stream.raw.count(b'"text":"') == 1 + -(-output // 10)
    fault = "Hi [[sim:fault=503]]"
    if dialect.name == "gemini":
        refused = await dialect.ask(contents=[{"parts": [{"text": fault}]}])
        assert refused.status == 503
    else:
        assert (await dialect.ask(messages=user(fault))).status == 529
