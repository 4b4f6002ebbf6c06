"""A host of the operator's own gets images, and never the address that a stranger named."""

import asyncio
import base64
import ipaddress
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import msgspec
import pytest
from aiohttp import web

from tests.integration.providers.upstream import ScriptedUpstream, answer, scripted
from tests.unit.server.providers.chats import model, params, parts_of
from tests.unit.server.providers.test_media_types import PNG
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import ProviderQuirks, Route
from tokensmith_server.providers import openai_compatible
from tokensmith_server.providers.base import (
    ChatCall,
    ErrorKind,
    Phase,
    ProviderError,
    ProviderSettings,
)
from tokensmith_server.providers.http import create_session, parse_base_url
from tokensmith_server.providers.media_address import AddressPolicy
from tokensmith_server.providers.media_fetch import MediaFetcher
from tokensmith_server.providers.openai_dialect.provider import OpenAIDialectProvider

LOOPBACK = ipaddress.ip_address("127.0.0.1")
MODEL = model("own", image_input=True)
ANSWER = b'{"choices":[{"message":{"content":"Tea."},"finish_reason":"stop"}]}'


async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
    writer.write(answer(ANSWER))


@asynccontextmanager
async def site() -> AsyncIterator[int]:
    """A web server on loopback that has one picture; yields its port."""

    async def serve(request: web.Request) -> web.Response:
        return web.Response(body=PNG) if request.path == "/a" else web.Response(status=404)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", serve)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


def own_host(
    base_url: str, session: aiohttp.ClientSession, fetcher: MediaFetcher | None = None
) -> OpenAIDialectProvider:
    return OpenAIDialectProvider(
        "own",
        openai_compatible.profile_of(ProviderQuirks()),
        base_url=parse_base_url(base_url),
        settings=ProviderSettings(),
        session=session,
        fetcher=fetcher,
    )


def call_for(*urls: str) -> ChatCall:
    images = [chat_pb.ChatContentPart(image=chat_pb.ChatImage(url=url)) for url in urls]
    content = parts_of(chat_pb.ChatContentPart(text="See."), *images)
    message = chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_USER, content=content)
    return ChatCall(params(messages=[message]), MODEL, Route("own", "up-1"), 100)


async def test_images_by_address_are_sent_as_data() -> None:
    async with site() as port, scripted(script) as upstream, create_session() as session:
        policy = AddressPolicy(frozenset({"http"}), frozenset({port}), lambda a: a == LOOPBACK)
        host = own_host(upstream.base_url, session, MediaFetcher(policy))
        call = call_for(f"http://127.0.0.1:{port}/a", "data:image/gif;base64,R0lGODlh")
        host.check_chat(call.params, MODEL)
        await host.complete_chat(call)
        body = msgspec.json.decode(upstream.requests[0].partition(b"\r\n\r\n")[2])
        sent = [part["image_url"]["url"] for part in body["messages"][0]["content"][1:]]
        picture = base64.b64encode(PNG).decode()
        assert sent == [f"data:image/png;base64,{picture}", "data:image/gif;base64,R0lGODlh"]

        with pytest.raises(ProviderError) as caught:
            await host.complete_chat(call_for(f"http://127.0.0.1:{port}/none"))
        assert (caught.value.kind, caught.value.phase) == (ErrorKind.INVALID_REQUEST, Phase.CONNECT)
        assert caught.value.param == "messages[0].content[1].image_url.url"
        assert len(upstream.requests) == 1


async def test_an_address_within_the_operators_network_is_refused() -> None:
    async with scripted(script) as upstream, create_session() as session:
        call = call_for("https://169.254.169.254/latest/meta-data/")
        host = own_host(upstream.base_url, session)
        with pytest.raises(ProviderError) as caught:
            host.check_chat(call.params, MODEL)
        assert caught.value.phase is Phase.CONNECT
        with pytest.raises(ProviderError):
            await host.complete_chat(call)
        assert not upstream.requests
