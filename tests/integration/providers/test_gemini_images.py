"""Images that a request names by address reach Gemini inline, or the client is told why not."""

import base64
import ipaddress
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from structlog.testing import capture_logs
from yarl import URL

from tests.integration.providers.conftest import Upstream, text_of
from tests.integration.providers.gemini import KEY, PNG, complete, gemini_upstream, stream
from tests.unit.server.providers.chats import parts_of
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.base import (
    ErrorKind,
    Phase,
    ProviderError,
    ProviderSettings,
)
from tokensmith_server.providers.gemini.provider import NAME, GeminiProvider
from tokensmith_server.providers.http import create_session
from tokensmith_server.providers.media_address import AddressPolicy
from tokensmith_server.providers.media_fetch import MediaFetcher

Part = chat_pb.ChatContentPart


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with gemini_upstream() as upstream:
        yield upstream


class Pictures:
    """A web server on loopback that has one picture, and an adapter that may fetch from it."""

    def __init__(self) -> None:
        self.base = ""
        self.asked: list[str] = []

    async def serve(self, request: web.Request) -> web.Response:
        self.asked.append(request.path)
        if request.path == "/gif":
            return web.Response(body=b"GIF89a" + bytes(40))
        if request.path == "/none":
            return web.Response(status=404)
        return web.Response(body=base64.b64decode(PNG))


@pytest.fixture
async def pictures(upstream: Upstream) -> AsyncIterator[Pictures]:
    pictures = Pictures()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", pictures.serve)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    pictures.base = f"http://127.0.0.1:{port}"
    loopback = ipaddress.ip_address("127.0.0.1")
    policy = AddressPolicy(
        frozenset({"http"}), frozenset({port}), lambda address: address == loopback
    )
    async with create_session() as session:
        base_url = URL(upstream.simulator.gemini_base_url) / "v1beta"
        settings = ProviderSettings(KEY)
        provider = GeminiProvider(base_url, settings, session, MediaFetcher(policy))
        upstream.providers = {NAME: provider}
        yield pictures
    await runner.cleanup()


def seeing(*urls: str) -> list[chat_pb.ChatMessage]:
    parts = [Part(image=chat_pb.ChatImage(url=url)) for url in urls]
    content = parts_of(Part(text="See."), *parts)
    return [chat_pb.ChatMessage(role=chat_pb.CHAT_ROLE_USER, content=content)]


async def test_images_by_address_are_fetched_once_and_sent_inline(
    upstream: Upstream, pictures: Pictures
) -> None:
    messages = seeing(f"{pictures.base}/a", f"{pictures.base}/b", f"{pictures.base}/a")
    assert text_of(await complete(upstream, messages=messages, cap=2_000))
    assert sorted(pictures.asked) == ["/a", "/b"]
    parts = upstream.sent_body()["contents"][0]["parts"]
    assert parts[1:] == [{"inlineData": {"mimeType": "image/png", "data": PNG}}] * 3
    assert (await stream(upstream, messages=messages, cap=2_000)).text


@pytest.mark.parametrize(("path", "words"), [("/none", "could not be"), ("/gif", "these types")])
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "streamed"])
async def test_an_image_that_cannot_be_had_is_the_clients_to_mend(
    upstream: Upstream, pictures: Pictures, whole: bool, path: str, words: str
) -> None:
    messages = seeing(f"{pictures.base}/a", f"{pictures.base}{path}")
    with capture_logs() as logs, pytest.raises(ProviderError) as caught:
        await (complete if whole else stream)(upstream, messages=messages)
    error = caught.value
    assert (error.kind, error.phase) == (ErrorKind.INVALID_REQUEST, Phase.CONNECT)
    assert error.param == "messages[0].content[2].image_url.url"
    assert words in error.message
    assert not error.may_have_run
    assert upstream.simulator.journal.entries() == []
    assert pictures.base not in repr(logs) + error.message


async def test_a_hostile_address_is_refused_by_the_check(upstream: Upstream) -> None:
    with pytest.raises(ProviderError) as caught:
        await complete(upstream, messages=seeing("https://169.254.169.254/latest/meta-data/"))
    assert caught.value.phase is Phase.CONNECT
    assert upstream.simulator.journal.entries() == []
