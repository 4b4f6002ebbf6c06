"""What the adapters keep to themselves, and hosts that an operator adds."""

import asyncio
import io
import logging
import traceback

import aiohttp
import pytest
from structlog.testing import capture_logs

from tests.integration.providers.upstream import (
    STREAM_HEAD,
    ScriptedUpstream,
    answer,
    chunk,
    scripted,
)
from tests.unit.server.providers.chats import model, params, said
from tokensmith_server.catalog.model import Dialect, ExtraProvider
from tokensmith_server.providers.base import (
    ChatCall,
    ErrorKind,
    Phase,
    ProviderError,
    ProviderSettings,
    UpstreamFacts,
)
from tokensmith_server.providers.credentials import credentials_of, split_keys
from tokensmith_server.providers.http import create_session
from tokensmith_server.providers.registry import CHAT_FACTORIES, create_chat_providers

KEY = "sk-Qw9zRt5yUi1oPa7sDf3gHj"
USAGE = b'"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}'
BODY = b'{"choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}],' + USAGE + b"}"


def call_of(provider: str) -> ChatCall:
    spec = model(provider)
    return ChatCall(params(messages=[said("canary-prompt")]), spec, spec.routes[0], 50)


def heads(upstream: ScriptedUpstream) -> list[bytes]:
    return [request.split(b"\r\n")[0] for request in upstream.requests]


@pytest.mark.parametrize("status", ["401 No", "400 No", "403 No", "429 No", "500 No", "200 OK"])
@pytest.mark.parametrize("vendor", CHAT_FACTORIES)
async def test_echoed_key_and_prompt_reach_neither_error_nor_log(vendor: str, status: str) -> None:
    body = (
        b'{"error":{"message":"Bad Bearer %s, prefix %s***, for canary-prompt at http://10.1.2.3/x",'
        b'"type":"%s","param":"%s","code":"%s"}}'
    ) % ((KEY.encode(), KEY[:12].encode()) + (KEY.encode(),) * 3)

    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(body, status=status))

    plain = io.StringIO()
    handler = logging.StreamHandler(plain)
    logging.getLogger().addHandler(handler)
    try:
        async with scripted(script) as upstream, create_session() as session:
            settings = {vendor: ProviderSettings(KEY, upstream.base_url)}
            provider = create_chat_providers(session, settings)[vendor]
            with capture_logs() as logs, pytest.raises(ProviderError) as caught:
                await provider.complete_chat(call_of(vendor))
    finally:
        logging.getLogger().removeHandler(handler)
    error = caught.value
    shown = " ".join(
        [
            *traceback.format_exception(error),
            repr(error),
            repr(vars(error)),
            repr(provider),
            repr(settings),
            repr(logs),
            plain.getvalue(),
        ]
    )
    assert not [KEY[i : i + 8] for i in range(len(KEY) - 7) if KEY[i : i + 8] in shown]
    assert "10.1.2.3" not in shown
    assert "canary-prompt" not in repr(logs) + plain.getvalue()


@pytest.mark.parametrize("dialect", Dialect)
async def test_a_host_of_the_overlay_is_called_as_its_dialect_wants(dialect: Dialect) -> None:
    paths = {Dialect.ANTHROPIC: b"/v1/messages", Dialect.GEMINI: b"/v1beta/models/"}

    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"{}", status="500 No"))

    async with scripted(script) as upstream, create_session() as session:
        extra = ExtraProvider("eu", upstream.base_url, "EU_KEY", dialect)
        providers = create_chat_providers(session, {"eu": ProviderSettings(KEY)}, [extra])
        with capture_logs() as logs, pytest.raises(ProviderError):
            await providers["eu"].complete_chat(call_of("eu"))
    assert paths.get(dialect, b"/chat/completions") in heads(upstream)[0]
    assert {entry["provider"] for entry in logs} == {"eu"}


async def test_connection_errors_show_no_address_and_no_key() -> None:
    async with create_session() as session:
        settings = {"openai": ProviderSettings(KEY, "http://127.0.0.1:1/v1")}
        provider = create_chat_providers(session, settings)["openai"]
        with capture_logs() as logs, pytest.raises(ProviderError) as caught:
            await provider.stream_chat(call_of("openai"))
    assert caught.value.phase is Phase.CONNECT
    assert "127.0.0.1" not in str(caught.value) + repr(logs)
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("key", ["sk-a\r\nX-Admin: 1", "sk-a\nb", "sk-\x00", "sk-ключ"])
@pytest.mark.parametrize("vendor", CHAT_FACTORIES)
async def test_key_that_breaks_out_of_its_header_is_refused(vendor: str, key: str) -> None:
    async with create_session() as session:
        with pytest.raises(
            ValueError, match=f"provider {vendor}: .*(Authorization|x-api-key|x-goog-api-key)"
        ) as caught:
            create_chat_providers(session, {vendor: ProviderSettings(key)})
    assert key not in str(caught.value)


