"""One HTTP request on its way: its record, and what of its head goes on to the server."""

import random
import re
import time
from typing import Final

from aiohttp import web
from multidict import CIMultiDictProxy, istr

from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.openai.errors import BridgeReason, Refusal

Metadata = tuple[tuple[str, str], ...]

_AUTHORIZATION: Final = istr("Authorization")
_ORIGIN: Final = istr("Origin")
_X_API_KEY: Final = istr("x-api-key")
_IDEMPOTENCY_KEY: Final = istr("Idempotency-Key")
_CLIENT_REQUEST_ID: Final = istr("X-Client-Request-Id")
_RETRY_COUNT: Final = istr("x-stainless-retry-count")
_TIMEOUT: Final = istr("x-stainless-timeout")
_READ_TIMEOUT: Final = istr("x-stainless-read-timeout")
_TRACEPARENT: Final = istr("traceparent")
_ANTHROPIC_VERSION: Final = istr("anthropic-version")
_ANTHROPIC_PATH: Final = "/v1/messages"

_TRACE: Final = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_SECONDS: Final = re.compile(r"[0-9]{1,6}(?:\.[0-9]{1,6})?")
_COUNT: Final = re.compile(r"[0-9]{1,3}")

_MARGIN_SECONDS_MIN: Final = 0.25
_MARGIN_SECONDS_MAX: Final = 2.0
_MARGIN_SHARE: Final = 0.02

_random: Final = random.Random()  # noqa: S311 - seeded by the operating system, once
_RANDOM_B: Final = (1 << 62) - 1

_NO_KEY: Final = (
    "You didn't provide an API key. Send it in the header `Authorization: Bearer pk_live_...`."
)


class Call:
    """The record of one request, for its answer's headers, the log and the metrics."""

    __slots__ = (
        "charged_microcredits",
        "client_request_id",
        "first_frame_seconds",
        "from_browser",
        "model",
        "reason",
        "request_id",
        "speaks_anthropic",
        "started",
        "stream",
    )

    def __init__(self, headers: "CIMultiDictProxy[str]") -> None:
        self.request_id = new_request_id()
        self.started = time.perf_counter()
        self.model = ""
        self.reason = ""
        self.stream = False
        # Whether the client wants errors, and the request id, in Anthropic's form.
        self.speaks_anthropic = False
        self.charged_microcredits: int | None = None
        self.first_frame_seconds: float | None = None
        # Whether a page of another site asks, so that its browser wants to be told that it may.
        self.from_browser = _ORIGIN in headers
        offered = headers.get(_CLIENT_REQUEST_ID)
        self.client_request_id = offered if offered and _is_plain(offered, 128) else None

    def seconds(self) -> float:
        """How long the request has been here."""
        return time.perf_counter() - self.started


CALL: Final = web.RequestKey("call", Call)


def speaks_anthropic(path: str, headers: "CIMultiDictProxy[str]") -> bool:
    """Whether a request is one of Anthropic's clients, by its path or by the version it names."""
    return path.startswith(_ANTHROPIC_PATH) or _ANTHROPIC_VERSION in headers


def new_request_id() -> str:
    """``req_`` and a UUIDv7, so that ids sort by time and never collide between processes."""
    # Ids are no secrets, and the operating system's randomness costs a system call each.
    bits = _random.getrandbits(74)
    version, variant = 0x7 << 76, 0x2 << 62
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | version | bits >> 62 << 64 | variant | bits & _RANDOM_B
    return f"req_{value:032x}"


def call_metadata(headers: "CIMultiDictProxy[str]", request_id: str) -> Metadata:
    """The gRPC metadata of a call: who asks, under which id, as which retry, in which trace.

    Raises:
        Refusal: there is no key, or one that can't be one.
    """
    metadata = [("authorization", _authorization(headers)), ("x-request-id", request_id)]
    retries = headers.get(_RETRY_COUNT)
    if retries is not None and _COUNT.fullmatch(retries):
        metadata.append(("x-stainless-retry-count", retries))
    trace = headers.get(_TRACEPARENT)
    if trace is not None and _TRACE.fullmatch(trace):
        metadata.append(("traceparent", trace))
    return tuple(metadata)


def _authorization(headers: "CIMultiDictProxy[str]") -> str:
    value = headers.get(_AUTHORIZATION)
    if not value:
        key = headers.get(_X_API_KEY)
        if not key:
            raise Refusal("INVALID_API_KEY", _NO_KEY)
        value = f"Bearer {key}"
    if not _is_plain(value, 512):
        raise Refusal("INVALID_API_KEY", "The API key is malformed.")
    return value


def _is_plain(value: str, length_max: int) -> bool:
    """Whether a header's value is short printable ASCII, and so may go on in another header."""
    return len(value) <= length_max and value.isascii() and value.isprintable()


def idempotency_key(headers: "CIMultiDictProxy[str]") -> str:
    """The caller's idempotency key, empty when there is none.

    Raises:
        Refusal: it is empty, too long or not printable ASCII.
    """
    key = headers.get(_IDEMPOTENCY_KEY)
    if key is None:
        return ""
    if not key or not _is_plain(key, 255):
        raise Refusal(
            BridgeReason.INVALID_HEADER,
            "The header 'Idempotency-Key' must have 1 to 255 printable ASCII characters.",
            param="Idempotency-Key",
        )
    return key


def may_be_repeated(headers: "CIMultiDictProxy[str]") -> bool:
    """Whether the client may send the request again, and get the first answer then."""
    return _IDEMPOTENCY_KEY in headers or _RETRY_COUNT in headers


def deadline_seconds(
    headers: "CIMultiDictProxy[str]", settings: BridgeSettings, *, stream: bool
) -> float:
    """How long the server has for a call.

    OpenAI's SDKs say how long they wait: for a whole answer, but only for the next piece of a
    stream, which therefore gets at least the default. A whole answer's deadline comes a little
    before that, so that the client still hears of it, and what it cost.
    """
    said = headers.get(_TIMEOUT) or headers.get(_READ_TIMEOUT)
    seconds = float(said) if said is not None and _SECONDS.fullmatch(said) else 0.0
    default_seconds = settings.default_deadline_seconds
    if seconds <= 0 or (stream and seconds < default_seconds):
        seconds = default_seconds
    elif not stream:
        seconds -= _margin_seconds(seconds)
    return min(seconds, settings.deadline_seconds_max)


def _margin_seconds(waited_seconds: float) -> float:
    """What of a client's patience is kept for telling it: the way back, on a busy machine."""
    margin = max(_MARGIN_SECONDS_MIN, waited_seconds * _MARGIN_SHARE)
    return min(margin, _MARGIN_SECONDS_MAX, waited_seconds / 2)
