"""Every fault, as a caller meets it on the wire."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import msgspec
import pytest

from tests.simulator.wire import CONNECTION_BROKE, Caller, read_until_broken, user
from tokensmith_simulator.testing import FaultKind, RunningSimulator

MODELS = {
    "openai": "gpt-5.4-mini",
    "xai": "grok-4.20-0309-non-reasoning",
    "together": "meta-llama/Llama-3.3-70B-Instruct-Turbo",
}
MODEL = MODELS["openai"]
CHAT: dict[str, Any] = {"model": MODEL, "messages": user("Describe tea")}


@pytest.fixture(params=list(MODELS))
def provider(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def api(request: pytest.FixtureRequest, provider: str) -> Caller:
    caller: Caller = request.getfixturevalue(f"{provider}_api")
    return caller


@pytest.mark.parametrize(
    ("kind", "statuses"),
    [
        ("rate_limit", (429, 429, 429)),
        ("insufficient_quota", (429, 429, 402)),
        ("payment_required", (402, 402, 402)),
        ("server_error", (500, 500, 500)),
        ("overloaded", (503, 503, 503)),
        ("timeout", (504, 504, 504)),
        ("invalid_key", (401, 400, 401)),
        ("forbidden", (403, 403, 403)),
        ("moderation_block", (400, 403, 400)),
    ],
)
async def test_status_fault_has_the_vendors_shape(
    simulator: RunningSimulator, api: Caller, provider: str, kind: str, statuses: tuple[int, ...]
) -> None:
    simulator.inject(kind, provider=provider, retry_after_seconds=1.5)
    answered = await api.chat(model=MODELS[provider], messages=user("Hi"), stream=True)
    assert answered.status == statuses[list(MODELS).index(provider)]
    assert answered.headers["content-type"] == "application/json"
    assert answered.headers["retry-after"] == "1.5"
    assert answered.headers["retry-after-ms"] == "1500"
    error = answered.body["error"]
    assert isinstance(error, str if provider == "xai" else dict)
    recovered = await api.chat(model=MODELS[provider], messages=user("Hi"))
    assert recovered.status == 200


async def test_quota_and_rate_limit_differ_in_type(
    simulator: RunningSimulator, openai_api: Caller
) -> None:
    simulator.inject("rate_limit")
    simulator.inject("insufficient_quota")
    errors = [(await openai_api.chat(**CHAT)).body["error"] for _ in range(2)]
    assert [error["code"] for error in errors] == ["rate_limit_exceeded", "insufficient_quota"]
    assert errors[1]["type"] == "insufficient_quota"


async def test_html_page_from_a_proxy(
    simulator: RunningSimulator, api: Caller, provider: str
) -> None:
    simulator.inject("bad_gateway_html")
    answered = await api.chat(model=MODELS[provider], messages=user("Hi"))
    assert answered.status == 502
    assert answered.headers["content-type"].startswith("text/html")
    assert answered.raw.startswith(b"<html>")


async def test_status_200_with_a_json_error_on_a_stream(
    simulator: RunningSimulator, xai_api: Caller
) -> None:
    simulator.inject("json_error_200")
    answered = await xai_api.chat(model=MODELS["xai"], messages=user("Hi"), stream=True)
    assert answered.status == 200
    assert answered.headers["content-type"].startswith("application/json")
    assert answered.body["code"] == "The service is currently unavailable"


@pytest.mark.parametrize("stream", [False, True])
async def test_reset_before_first_byte(
    simulator: RunningSimulator, openai_api: Caller, stream: bool
) -> None:
    simulator.inject("reset_before_first_byte")
    with pytest.raises(
        (aiohttp.ServerDisconnectedError, ConnectionResetError, aiohttp.ClientOSError)
    ):
        await openai_api.chat(**CHAT, stream=stream)
    (entry,) = await simulator.wait_done(1)
    assert entry.outcome == "cut"
    assert entry.status is None
    assert entry.billed_usage is None


async def test_reset_is_a_tcp_rst(simulator: RunningSimulator) -> None:
    simulator.inject("reset_before_first_byte")
    port = int(simulator.origin.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = msgspec.json.encode(CHAT)
    writer.write(
        b"POST /openai/v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n"
        b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    )
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


@pytest.mark.parametrize("pace", [0, 1])
async def test_reset_mid_stream_after_k_chunks(
    simulator: RunningSimulator, openai_api: Caller, pace: int
) -> None:
    simulator.set_pace(chunk_delay_ms=pace)
    simulator.inject("reset_mid_stream", after_chunks=4)
    received, broken = await read_until_broken(openai_api.open(**CHAT, stream=True))
    assert broken
    assert received.count(b"data: ") == 4
    (entry,) = await simulator.wait_done(1)
    assert (entry.outcome, entry.sent_chunks) == ("cut", 4)
    assert entry.billed_usage is not None
    assert entry.billed_usage["output_tokens"] == 3


async def test_truncated_stream_ends_cleanly_without_finish(
    simulator: RunningSimulator, api: Caller, provider: str
) -> None:
    simulator.inject("truncated_stream", after_chunks=1000)
    received, broken = await read_until_broken(
        api.open(model=MODELS[provider], messages=user("Hi"), stream=True)
    )
    assert not broken
    assert b"[DONE]" not in received
    assert b'"finish_reason":"' not in received
    assert received.count(b"data: ") > 4


async def test_malformed_frame_ends_a_stream(
    simulator: RunningSimulator, openai_api: Caller
) -> None:
    simulator.inject("malformed_json", after_chunks=2)
    answered = await openai_api.chat(**CHAT, stream=True)
    *good, bad = answered.frames
    assert [msgspec.json.decode(frame)["object"] for frame in good] == ["chat.completion.chunk"] * 2
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(bad)


async def test_malformed_unary_body(
    simulator: RunningSimulator, api: Caller, provider: str
) -> None:
    simulator.inject("malformed_json")
    answered = await api.chat(model=MODELS[provider], messages=user("Hi"))
    assert answered.status == 200
    with pytest.raises(msgspec.DecodeError):
        _ = answered.body


@pytest.mark.parametrize("kind", ["reset_mid_stream", "truncated_stream"])
async def test_unary_body_breaks_off_in_the_middle(
    simulator: RunningSimulator, openai_api: Caller, kind: str
) -> None:
    simulator.inject(kind)
    _, broken = await read_until_broken(openai_api.open(**CHAT))
    assert broken


async def test_error_frame_then_the_end(
    simulator: RunningSimulator, api: Caller, provider: str
) -> None:
    simulator.inject("error_mid_stream", after_chunks=2)
    answered = await api.chat(model=MODELS[provider], messages=user("Hi"), stream=True)
    assert answered.status == 200
    assert "error" in msgspec.json.decode(answered.frames[-1])
    assert len(answered.frames) == 3


@pytest.mark.parametrize("stream", [False, True])
async def test_missing_usage(
    simulator: RunningSimulator, api: Caller, provider: str, stream: bool
) -> None:
    simulator.inject("missing_usage")
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if stream else {}
    chat = {"model": MODELS[provider], "messages": user("Hi"), "stream": stream, **options}
    answered = await api.chat(**chat)
    bodies = answered.chunks if stream else [answered.body]
    assert all(body.get("usage") is None for body in bodies)
    (entry,) = simulator.journal.entries()
    assert entry.usage is None
    assert entry.billed_usage is not None
    assert entry.billed_usage["output_tokens"] > 0


async def test_wrong_usages(simulator: RunningSimulator, api: Caller, provider: str) -> None:
    for kind in ("negative_usage", "huge_usage", "inconsistent_usage"):
        simulator.inject(kind)
    chat: dict[str, Any] = {"model": MODELS[provider], "messages": user("Hi")}
    negative, huge, odd = [(await api.chat(**chat)).body["usage"] for _ in range(3)]
    assert negative["completion_tokens"] < 0
    assert huge["total_tokens"] > 10**11
    assert odd["total_tokens"] < odd["prompt_tokens"] + odd["completion_tokens"]


@pytest.mark.parametrize("stream", [False, True])
async def test_empty_content(
    simulator: RunningSimulator, api: Caller, provider: str, stream: bool
) -> None:
    simulator.inject("empty_content")
    answered = await api.chat(model=MODELS[provider], messages=user("Hi"), stream=stream)
    if stream:
        texts = [chunk["choices"][0]["delta"].get("content") for chunk in answered.chunks]
        assert not any(texts)
    else:
        assert answered.body["choices"][0]["message"]["content"] == ""


async def test_content_filter_cuts_the_text(
    simulator: RunningSimulator, openai_api: Caller
) -> None:
    simulator.inject("content_filter", after_chunks=2)
    body = (await openai_api.chat(**CHAT)).body
    assert body["choices"][0]["finish_reason"] == "content_filter"
    assert body["usage"]["completion_tokens"] == 2


async def test_hang_answers_only_after_release(
    simulator: RunningSimulator, openai_api: Caller
) -> None:
    simulator.inject("hang")
    asked = asyncio.ensure_future(openai_api.chat(**CHAT))
    await simulator.journal.wait_until(lambda entries: any(entry.fault for entry in entries))
    assert not asked.done()
    simulator.release()
    assert (await asked).status == 200


async def test_caller_who_gives_up_on_a_hang_is_noted(
    simulator: RunningSimulator, openai_api: Caller
) -> None:
    simulator.inject("hang")
    asked = asyncio.ensure_future(openai_api.chat(**CHAT))
    await simulator.journal.wait_until(lambda entries: any(entry.fault for entry in entries))
    asked.cancel()
    (entry,) = await simulator.wait_done(1)
    assert entry.client_hung_up
    assert entry.outcome == "client_gone"


async def test_stall_mid_stream_goes_on_after_release(
    simulator: RunningSimulator, openai_api: Caller
) -> None:
    simulator.inject("stall_mid_stream", after_chunks=2)
    async with openai_api.open(**CHAT, stream=True) as response:
        received = b""
        while received.count(b"data: ") < 2:
            received += await response.content.readany()
        assert simulator.journal.entries()[0].sent_chunks == 2
        simulator.release()
        received += await response.content.read()
    assert received.endswith(b"data: [DONE]\n\n")


async def test_caller_who_hangs_up_in_mid_stream_is_billed_for_what_left(
    simulator: RunningSimulator, openai_api: Caller
) -> None:
    simulator.inject("stall_mid_stream", after_chunks=5)
    async with openai_api.open(**CHAT, stream=True) as response:
        await response.content.readany()
        response.close()
    (entry,) = await simulator.wait_done(1)
    assert entry.client_hung_up
    assert entry.billed_usage is not None
    assert entry.billed_usage["output_tokens"] == 4


async def test_slow_first_byte_is_late_but_whole(
    simulator: RunningSimulator, openai_api: Caller
) -> None:
    simulator.inject("slow_first_byte", delay_ms=30)
    assert (await openai_api.chat(**CHAT)).status == 200
    (entry,) = simulator.journal.entries()
    assert entry.duration_ms is not None
    assert entry.duration_ms >= 29


async def test_stopping_drops_what_hangs(simulator: RunningSimulator, openai_api: Caller) -> None:
    simulator.inject("hang")
    asked = asyncio.ensure_future(openai_api.chat(**CHAT))
    await simulator.journal.wait_until(lambda entries: any(entry.fault for entry in entries))
    simulator.faults.close()
    with pytest.raises(CONNECTION_BROKE):
        await asked


async def test_faults_match_provider_model_and_kind_of_call(
    simulator: RunningSimulator, openai_api: Caller, xai_api: Caller
) -> None:
    simulator.inject("server_error", provider="xai", count=None)
    simulator.inject("overloaded", model="gpt-5.4", stream=True, count=2)
    assert (await openai_api.chat(**CHAT)).status == 200
    assert (await openai_api.chat(model="gpt-5.4", messages=user("Hi"))).status == 200
    for expected in (503, 503, 200):
        answered = await openai_api.chat(model="gpt-5.4", messages=user("Hi"), stream=True)
        assert answered.status == expected
    for _ in range(3):
        answered = await xai_api.chat(model=MODELS["xai"], messages=user("Hi"))
        assert answered.status == 500
    simulator.faults.clear()
    assert (await xai_api.chat(model=MODELS["xai"], messages=user("Hi"))).status == 200


async def test_skip_lets_the_first_requests_pass(
    simulator: RunningSimulator, openai_api: Caller
) -> None:
    simulator.inject(FaultKind.SERVER_ERROR, skip=1)
    assert [(await openai_api.chat(**CHAT)).status for _ in range(3)] == [200, 500, 200]


async def test_refused_request_uses_up_no_fault(
    simulator: RunningSimulator, openai_api: Caller
) -> None:
    simulator.inject("server_error")
    assert (await openai_api.chat(**CHAT, foo=1)).status == 400
    assert (await openai_api.chat(**CHAT)).status == 500


async def test_fault_in_the_prompt(openai_api: Caller) -> None:
    answered = await openai_api.chat(
        model=MODEL, messages=user("Hi [[sim:fault=429 retry_after=2]]")
    )
    assert answered.status == 429
    assert answered.headers["retry-after"] == "2"


async def test_directives_in_the_prompt_shape_the_answer(openai_api: Caller) -> None:
    prompt = "Describe tea [[sim:words=300 cached=5 tokens=10]]"
    body = (await openai_api.chat(model=MODEL, messages=user(prompt))).body
    content = body["choices"][0]["message"]["content"]
    assert len(content.split()) == 300
    assert "[[" not in content
    assert body["usage"]["prompt_tokens_details"]["cached_tokens"] == 5
    stream = await openai_api.chat(model=MODEL, messages=user(prompt), stream=True)
    assert len(stream.chunks) == 2 + -(-body["usage"]["completion_tokens"] // 10)


async def test_pace_sends_chunks_apart(simulator: RunningSimulator, openai_api: Caller) -> None:
    simulator.set_pace(chunk_delay_ms=5, tokens_per_chunk=20, first_byte_delay_ms=5)
    answered = await openai_api.chat(**CHAT, stream=True)
    (entry,) = simulator.journal.entries()
    assert entry.duration_ms is not None
    assert entry.duration_ms >= 5 * len(answered.frames)