async def test_key_from_a_file_may_end_with_a_line_feed() -> None:
    async with create_session() as session:
        assert create_chat_providers(session, {"xai": ProviderSettings(f"{KEY}\n")})


async def test_text_of_a_request_never_becomes_a_header() -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(BODY))

    async with scripted(script) as upstream, create_session() as session:
        settings = {"openai": ProviderSettings(KEY, upstream.base_url)}
        provider = create_chat_providers(session, settings)["openai"]
        spec = model("openai", "up\r\nX-A: 1")
        hostile = params(messages=[said("a\r\nX-A: 1")], user="u\r\nX-A: 1")
        await provider.complete_chat(ChatCall(hostile, spec, spec.routes[0], 50))
    head = upstream.requests[0].partition(b"\r\n\r\n")[0]
    assert b"X-A" not in head


async def test_address_of_each_vendor() -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(BODY))

    async with scripted(script) as upstream, create_session() as session:
        for vendor, base in [
            ("openai", "/v1"),
            ("xai", "/some/v1/"),
            ("together", ""),
            ("together", "/v1"),
        ]:
            settings = {vendor: ProviderSettings(KEY, upstream.base_url + base)}
            provider = create_chat_providers(session, settings)[vendor]
            await provider.complete_chat(call_of(vendor))
            await provider.close()
        assert heads(upstream) == [
            b"POST /v1/chat/completions HTTP/1.1",
            b"POST /some/v1/chat/completions HTTP/1.1",
            b"POST /v1/chat/completions HTTP/1.1",
            b"POST /v1/chat/completions HTTP/1.1",
        ]


async def test_only_providers_that_can_work_are_made() -> None:
    extras = [
        ExtraProvider("local", "http://127.0.0.1:8000/v1"),
        ExtraProvider("paid", "https://example.org/v1", api_key_env="PAID_KEY"),
    ]
    async with create_session() as session:
        settings = {"xai": ProviderSettings(KEY), "openai": ProviderSettings()}
        assert create_chat_providers(session, settings, extras).keys() == {"xai", "local"}
        with_key = {"paid": ProviderSettings(KEY)}
        assert create_chat_providers(session, with_key, extras).keys() == {"local", "paid"}
        with pytest.raises(ValueError, match=r"provider xai: .*base URL"):
            create_chat_providers(session, {"xai": ProviderSettings(KEY, "nowhere")})


async def test_host_of_the_overlay_needs_no_key_and_is_taken_as_it_comes() -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        first = b'data: {"choices":[{"index":0,"delta":{"content":"he"},"finish_reason":""}]}\n\n'
        second = b'data: {"choices":[{"index":0,"delta":{"content":"y"}}]}\r\n\r\ndata: [DONE]\n\n'
        writer.write(STREAM_HEAD + chunk(first) + chunk(b": ping\n\n") + chunk(second) + chunk(b""))

    async with scripted(script) as upstream, create_session() as session:
        extra = ExtraProvider("local", upstream.base_url + "/v1")
        provider = create_chat_providers(session, {}, [extra])["local"]
        stream = await provider.stream_chat(call_of("local"))
        deltas = [delta for batch in [b async for b in stream] for delta in batch.deltas]
    assert "".join(piece for delta in deltas for piece in delta.content_pieces) == "hey"
    assert deltas[-1].finish_reason
    assert b"authorization" not in upstream.requests[0].lower()


@pytest.mark.parametrize("named", [b"m\\u0000x", b"m\\nx", b"\xc3\xa9", b"m" * 256, b""])
@pytest.mark.parametrize("streamed", [True, False])
async def test_facts_hold_nothing_of_a_host_that_the_ledger_could_not_keep(
    named: bytes, *, streamed: bool
) -> None:
    body = BODY[:-1] + b',"model":"%s"}' % named
    if streamed:
        body = b"data: " + body.replace(b'"message"', b'"delta"') + b"\n\ndata: [DONE]\n\n"
    kind = "text/event-stream" if streamed else "application/json"
    head = answer(body, content_type=kind).replace(b"\r\n", b"\r\nx-request-id: r\xff\r\n", 1)

    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(head)

    async with scripted(script) as upstream, create_session() as session:
        settings = {"xai": ProviderSettings(KEY, upstream.base_url)}
        provider = create_chat_providers(session, settings)["xai"]
        if streamed:
            stream = await provider.stream_chat(call_of("xai"))
            facts = stream.facts
            await stream.aclose()
        else:
            facts = (await provider.complete_chat(call_of("xai"))).facts
    assert facts == UpstreamFacts(200, None, None)


