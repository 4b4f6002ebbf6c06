"""One sender: three time-outs, capped bodies, fixed headers, reused connections."""

import asyncio
from datetime import UTC, datetime

import pytest
from yarl import URL

from tests.integration.providers.upstream import (
    STREAM_HEAD,
    ScriptedUpstream,
    answer,
    chunk,
    eventually,
    reset,
    scripted,
)
from tokensmith_server.providers.base import ErrorKind, Phase, ProviderError, Timeouts
from tokensmith_server.providers.http import (
    HTTPSender,
    create_session,
    parse_base_url,
    retry_after_seconds,
    should_retry,
)

QUICK = Timeouts(connect_seconds=5, first_byte_seconds=5, idle_seconds=5, total_seconds=5)


async def post(
    upstream: ScriptedUpstream, timeouts: Timeouts = QUICK, **options: int
) -> tuple[int, bytes]:
    async with create_session() as session:
        sender = HTTPSender(session, {"Authorization": "Bearer k"}, **options)
        opened = await sender.post(URL(upstream.base_url) / "x", b"{}", timeouts)
        return opened.status, await opened.read_all()


async def error_of(*args: object, **options: int) -> ProviderError:
    with pytest.raises(ProviderError) as caught:
        await post(*args, **options)  # type: ignore[arg-type]
    return caught.value


async def test_answer_of_any_status_is_an_answer_and_redirects_are_not_followed() -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        body = answer(b"moved", status="302 Found")
        writer.write(body.replace(b"\r\n\r\n", b"\r\nlocation: http://127.0.0.1:1/\r\n\r\n", 1))

    async with scripted(script) as upstream:
        assert await post(upstream) == (302, b"moved")
        assert len(upstream.requests) == 1


async def test_only_the_fixed_headers_are_sent() -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"{}"))

    async with scripted(script) as upstream:
        await post(upstream)
    head = upstream.requests[0].partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    names = {line.partition(b":")[0].lower() for line in head}
    expected = {b"host", b"authorization", b"user-agent", b"accept", b"accept-encoding"}
    assert names == expected | {b"content-length", b"content-type"}


@pytest.mark.parametrize("value", ["a\r\nX-A: 1", "a\nb", "a\x00", "ключ", "a\x7f"])
async def test_header_value_that_breaks_out_is_refused_without_repeating_it(value: str) -> None:
    async with create_session() as session:
        with pytest.raises(ValueError, match="Authorization") as caught:
            HTTPSender(session, {"Authorization": f"Bearer {value}"})
    assert value not in str(caught.value)


async def test_refused_connection_was_not_sent() -> None:
    async with create_session() as session:
        sender = HTTPSender(session, {})
        with pytest.raises(ProviderError) as caught:
            await sender.post(URL("http://127.0.0.1:1/x"), b"{}", QUICK)
    error = caught.value
    assert (error.kind, error.phase, error.may_have_run) == (
        ErrorKind.CONNECTION,
        Phase.CONNECT,
        False,
    )
    assert "127.0.0.1" not in error.message


