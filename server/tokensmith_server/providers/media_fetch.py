"""Fetches the images that requests name by address, for providers that cannot.

Addresses come from strangers, so nothing here trusts one: the guard sits in the socket factory,
which sees the very address that is connected to, whether it came from a literal, a name, or a name
that changed its mind (a resolver would not be asked for literals). Redirects are followed by hand
and checked like a first address. There are no cookies, no proxies, no credentials, no reuse of
connections, and no decompression.

What went wrong on the network is told in one sentence, always the same: anything finer would let
a client map the network that we are in.
"""

import asyncio
import errno
import ipaddress
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from yarl import URL

from tokensmith_server.providers.media_address import PUBLIC_HTTPS, AddressPolicy, check_media_url
from tokensmith_server.providers.media_types import (
    SNIFFED_BYTES,
    InlineMedia,
    MediaRefused,
    inline_image,
    sniff_image,
)

_HEADERS: Final = {"User-Agent": "tokensmith", "Accept": "image/*", "Accept-Encoding": "identity"}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_PIECE_BYTES: Final = 64 * 1024
_MIB: Final = 1024 * 1024
_FAILED: Final = "The image could not be fetched from its address."


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Bounds of fetching: for one image, for one request, and for the process."""

    image_bytes: int = 10 * _MIB
    request_bytes: int = 20 * _MIB
    """A request to Gemini may have about 20 MB (older statement) or 100 MB (since 2026)."""
    request_images: int = 16
    redirects: int = 3
    connect_seconds: float = 5.0
    total_seconds: float = 20.0
    """For all images of one request together; they are fetched at the same time."""
    fetches_at_once: int = 32


class MediaFetcher:
    """Fetches images from the public internet. One instance serves the process.

    It owns nothing that has to be closed: each request's images get a connector of their own.
    """

    def __init__(
        self, policy: AddressPolicy = PUBLIC_HTTPS, limits: FetchLimits | None = None
    ) -> None:
        self.policy = policy
        self.limits = limits or FetchLimits()
        self._slots = asyncio.Semaphore(self.limits.fetches_at_once)

    def check(self, url: str) -> None:
        """Refuse what needs no look at the network to be refused.

        Raises:
            MediaRefused: the address may not be fetched from.
        """
        check_media_url(url, self.policy)

    async def fetch_images(
        self, urls: Iterable[str], *, seconds: float
    ) -> Mapping[str, InlineMedia | MediaRefused]:
        """Fetch each address once; what could not be had is in the result as the refusal.

        ``seconds`` is what the caller has left; ``FetchLimits.total_seconds`` holds besides.
        """
        wanted = list(dict.fromkeys(urls))
        if len(wanted) > self.limits.request_images:
            most = self.limits.request_images
            refusal = MediaRefused(f"A request may name at most {most} images by address.")
            return dict.fromkeys(wanted, refusal)
        budget = _Budget(self.limits.request_bytes)
        until = asyncio.get_running_loop().time() + min(seconds, self.limits.total_seconds)
        async with self._session() as session:
            fetched = await asyncio.gather(
                *(self._fetch_or_refuse(session, url, budget, until) for url in wanted)
            )
        return dict(zip(wanted, fetched, strict=True))

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            force_close=True, use_dns_cache=False, socket_factory=self._guarded_socket
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.limits.connect_seconds),
            headers=_HEADERS,
        )

    def _guarded_socket(self, info: Any) -> socket.socket:
        """Make a socket for an address that was resolved, unless it may not be connected to."""
        family, kind, protocol, _, target = info
        if not self.policy.is_allowed(ipaddress.ip_address(target[0])):
            raise OSError(errno.EACCES, "the address is not allowed")
        return socket.socket(family, kind, protocol)

    async def _fetch_or_refuse(
        self, session: aiohttp.ClientSession, url: str, budget: "_Budget", until: float
    ) -> InlineMedia | MediaRefused:
        try:
            # The wait for a slot, and every redirect, is part of the time.
            async with asyncio.timeout_at(until), self._slots:
                return inline_image(await self._fetch(session, url, budget))
        except MediaRefused as refusal:
            return refusal
        except (aiohttp.ClientError, OSError, ValueError):
            return MediaRefused(_FAILED)

    async def _fetch(self, session: aiohttp.ClientSession, url: str, budget: "_Budget") -> bytes:
        target = check_media_url(url, self.policy)
        for _ in range(self.limits.redirects + 1):
            async with session.get(target, allow_redirects=False) as answer:
                if answer.status not in _REDIRECTS:
                    return await self._read(answer, budget)
                target = check_media_url(str(_next_url(target, answer)), self.policy)
        raise MediaRefused("The image's address leads on to too many others.")

    async def _read(self, answer: aiohttp.ClientResponse, budget: "_Budget") -> bytes:
        encoding = answer.headers.get("content-encoding", "identity").lower()
        if answer.status != 200 or encoding != "identity":
            raise MediaRefused(_FAILED)
        if (answer.content_length or 0) > self.limits.image_bytes:
            raise self._too_large()
        data = bytearray()
        sniffed = False
        async for piece in answer.content.iter_chunked(_PIECE_BYTES):
            budget.spend(len(piece))
            data += piece
            if len(data) > self.limits.image_bytes:
                raise self._too_large()
            if not sniffed and len(data) >= SNIFFED_BYTES:
                sniffed = True
                if sniff_image(bytes(data[:SNIFFED_BYTES])) is None:
                    raise MediaRefused("There is no image that we know at the address.")
        return bytes(data)

    def _too_large(self) -> MediaRefused:
        most = self.limits.image_bytes // _MIB
        return MediaRefused(f"An image named by its address may have at most {most} MiB.")


class _Budget:
    """What all images of one request together may weigh."""

    def __init__(self, limit_bytes: int) -> None:
        self._left_bytes = self._limit_bytes = limit_bytes

    def spend(self, count: int) -> None:
        """Take note of bytes.

        Raises:
            MediaRefused: there are more than allowed.
        """
        self._left_bytes -= count
        if self._left_bytes < 0:
            most = self._limit_bytes // _MIB
            raise MediaRefused(f"Images named by address may have at most {most} MiB together.")


def _next_url(target: URL, answer: aiohttp.ClientResponse) -> URL:
    location = answer.headers.get("location", "")
    if not location:
        raise MediaRefused(_FAILED)
    return target.join(URL(location))
