"""Posts whose bodies are longer than one write, and heads that come before the answer's."""

import asyncio
from contextlib import suppress

from yarl import URL

from tests.integration.providers.upstream import ScriptedUpstream, answer, scripted
from tokensmith_server.providers.base import Timeouts
from tokensmith_server.providers.http import HTTPSender, create_session

QUICK = Timeouts(connect_seconds=5, first_byte_seconds=5, idle_seconds=5, total_seconds=5)
LONG_BODY = bytes(range(256)) * 4096 * 5 + b"end"


async def test_long_body_arrives_whole_and_its_connection_is_reused() -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(b"{}"))

    async with scripted(script) as upstream, create_session() as session:
        sender = HTTPSender(session, {})
        for _ in range(2):
            opened = await sender.post(URL(upstream.base_url), LONG_BODY, QUICK)
            assert await opened.read_all() == b"{}"
        assert upstream.connections == 1
        for request in upstream.requests:
            assert request.partition(b"\r\n\r\n")[2] == LONG_BODY


async def test_answer_before_the_end_of_the_body_is_an_answer() -> None:
    hung_up = asyncio.Event()

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer(b"too much", status="413 Content Too Large"))
        await writer.drain()
        with suppress(ConnectionError):
            while await reader.read(65536):
                pass
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        hung_up.set()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, create_session() as session:
        url = URL(f"http://127.0.0.1:{port}/x")
        opened = await HTTPSender(session, {}).post(url, LONG_BODY * 10, QUICK)
        assert (opened.status, await opened.read_all()) == (413, b"too much")
        assert session.connector is not None
        assert not session.connector._conns
        async with asyncio.timeout(5):
            await hung_up.wait()


async def test_interim_answers_are_passed_over() -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n" + answer(b"{}"))

    async with scripted(script) as upstream, create_session() as session:
        opened = await HTTPSender(session, {}).post(URL(upstream.base_url), b"{}", QUICK)
        assert (opened.status, await opened.read_all()) == (200, b"{}")
