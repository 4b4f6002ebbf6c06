"""Sends requests to the providers: one shared session, three time-outs, capped bodies.

It knows HTTP and nothing of what is said over it: a status of any kind is an answer, and only a
failed exchange raises. Requests carry the headers given once at construction and no others, so
that nothing of a client's request can reach a provider as a header.
"""

import asyncio
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from tokensmith_server.providers.base import ErrorKind, Phase, ProviderError, Timeouts
from tokensmith_server.providers.exchange import Exchange, HttpProcessingError, Post
from tokensmith_server.providers.redaction import request_id_or_none

ANSWER_LIMIT_BYTES: Final = 64 * 1024 * 1024
ERROR_BODY_LIMIT_BYTES: Final = 64 * 1024

_USER_AGENT: Final = "tokensmith"
_KEEP_ALIVE_SECONDS: Final = 30.0
_DNS_CACHE_SECONDS: Final = 60
# How long a finished stream may take to send its closing chunk before its connection is given up.
_LINGER_SECONDS: Final = 2.0
_RETRY_AFTER_SECONDS_MAX: Final = 24 * 3600.0
# Addresses of one provider whose requests' heads are kept ready.
_POSTS_KEPT: Final = 64


def create_session() -> aiohttp.ClientSession:
    """Create the session that every adapter of a process shares; the caller closes it.

    It keeps no cookies, reads no proxy settings and does not limit connections (the gRPC edge
    sheds load before this). Must be called with a running loop.
    """
    connector = aiohttp.TCPConnector(
        limit=0, keepalive_timeout=_KEEP_ALIVE_SECONDS, ttl_dns_cache=_DNS_CACHE_SECONDS
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


def parse_base_url(text: str) -> URL:
    """Parse the address of a provider.

    Raises:
        ValueError: it is not a plain http(s) address; the message does not repeat it.
    """
    try:
        url = URL(text.strip())
    except ValueError:
        raise ValueError("a provider's base URL is not a URL") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("a provider's base URL must be an http or https address")
    if url.user or url.password or url.query_string or url.fragment:
        raise ValueError("a provider's base URL must have no user, query or fragment")
    return url


def retry_after_seconds(headers: Mapping[str, str], *, now: datetime | None = None) -> float | None:
    """Read how long a provider wants us to wait: ``retry-after-ms``, else ``retry-after``.

    The latter is a number of seconds or an HTTP date. Nonsense is ``None``, and what is longer
    than a day is a day.
    """
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return _sane_wait(milliseconds / 1000)
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is None and text is not None:
        seconds = _seconds_until(text, now or datetime.now(UTC))
    return None if seconds is None else _sane_wait(seconds)


def should_retry(headers: Mapping[str, str]) -> bool | None:
    """Read a provider's word on whether another try helps; ``None`` where it says nothing."""
    return {"true": True, "false": False}.get(headers.get("x-should-retry", "").strip().lower())


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _seconds_until(date: str, now: datetime) -> float | None:
    try:
        moment = parsedate_to_datetime(date)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _sane_wait(seconds: float) -> float | None:
    return min(seconds, _RETRY_AFTER_SECONDS_MAX) if seconds >= 0 else None


@lru_cache(maxsize=64)
def _client_timeout(connect_seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(
        total=None, connect=connect_seconds, sock_connect=connect_seconds, sock_read=None
    )


class HTTPSender:
    """Sends requests to one provider with one fixed set of headers.

    It borrows the session: closing that is its owner's business.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        headers: Mapping[str, str],
        *,
        answer_limit_bytes: int = ANSWER_LIMIT_BYTES,
    ) -> None:
        """Fix the headers.

        Raises:
            ValueError: a header value has characters that a header cannot hold; the message names
                the header and does not repeat the value.
        """
        self._session = session
        self._headers = CIMultiDict(
            {"User-Agent": _USER_AGENT, "Accept-Encoding": "identity", **headers}
        )
        for name, value in self._headers.items():
            if not value.isascii() or not value.isprintable():
                raise ValueError(f"the value for the header {name} has characters it cannot have")
        self._answer_limit_bytes = answer_limit_bytes
        self._posts: dict[URL, Post] = {}

    async def post(self, url: URL, body: bytes, timeouts: Timeouts) -> "OpenAnswer":
        """Send a body and return once a status line and headers have come back.

        Redirects are not followed: they are answers like any other.

        Raises:
            ProviderError: TIMEOUT or CONNECTION, with phase CONNECT when nothing was sent, else
                SENT; MALFORMED_RESPONSE when what came back was not HTTP.
        """
        started_at = asyncio.get_running_loop().time()
        first_byte_seconds = min(timeouts.first_byte_seconds, timeouts.total_seconds)
        limits = _client_timeout(min(timeouts.connect_seconds, first_byte_seconds))
        try:
            exchange = await self._post_to(url).send(
                body, limits, until=started_at + first_byte_seconds
            )
        except (aiohttp.ClientError, OSError, ValueError, HttpProcessingError) as error:
            raise _send_error(error) from error
        return OpenAnswer(exchange, timeouts, started_at, limit_bytes=self._answer_limit_bytes)

    def _post_to(self, url: URL) -> Post:
        post = self._posts.get(url)
        if post is None:
            if len(self._posts) >= _POSTS_KEPT:
                self._posts.clear()
            post = self._posts[url] = Post(self._session, url, self._headers)
        return post


def _send_error(error: Exception) -> ProviderError:
    """Classify what came instead of an answer."""
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return _timeout("connect_timeout", Phase.CONNECT)
    if isinstance(error, TimeoutError):
        return _timeout("first_byte_timeout", Phase.SENT)
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.InvalidURL):
        return ProviderError(
            ErrorKind.CONNECTION, "The provider could not be reached.", phase=Phase.CONNECT
        )
    if isinstance(error, aiohttp.ClientConnectionError | OSError):
        return ProviderError(
            ErrorKind.CONNECTION,
            "The provider closed the connection without an answer.",
            phase=Phase.SENT,
            may_have_run=True,
        )
    return ProviderError(
        ErrorKind.MALFORMED_RESPONSE,
        "The provider's answer was not HTTP.",
        phase=Phase.SENT,
        may_have_run=True,
    )


def _timeout(code: str, phase: Phase) -> ProviderError:
    return ProviderError(
        ErrorKind.TIMEOUT,
        "The provider did not answer in time.",
        phase=phase,
        code=code,
        may_have_run=phase is not Phase.CONNECT,
    )


class OpenAnswer:
    """An answer whose status has come; its body is read here.

    ``phase`` is what errors from here on say. It is ANSWERED until ``mark_streaming``, because only
    the reader knows when it has passed something on.

    The idle limit counts only while a read waits, so that a slow consumer does not look like a
    silent provider. One timer serves the whole answer.
    """

    __slots__ = (
        "_deadline",
        "_exchange",
        "_idle_seconds",
        "_let_go",
        "_limit",
        "_limit_bytes",
        "_loop",
        "_received_bytes",
        "_timed_out",
        "_timer",
        "_waiting",
        "headers",
        "phase",
        "status",
    )

    def __init__(
        self,
        exchange: Exchange,
        timeouts: Timeouts,
        started_at: float,
        *,
        limit_bytes: int,
    ) -> None:
        self.status: int = exchange.status
        self.headers: CIMultiDictProxy[str] = exchange.headers
        self.phase = Phase.ANSWERED
        self._exchange = exchange
        self._limit_bytes = limit_bytes
        self._received_bytes = 0
        self._loop = asyncio.get_running_loop()
        self._idle_seconds = timeouts.idle_seconds
        self._deadline = started_at + timeouts.total_seconds
        self._limit = min(started_at + timeouts.first_byte_seconds, self._deadline)
        self._waiting = True
        self._let_go = False
        self._timed_out: str | None = None
        self._timer = self._loop.call_at(self._limit, self._on_timer)

    @property
    def content_type(self) -> str:
        """The media type, in lower case and without parameters; empty when there is none."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def request_id(self) -> str | None:
        """The provider's own id of the exchange, where it names one."""
        headers = self.headers
        return request_id_or_none(headers.get("x-request-id") or headers.get("request-id"))

    def mark_streaming(self) -> None:
        """Note that a part of the answer was passed on: errors are in mid-stream from here on."""
        self.phase = Phase.STREAMING

    async def read_some(self) -> bytes:
        """Return everything that has arrived, waiting for some; empty at the end of the body.

        Raises:
            ProviderError: TIMEOUT (silence, or the caller's deadline), CONNECTION (the body was
                cut) or MALFORMED_RESPONSE (larger than the limit).
        """
        if self._received_bytes:
            self._limit = min(self._loop.time() + self._idle_seconds, self._deadline)
        self._waiting = True
        try:
            data: bytes = await self._exchange.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise self._read_error() from error
        self._waiting = False
        if not data:
            self._timer.cancel()
            return data
        if not self._received_bytes and not self._exchange.content.is_eof():
            self._arm()
        self._received_bytes += len(data)
        if self._received_bytes > self._limit_bytes:
            self.close()
            raise self._error(ErrorKind.MALFORMED_RESPONSE, "The provider's answer is too large.")
        return data

    async def read_all(self) -> bytes:
        """Return the rest of the body.

        Raises:
            ProviderError: as ``read_some``.
        """
        chunks: list[bytes] = []
        while chunk := await self.read_some():
            chunks.append(chunk)
            if self._exchange.content.at_eof():
                self._timer.cancel()
                break
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def read_error_body(self) -> bytes:
        """Return the start of an error's body, at most 64 KiB, and let go of the connection.

        A body that breaks off is returned as far as it came: the status says enough.
        """
        body = b""
        try:
            while len(body) < ERROR_BODY_LIMIT_BYTES and (chunk := await self.read_some()):
                body += chunk
        except ProviderError:
            pass
        finally:
            self.close()
        return body[:ERROR_BODY_LIMIT_BYTES]

    def finish(self) -> None:
        """Say that nothing more is wanted, although the body may not have ended yet.

        The connection goes back to the pool once the closing chunk comes, and is closed if it
        does not come soon. Nobody has to wait for that.
        """
        if self._let_go:
            return
        self._let_go = True
        self._timer.cancel()
        content = self._exchange.content
        if not content.is_eof():
            # The timer's reference also keeps the exchange alive until then.
            self._timer = self._loop.call_later(_LINGER_SECONDS, self._exchange.close)
            content.on_eof(self._timer.cancel)

    def close(self) -> None:
        """Let go of the connection, cutting a body that has not ended; safe to call twice.

        After ``finish`` it does nothing.
        """
        if self._let_go:
            return
        self._let_go = True
        self._timer.cancel()
        self._exchange.close()

    def _arm(self) -> None:
        """Set the timer for the earliest moment at which a wait of now or later can be too long."""
        self._timer.cancel()
        moment = min(self._loop.time() + self._idle_seconds, self._deadline)
        self._timer = self._loop.call_at(moment, self._on_timer)

    def _on_timer(self) -> None:
        if self._loop.time() >= self._deadline:
            self._expire("deadline")
        elif self._waiting and self._loop.time() >= self._limit:
            self._expire("idle_timeout" if self._received_bytes else "first_byte_timeout")
        elif self._waiting:
            self._timer = self._loop.call_at(self._limit, self._on_timer)
        else:
            self._arm()

    def _expire(self, code: str) -> None:
        self._timed_out = code
        self._exchange.close()

    def _read_error(self) -> ProviderError:
        self.close()
        if self._timed_out is not None:
            return _timeout(self._timed_out, self.phase)
        return self._error(
            ErrorKind.CONNECTION, "The provider broke off in the middle of its answer."
        )

    def _error(self, kind: ErrorKind, message: str) -> ProviderError:
        return ProviderError(
            kind,
            message,
            phase=self.phase,
            http_status=self.status,
            may_have_run=True,
            upstream_request_id=self.request_id,
        )
