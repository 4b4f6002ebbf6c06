"""Images are fetched from allowed addresses alone, whole or not at all."""

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from functools import partial

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from tests.integration.providers.upstream import ScriptedUpstream, eventually, scripted
from tests.unit.server.providers.test_media_address import HOSTILE
from tests.unit.server.providers.test_media_types import IMAGES, PNG
from tokensmith_server.providers import media_fetch
from tokensmith_server.providers.media_address import (
    PUBLIC_HTTPS,
    AddressPolicy,
    IPAddress,
    is_public_address,
)
from tokensmith_server.providers.media_fetch import FetchLimits, MediaFetcher
from tokensmith_server.providers.media_types import InlineMedia, MediaRefused

FAILED = "The image could not be fetched from its address."


def loopback_too(address: IPAddress) -> bool:
    return is_public_address(address) or address == ipaddress.ip_address("127.0.0.1")


def fetcher(port: int, limits: FetchLimits | None = None) -> MediaFetcher:
    policy = AddressPolicy(
        schemes=frozenset({"http"}), ports=frozenset({port}), is_allowed=loopback_too
    )
    return MediaFetcher(policy, limits)


async def fetch(of: MediaFetcher, *urls: str) -> list[InlineMedia | MediaRefused]:
    fetched = await of.fetch_images(urls, seconds=30)
    return [fetched[url] for url in urls]


def refusal(result: InlineMedia | MediaRefused) -> str:
    assert isinstance(result, MediaRefused)
    return result.reason


class Site:
    """A web server on loopback, and who asked it for what."""

    def __init__(self) -> None:
        self.base = ""
        self.port = 0
        self.seen: list[web.Request] = []
        self.answers: dict[str, Callable[[], web.StreamResponse]] = {}
        self.closing = asyncio.Event()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request)
        if request.path == "/hang":
            await self.closing.wait()
        if request.path == "/endless":
            stream = web.StreamResponse()
            await stream.prepare(request)
            while True:
                await stream.write(PNG + bytes(65_536))
        return self.answers.get(request.path, partial(web.Response, body=PNG))()


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    site = Site()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", site.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.port = runner.addresses[0][1]
    site.base = f"http://127.0.0.1:{site.port}"
    yield site
    site.closing.set()
    await runner.cleanup()


@pytest.mark.parametrize("mime_type", IMAGES)
async def test_an_image_is_fetched_and_labelled_by_its_content(site: Site, mime_type: str) -> None:
    site.answers["/a"] = partial(web.Response, body=IMAGES[mime_type], content_type="text/html")
    [image] = await fetch(fetcher(site.port), f"{site.base}/a")
    assert isinstance(image, InlineMedia)
    assert image.mime_type == mime_type


async def test_a_fetch_brings_nothing_of_ours_along(site: Site) -> None:
    site.answers["/a"] = partial(web.Response, body=PNG, headers={"set-cookie": "a=b"})
    await fetch(fetcher(site.port), f"{site.base}/a", f"{site.base}/b")
    for request in site.seen:
        headers = {name.lower() for name in request.headers}
        assert headers == {"host", "user-agent", "accept", "accept-encoding", "connection"}


async def test_one_address_is_fetched_once(site: Site) -> None:
    await fetch(fetcher(site.port), *[f"{site.base}/a"] * 5)
    assert len(site.seen) == 1


# Every hostile address, now without any check by what it says: the socket's guard stands alone.
HOSTS = ["127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "[::]"]


@pytest.mark.parametrize("host", HOSTS)
async def test_the_guard_stops_what_the_check_let_pass(
    site: Site, host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media_fetch, "check_media_url", lambda text, policy: URL(text))
    policy = AddressPolicy(schemes=frozenset({"http"}), ports=frozenset({site.port}))
    [result] = await fetch(MediaFetcher(policy), f"http://{host}:{site.port}/a")
    assert refusal(result) == FAILED
    assert site.seen == []


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_hostile_address_opens_no_socket(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_socket(*_: object) -> socket.socket:
        raise AssertionError("a socket was made")

    monkeypatch.setattr(MediaFetcher, "_guarded_socket", no_socket)
    [result] = await fetch(MediaFetcher(PUBLIC_HTTPS), url)
    assert isinstance(result, MediaRefused)


class Rebinding(AbstractResolver):
    """Says that every name is the address it is given."""

    address = "127.0.0.1"

    def __init__(self, **options: object) -> None:
        pass

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host, host=self.address, port=port, family=family, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        pass


async def test_a_name_that_leads_inside_is_not_connected_to(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiohttp.connector.DefaultResolver", Rebinding)
    policy = AddressPolicy(schemes=frozenset({"http"}), ports=frozenset({site.port}))
    [result] = await fetch(MediaFetcher(policy), f"http://example.com:{site.port}/a")
    assert refusal(result) == FAILED
    assert site.seen == []
    [result] = await fetch(fetcher(site.port), f"http://example.com:{site.port}/a")
    assert isinstance(result, InlineMedia)


async def test_redirects_are_followed_and_checked(site: Site) -> None:
    for step in range(4):
        site.answers[f"/{step}"] = partial(
            web.Response, status=302, headers={"location": f"/{step + 1}"}
        )
    good, long = await fetch(fetcher(site.port), f"{site.base}/1", f"{site.base}/0")
    assert isinstance(good, InlineMedia)
    assert "leads on" in refusal(long)


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "http://[::1]:{port}/",
        "http://localhost:{port}/",
        "file:///etc/passwd",
        "https://example.com/",
        "http://example.com:1/",
        "http://u:p@example.com:{port}/",
        "",
    ],
)
async def test_a_redirect_to_elsewhere_is_not_followed(site: Site, location: str) -> None:
    headers = {"location": location.format(port=site.port)} if location else {}
    site.answers["/a"] = partial(web.Response, status=307, headers=headers)
    [result] = await fetch(fetcher(site.port), f"{site.base}/a")
    assert isinstance(result, MediaRefused)
    assert len(site.seen) == 1


@pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 500])
async def test_another_status_is_no_image(site: Site, status: int) -> None:
    site.answers["/a"] = partial(
        web.Response, status=status, body=None if status in (204, 304) else PNG
    )
    [result] = await fetch(fetcher(site.port), f"{site.base}/a")
    assert refusal(result) == FAILED