async def hang(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
    await upstream.may_go_on.wait()


async def test_silence_is_a_first_byte_timeout_and_lets_go_of_the_connection() -> None:
    async with scripted(hang) as upstream:
        error = await error_of(upstream, Timeouts(first_byte_seconds=0.05))
        assert (error.kind, error.phase, error.code) == (
            ErrorKind.TIMEOUT,
            Phase.SENT,
            "first_byte_timeout",
        )
        assert error.may_have_run


async def test_deadline_of_the_caller_ends_a_silent_call() -> None:
    async with scripted(hang) as upstream:
        error = await error_of(upstream, Timeouts(total_seconds=0.05))
        assert (error.kind, error.phase) == (ErrorKind.TIMEOUT, Phase.SENT)


async def head_then_hang(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
    writer.write(STREAM_HEAD)
    await upstream.may_go_on.wait()


async def some_then_hang(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
    writer.write(STREAM_HEAD + chunk(b"some"))
    await upstream.wait_hang_up()
    upstream.may_go_on.set()


async def test_headers_without_a_body_are_a_first_byte_timeout() -> None:
    async with scripted(head_then_hang) as upstream:
        error = await error_of(upstream, Timeouts(first_byte_seconds=0.05))
        assert (error.kind, error.phase, error.code) == (
            ErrorKind.TIMEOUT,
            Phase.ANSWERED,
            "first_byte_timeout",
        )


async def test_silence_in_the_body_is_an_idle_timeout() -> None:
    async with scripted(some_then_hang) as upstream:
        error = await error_of(upstream, Timeouts(idle_seconds=0.05))
        assert (error.kind, error.code) == (ErrorKind.TIMEOUT, "idle_timeout")
        await asyncio.wait_for(upstream.may_go_on.wait(), 5)


async def test_deadline_ends_a_body_too() -> None:
    async with scripted(some_then_hang) as upstream:
        error = await error_of(upstream, Timeouts(total_seconds=0.05))
        assert (error.kind, error.code) == (ErrorKind.TIMEOUT, "deadline")


async def test_slow_consumer_is_not_a_silent_provider() -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunk(b"one"))
        await writer.drain()
        await upstream.may_go_on.wait()
        writer.write(chunk(b"two") + chunk(b""))

    async with scripted(script) as upstream, create_session() as session:
        timeouts = Timeouts(idle_seconds=0.02)
        opened = await HTTPSender(session, {}).post(URL(upstream.base_url), b"", timeouts)
        assert await opened.read_some() == b"one"
        later = asyncio.get_running_loop().time() + 0.1
        await eventually(lambda: asyncio.get_running_loop().time() > later)
        upstream.may_go_on.set()
        assert await opened.read_some() == b"two"
        assert await opened.read_some() == b""


async def test_reset_before_an_answer_may_have_run() -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        await reset(writer)

    async with scripted(script) as upstream:
        error = await error_of(upstream)
        assert (error.kind, error.phase, error.may_have_run) == (
            ErrorKind.CONNECTION,
            Phase.SENT,
            True,
        )
        assert len(upstream.requests) == 1


async def test_body_that_breaks_off_is_a_connection_error() -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"x" * 100)[:-50])
        writer.close()

    async with scripted(script) as upstream:
        error = await error_of(upstream)
        assert (error.kind, error.phase) == (ErrorKind.CONNECTION, Phase.ANSWERED)


async def test_what_is_not_http_is_malformed() -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 smtp.example.org ESMTP\r\n\r\n")

    async with scripted(script) as upstream:
        error = await error_of(upstream)
        assert error.kind is ErrorKind.MALFORMED_RESPONSE


async def test_body_over_the_limit_is_refused() -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"x" * 2000))

    async with scripted(script) as upstream:
        error = await error_of(upstream, answer_limit_bytes=1000)
        assert error.kind is ErrorKind.MALFORMED_RESPONSE


async def test_error_body_is_read_only_as_far_as_it_is_useful() -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"x" * 1_000_000, status="500 Oh"))

    async with scripted(script) as upstream, create_session() as session:
        opened = await HTTPSender(session, {}).post(URL(upstream.base_url), b"", QUICK)
        assert len(await opened.read_error_body()) == 64 * 1024


async def test_connections_are_reused() -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"{}"))

    async with scripted(script) as upstream, create_session() as session:
        sender = HTTPSender(session, {})
        for _ in range(3):
            opened = await sender.post(URL(upstream.base_url), b"{}", QUICK)
            await opened.read_all()
        assert upstream.connections == 1


async def test_finished_stream_gives_its_connection_back_once_its_end_comes() -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(STREAM_HEAD + chunk(b"data: [DONE]\n\n"))
        await writer.drain()
        await upstream.may_go_on.wait()
        writer.write(chunk(b""))

    async with scripted(script) as upstream, create_session() as session:
        sender = HTTPSender(session, {})
        opened = await sender.post(URL(upstream.base_url), b"", QUICK)
        assert await opened.read_some() == b"data: [DONE]\n\n"
        opened.finish()
        opened.close()  # What a caller does who closes what it has read to the end.
        upstream.may_go_on.set()
        await eventually(lambda: session.connector and session.connector._conns)
        (await sender.post(URL(upstream.base_url), b"", QUICK)).close()
        assert upstream.connections == 1


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 09:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "90000"}, 86_400.0),
        ({"retry-after": "Sat, 21 Nov 2099 10:00:00 GMT"}, 86_400.0),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    now = datetime(2026, 11, 21, 10, 0, 0, tzinfo=UTC)
    assert retry_after_seconds(headers, now=now) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "example.org",
        "ftp://example.org",
        "http://",
        "http://u:p@example.org",
        "https://e.org/?k=1",
    ],
)
def test_base_url_must_be_plain(text: str) -> None:
    with pytest.raises(ValueError, match="base URL") as caught:
        parse_base_url(text)
    assert not text or text not in str(caught.value)


@pytest.mark.parametrize(
    ("told", "read"), [("true", True), ("False ", False), ("", None), ("maybe", None), (None, None)]
)
def test_word_on_retries_is_read_where_there_is_one(told: str | None, read: bool | None) -> None:
    assert should_retry({} if told is None else {"x-should-retry": told}) is read