@pytest.mark.parametrize(
    ("content_type", "body", "kind"),
    [
        (
            "application/json",
            b'{"code":"The service is currently unavailable","error":"x"}',
            "overloaded",
        ),
        ("application/json", BODY, "malformed_response"),
        ("text/html", b"<html>Sign in</html>", "malformed_response"),
        ("text/event-stream", b"", "malformed_response"),
        ("text/event-stream", b": ping\n\n", "malformed_response"),
        ("text/event-stream", b"data: [DONE]\n\n", "malformed_response"),
        ("text/event-stream", b"data: {}\n\ndata: [DONE]\n\n", "malformed_response"),
    ],
)
async def test_200_without_a_stream_fails_before_the_stream(
    content_type: str, body: bytes, kind: str
) -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(body, content_type=content_type))

    async with scripted(script) as upstream, create_session() as session:
        settings = {"xai": ProviderSettings(KEY, upstream.base_url)}
        provider = create_chat_providers(session, settings)["xai"]
        with pytest.raises(ProviderError) as caught:
            await provider.stream_chat(call_of("xai"))
    assert (caught.value.kind, caught.value.phase) == (ErrorKind(kind), Phase.ANSWERED)
    assert caught.value.may_have_run


async def test_allowance_that_is_used_up_says_when_to_come_back() -> None:
    head = b"HTTP/1.1 429 Too Many\r\nx-ratelimit-remaining: 0\r\nx-ratelimit-reset: 3\r\n"

    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(head + b"content-length: 0\r\n\r\n")

    async with scripted(script) as upstream, create_session() as session:
        settings = {"together": ProviderSettings(KEY, upstream.base_url)}
        provider = create_chat_providers(session, settings)["together"]
        with pytest.raises(ProviderError) as caught:
            await provider.complete_chat(call_of("together"))
    assert caught.value.kind is ErrorKind.RATE_LIMITED
    assert caught.value.retry_after_seconds == 3.0


@pytest.mark.parametrize("head", [b"", STREAM_HEAD, STREAM_HEAD + chunk(b": ping\n\n")])
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
async def test_cancelled_call_lets_go_of_the_upstream(head: bytes, *, streamed: bool) -> None:
    reached = asyncio.Event()

    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await writer.drain()
        reached.set()
        await upstream.wait_hang_up()
        upstream.may_go_on.set()

    async with scripted(script) as upstream, create_session() as session:
        settings = {"xai": ProviderSettings(KEY, upstream.base_url)}
        provider = create_chat_providers(session, settings)["xai"]
        send = provider.stream_chat if streamed else provider.complete_chat
        task = asyncio.ensure_future(send(call_of("xai")))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(upstream.may_go_on.wait(), 5)


async def test_failed_openings_leave_no_connection_behind() -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunk(b"data: nonsense\n\n"))

    async with scripted(script) as upstream:
        async with create_session() as session:
            settings = {"xai": ProviderSettings(KEY, upstream.base_url)}
            provider = create_chat_providers(session, settings)["xai"]
            for _ in range(3):
                with pytest.raises(ProviderError):
                    await provider.stream_chat(call_of("xai"))
            assert isinstance(session.connector, aiohttp.TCPConnector)
            assert not session.connector._acquired
        assert upstream.connections == 3


def test_settings_show_no_key() -> None:
    assert KEY not in repr(ProviderSettings(KEY, "http://x"))


@pytest.mark.parametrize("vendor", CHAT_FACTORIES)
async def test_each_key_has_an_adapter_of_its_own(vendor: str) -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        body = answer(b"{}", status="503 No")
        writer.write(body.replace(b"\r\n", b"\r\nx-should-retry: false\r\n", 1))

    async with scripted(script) as upstream, create_session() as session:
        settings = credentials_of(vendor, split_keys("key-one, key-two,"), upstream.base_url)
        providers = create_chat_providers(session, settings)
        assert list(providers) == [f"{vendor}#1", f"{vendor}#2"]
        for provider in providers.values():
            assert provider.name == vendor
            with capture_logs(), pytest.raises(ProviderError) as caught:
                await provider.complete_chat(call_of(vendor))
            assert caught.value.should_retry is False
    one, two = upstream.requests
    assert (b"key-one" in one, b"key-two" in one) == (True, False)
    assert (b"key-one" in two, b"key-two" in two) == (False, True)


async def test_key_that_cannot_be_used_is_named_by_its_number() -> None:
    async with create_session() as session:
        settings = credentials_of("xai", ["good", "b\x00d"])
        with pytest.raises(ValueError, match="provider xai#2: "):
            create_chat_providers(session, settings)
