"""Every fault of Gemini as the caller gets it, and what is on the wire."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from tests.integration.providers.conftest import Streamed, Upstream, finish_of
from tests.integration.providers.gemini import (
    FLASH,
    KEY,
    gemini_upstream,
)
from tests.integration.providers.upstream import (
    STREAM_HEAD,
    ScriptedUpstream,
    answer,
    chunk,
    scripted,
)
from tests.unit.server.providers.gemini.wires import answer as gemini_answer
from tests.unit.server.providers.gemini.wires import candidate
from tests.unit.server.providers.gemini.wires import text as text_part
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.base import (
    ChatBatch,
    ChatResult,
    ErrorKind,
    Phase,
    ProviderError,
    ProviderSettings,
    Timeouts,
)
from tokensmith_server.providers.gemini.provider import NAME, create
from tokensmith_server.providers.http import create_session


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with gemini_upstream() as upstream:
        yield upstream


@dataclass
class Seen:
    """What the caller of a faulty upstream gets."""

    error: ProviderError | None
    batches: list[ChatBatch]
    result: ChatResult | None = None
    opened: bool = False

    @property
    def fault(self) -> ProviderError:
        assert self.error is not None
        assert (self.error.phase is Phase.STREAMING) == self.opened
        return self.error

    @property
    def text(self) -> str:
        return Streamed(self.batches).text


async def attempt(upstream: Upstream, *, whole: bool, prompt: str = "Hi.", **limits: Any) -> Seen:
    call = upstream.call(NAME, prompt, model_id=FLASH, timeouts=Timeouts(**limits), cap=2_000)
    provider = upstream.providers[NAME]
    if whole:
        try:
            return Seen(None, [], await provider.complete_chat(call))
        except ProviderError as error:
            return Seen(error, [])
    batches: list[ChatBatch] = []
    try:
        opened = await provider.stream_chat(call)
    except ProviderError as error:
        return Seen(error, [])
    try:
        async for batch in opened:
            batches.append(batch)  # noqa: PERF401 - what came before the error counts
    except ProviderError as error:
        return Seen(error, batches, opened=True)
    finally:
        await opened.aclose()
    return Seen(None, batches)


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("fault", "fields", "kind"),
    [
        ("rate_limit", {"retry_after_seconds": 34}, ErrorKind.RATE_LIMITED),
        ("rate_limit", {}, ErrorKind.RATE_LIMITED),
        ("insufficient_quota", {}, ErrorKind.OPERATOR_CREDIT),
        ("payment_required", {}, ErrorKind.OPERATOR_CREDIT),
        ("invalid_key", {}, ErrorKind.OPERATOR_AUTH),
        ("forbidden", {}, ErrorKind.OPERATOR_AUTH),
        ("server_error", {}, ErrorKind.OVERLOADED),
        ("overloaded", {}, ErrorKind.OVERLOADED),
        ("timeout", {}, ErrorKind.TIMEOUT),
        ("bad_gateway_html", {}, ErrorKind.OVERLOADED),
        ("moderation_block", {}, ErrorKind.CONTENT_REFUSED),
        ("moderation_block", {"code": "PROHIBITED_CONTENT"}, ErrorKind.CONTENT_REFUSED),
        ("json_error_200", {}, ErrorKind.OVERLOADED),
        ("reset_before_first_byte", {}, ErrorKind.CONNECTION),
    ],
)
async def test_a_refusal_is_of_its_kind(
    upstream: Upstream, whole: bool, fault: str, fields: dict[str, Any], kind: ErrorKind
) -> None:
    upstream.simulator.inject(fault, **fields)
    error = (await attempt(upstream, whole=whole)).fault
    assert error.kind is kind
    if "retry_after_seconds" in fields:
        assert error.retry_after_seconds == 34


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("reset_mid_stream", ErrorKind.CONNECTION),
        ("truncated_stream", ErrorKind.CONNECTION),
        ("error_mid_stream", ErrorKind.OVERLOADED),
        ("malformed_json", ErrorKind.MALFORMED_RESPONSE),
    ],
)
async def test_a_stream_that_breaks_off_keeps_what_came_and_its_usage(
    upstream: Upstream, fault: str, kind: ErrorKind
) -> None:
    upstream.simulator.inject(fault, after_chunks=250)
    prompt = "[[sim:words=400]] Go on."
    seen = await attempt(upstream, whole=False, prompt=prompt)
    assert (seen.fault.kind, seen.fault.phase) == (kind, Phase.STREAMING)
    assert seen.fault.may_have_run
    assert seen.batches
    assert seen.fault.usage is not None


async def test_a_silent_stream_is_given_up(upstream: Upstream) -> None:
    upstream.simulator.inject("stall_mid_stream", after_chunks=3)
    seen = await attempt(upstream, whole=False, idle_seconds=0.1)
    assert (seen.fault.kind, seen.fault.code) == (ErrorKind.TIMEOUT, "idle_timeout")


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "streamed"])
async def test_a_block_in_the_answer_is_a_content_filter(upstream: Upstream, whole: bool) -> None:
    upstream.simulator.inject("content_filter", after_chunks=300)
    seen = await attempt(upstream, whole=whole, prompt="[[sim:words=400]] Go on.")
    assert seen.error is None
    if seen.result is not None:
        assert finish_of(seen.result) == chat_pb.FINISH_REASON_CONTENT_FILTER
    else:
        assert Streamed(seen.batches).finish_reason == chat_pb.FINISH_REASON_CONTENT_FILTER


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "streamed"])
@pytest.mark.parametrize(
    ("fault", "logged"),
    [
        ("missing_usage", False),
        ("negative_usage", True),
        ("huge_usage", True),
        ("inconsistent_usage", True),
    ],
)
async def test_a_usage_that_cannot_be_is_no_usage(
    upstream: Upstream, whole: bool, fault: str, logged: bool
) -> None:
    upstream.simulator.inject(fault)
    with capture_logs() as logs:
        seen = await attempt(upstream, whole=whole)
    assert seen.error is None
    if seen.result is not None:
        assert seen.result.usage is None
    else:
        assert all(batch.usage is None for batch in seen.batches)
    assert ("upstream_usage_unusable" in [log["event"] for log in logs]) is logged


async def test_a_prompt_that_is_too_long_is_so(upstream: Upstream) -> None:
    body = {
        "code": 400,
        "message": "The input token count (2000000) exceeds the maximum number of tokens allowed"
        " (1048576).",
        "status": "INVALID_ARGUMENT",
    }

    async def script(scripted: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(msgspec.json.encode({"error": body}), status="400 Bad Request"))

    async with scripted(script) as at, create_session() as session:
        provider = create(ProviderSettings(KEY, at.base_url), session)
        with pytest.raises(ProviderError) as caught:
            await provider.complete_chat(upstream.call(NAME, model_id=FLASH))
    assert caught.value.kind is ErrorKind.CONTEXT_LENGTH


# The wire itself.

WHOLE = gemini_answer(candidate(text_part("hi"), finish="STOP"))


@pytest.mark.parametrize("base", ["", "/", "/v1beta", "/gemini/v1beta/"])
async def test_the_key_is_in_its_header_and_in_no_address(upstream: Upstream, base: str) -> None:
    async def script(scripted: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(WHOLE))

    async with scripted(script) as at, create_session() as session:
        provider = create(ProviderSettings(KEY + "\n", at.base_url + base), session)
        await provider.complete_chat(upstream.call(NAME, model_id=FLASH))
    [request] = at.requests
    head = request.partition(b"\r\n\r\n")[0]
    path = base.rstrip("/").encode() or b"/v1beta"
    path = path if path.endswith(b"/v1beta") else path + b"/v1beta"
    line = b"POST %s/models/gemini-3-flash-preview:generateContent HTTP/1.1" % path
    assert head.split(b"\r\n")[0] == line
    assert f"x-goog-api-key: {KEY}".encode() in head
    assert request.count(KEY.encode()) == 1


async def test_a_stream_in_the_smallest_pieces_without_an_end_mark(upstream: Upstream) -> None:
    words = [f" w{number}" for number in range(6)]
    frames = [gemini_answer(candidate(text_part(word))) for word in words]
    frames.append(gemini_answer(candidate(finish="STOP")))
    wire = b"".join(b"data: " + frame + b"\r\n\r\n" for frame in frames)

    async def script(scripted: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD)
        for start in range(0, len(wire), 7):
            writer.write(chunk(wire[start : start + 7]))
            await writer.drain()
        writer.write(chunk(b""))

    async with scripted(script) as at, create_session() as session:
        provider = create(ProviderSettings(KEY, at.base_url), session)
        opened = await provider.stream_chat(upstream.call(NAME, model_id=FLASH))
        streamed = Streamed([batch async for batch in opened])
    assert streamed.text == "".join(words)
    assert b":streamGenerateContent?alt=sse HTTP" in at.requests[0]


async def test_a_200_that_is_no_stream_is_malformed(upstream: Upstream) -> None:
    async def script(scripted: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"[" + WHOLE + b"]"))

    async with scripted(script) as at, create_session() as session:
        provider = create(ProviderSettings(KEY, at.base_url), session)
        with pytest.raises(ProviderError) as caught:
            await provider.stream_chat(upstream.call(NAME, model_id=FLASH))
    assert caught.value.kind is ErrorKind.MALFORMED_RESPONSE