async def test_what_is_no_image_is_refused_at_its_first_bytes(site: Site) -> None:
    site.answers["/a"] = partial(
        web.Response, body=b"<html>" + bytes(1000), content_type="image/png"
    )
    site.answers["/b"] = partial(web.Response, body=b"")
    site.answers["/c"] = partial(web.Response, body=PNG, headers={"content-encoding": "gzip"})
    for result in await fetch(fetcher(site.port), *(f"{site.base}/{path}" for path in "abc")):
        assert isinstance(result, MediaRefused)


async def test_what_is_too_large_is_cut_off(site: Site) -> None:
    mib = 1024 * 1024
    site.answers["/declared"] = partial(web.Response, body=PNG + bytes(2 * mib))
    limits = FetchLimits(image_bytes=mib, request_bytes=100 * mib)
    urls = [f"{site.base}/declared", f"{site.base}/endless"]
    for result in await fetch(fetcher(site.port, limits), *urls):
        assert refusal(result) == "An image named by its address may have at most 1 MiB."


async def test_images_of_one_request_have_a_limit_together(site: Site) -> None:
    mib = 1024 * 1024
    for path in "abc":
        site.answers[f"/{path}"] = partial(web.Response, body=PNG + bytes(mib))
    limits = FetchLimits(request_bytes=2 * mib)
    results = await fetch(fetcher(site.port, limits), *(f"{site.base}/{path}" for path in "abc"))
    assert any(isinstance(r, MediaRefused) and "together" in r.reason for r in results)


async def test_too_many_addresses_are_not_fetched_at_all(site: Site) -> None:
    urls = [f"{site.base}/{number}" for number in range(17)]
    results = await fetch(fetcher(site.port), *urls)
    assert {refusal(result) for result in results} == {
        "A request may name at most 16 images by address."
    }
    assert site.seen == []


async def test_a_silent_server_is_given_up(site: Site) -> None:
    limits = FetchLimits(total_seconds=0.1)
    [result] = await fetch(fetcher(site.port, limits), f"{site.base}/hang")
    assert refusal(result) == FAILED


async def test_the_callers_time_goes_before_ours(site: Site) -> None:
    url = f"{site.base}/hang"
    fetched = await fetcher(site.port).fetch_images([url], seconds=0.05)
    assert refusal(fetched[url]) == FAILED


async def test_waiting_for_a_place_is_part_of_the_callers_time(site: Site) -> None:
    limits = FetchLimits(fetches_at_once=1)
    busy = fetcher(site.port, limits)
    url = f"{site.base}/hang"
    first = asyncio.create_task(busy.fetch_images([url], seconds=30))
    try:
        await eventually(lambda: site.seen)
        fetched = await asyncio.wait_for(busy.fetch_images([url], seconds=0.05), 5)
        assert refusal(fetched[url]) == FAILED
        assert len(site.seen) == 1
    finally:
        site.closing.set()
        await first


async def test_a_server_that_talks_nonsense_is_no_image() -> None:
    async def script(upstream: ScriptedUpstream, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n\x89PNG")
        writer.close()

    async with scripted(script) as upstream:
        port = int(upstream.base_url.rpartition(":")[2])
        [result] = await fetch(fetcher(port), f"{upstream.base_url}/a")
    assert refusal(result) == FAILED


async def test_proxies_of_the_environment_are_not_used(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    [result] = await fetch(fetcher(site.port), f"{site.base}/a")
    assert isinstance(result, InlineMedia)
