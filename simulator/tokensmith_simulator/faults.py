"""Faults on demand: what can go wrong, for whom, how often; and the pace of streams."""

from __future__ import annotations

import asyncio
import enum
import itertools
from typing import Annotated, Final

import msgspec


class FaultKind(enum.StrEnum):
    """What the simulator does wrong. Each comment says what the caller sees."""

    RATE_LIMIT = "rate_limit"  # 429, with the wait in the vendor's form.
    INSUFFICIENT_QUOTA = "insufficient_quota"  # 429, the operator's account is empty.
    PAYMENT_REQUIRED = "payment_required"  # 402 (Gemini 400), for the same.
    SERVER_ERROR = "server_error"  # 500.
    OVERLOADED = "overloaded"  # 503 (Anthropic 529).
    TIMEOUT = "timeout"  # 504.
    BAD_GATEWAY_HTML = "bad_gateway_html"  # 502 with an HTML page.
    INVALID_KEY = "invalid_key"  # 401 (xAI, Gemini 400).
    FORBIDDEN = "forbidden"  # 403.
    MODERATION_BLOCK = "moderation_block"  # The prompt is refused for its content.
    HANG = "hang"  # No answer until released.
    SLOW_FIRST_BYTE = "slow_first_byte"  # Nothing for `delay_ms`, then the normal answer.
    RESET_BEFORE_FIRST_BYTE = "reset_before_first_byte"  # TCP RST instead of an answer.
    RESET_MID_STREAM = "reset_mid_stream"  # TCP RST after `after_chunks`.
    TRUNCATED_STREAM = "truncated_stream"  # A clean end without finish or end marker.
    STALL_MID_STREAM = "stall_mid_stream"  # Silence after `after_chunks` until released.
    ERROR_MID_STREAM = "error_mid_stream"  # An error object as a frame, then the end.
    MALFORMED_JSON = "malformed_json"  # A body, or a frame, that is not JSON.
    JSON_ERROR_200 = "json_error_200"  # Status 200 with a JSON error body, streams too.
    MISSING_USAGE = "missing_usage"  # A normal answer without usage.
    NEGATIVE_USAGE = "negative_usage"  # Counts below zero.
    HUGE_USAGE = "huge_usage"  # Counts far beyond any limit.
    INCONSISTENT_USAGE = "inconsistent_usage"  # A total that is not the sum.
    EMPTY_CONTENT = "empty_content"  # A normal answer that says nothing.
    CONTENT_FILTER = "content_filter"  # Cut after `after_chunks` tokens, finish content_filter.


FAULT_KINDS: Final = {kind.value: kind for kind in FaultKind}
STATUS_ALIASES: Final = {
    "401": FaultKind.INVALID_KEY,
    "402": FaultKind.PAYMENT_REQUIRED,
    "403": FaultKind.FORBIDDEN,
    "429": FaultKind.RATE_LIMIT,
    "500": FaultKind.SERVER_ERROR,
    "502": FaultKind.BAD_GATEWAY_HTML,
    "503": FaultKind.OVERLOADED,
    "504": FaultKind.TIMEOUT,
    "529": FaultKind.OVERLOADED,
}
REFUSING_KINDS: Final = frozenset(
    {
        FaultKind.RATE_LIMIT,
        FaultKind.INSUFFICIENT_QUOTA,
        FaultKind.PAYMENT_REQUIRED,
        FaultKind.SERVER_ERROR,
        FaultKind.OVERLOADED,
        FaultKind.TIMEOUT,
        FaultKind.INVALID_KEY,
        FaultKind.FORBIDDEN,
        FaultKind.MODERATION_BLOCK,
    }
)
"""Kinds that are an error answer in the provider's own shape, at most providers."""

_NotNegative = Annotated[int, msgspec.Meta(ge=0)]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault and the requests that it strikes.

    Attributes:
        kind: What goes wrong.
        provider: Only this provider; None: any.
        model: Only this upstream model id; None: any.
        stream: Only streams (True) or only unary calls (False); None: both.
        skip: Matching requests that pass before the first one is struck.
        count: Requests to strike; None: until the fault is deleted.
        after_chunks: Content chunks (for `content_filter`: tokens) sent before it happens.
        delay_ms: Wait of `slow_first_byte`.
        retry_after_seconds: Sent with a status fault, in the headers or details of the vendor.
        message: Replaces the provider's usual error text.
        code: Replaces the provider's usual error code, category, block or finish reason.
    """

    kind: FaultKind
    provider: str | None = None
    model: str | None = None
    stream: bool | None = None
    skip: _NotNegative = 0
    count: Annotated[int, msgspec.Meta(ge=1)] | None = 1
    after_chunks: _NotNegative = 3
    delay_ms: _NotNegative = 1000
    retry_after_seconds: Annotated[float, msgspec.Meta(ge=0)] | None = None
    message: str | None = None
    code: str | None = None

    def matches(self, provider: str, model: str, *, stream: bool) -> bool:
        """Tell whether a request is one that this fault strikes."""
        return (
            self.provider in (None, provider)
            and self.model in (None, model)
            and self.stream in (None, stream)
        )


class Pace(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How fast answers leave. Zero delays let an unpaced stream go out in few writes."""

    chunk_delay_ms: _NotNegative = 0
    tokens_per_chunk: Annotated[int, msgspec.Meta(ge=1)] = 1
    first_byte_delay_ms: _NotNegative = 0


class QueuedFault(msgspec.Struct, kw_only=True):
    """A fault on the board and how much of it is left."""

    id: int
    fault: Fault
    skip_left: int
    count_left: int | None


class FaultBoard:
    """The queue of faults, the pace, and the gate that hanging requests wait at."""

    def __init__(self) -> None:
        self._ids = itertools.count(1)
        self._queue: list[QueuedFault] = []
        self._gate = asyncio.Event()
        self._closed = False
        self.pace = Pace()

    def add(self, fault: Fault) -> int:
        """Put a fault at the end of the queue and return its id."""
        queued = QueuedFault(
            id=next(self._ids), fault=fault, skip_left=fault.skip, count_left=fault.count
        )
        self._queue.append(queued)
        return queued.id

    def queued(self) -> list[QueuedFault]:
        """List the faults that can still strike."""
        return list(self._queue)

    def clear(self) -> None:
        """Forget every queued fault; requests that hang already go on hanging."""
        self._queue.clear()

    def take(self, provider: str, model: str, *, stream: bool) -> Fault | None:
        """Return the first fault that strikes this request, using it up once."""
        for queued in self._queue:
            if not queued.fault.matches(provider, model, stream=stream):
                continue
            if queued.skip_left:
                queued.skip_left -= 1
                continue
            if queued.count_left is not None:
                queued.count_left -= 1
                if queued.count_left == 0:
                    self._queue.remove(queued)
            return queued.fault
        return None

    def release(self) -> None:
        """Let every request that hangs or stalls now carry on with its normal answer."""
        gate, self._gate = self._gate, asyncio.Event()
        gate.set()

    def close(self) -> None:
        """Release what hangs, now and from now on: the server is stopping."""
        self._closed = True
        self.release()

    async def wait_released(self) -> bool:
        """Hang until released; False when the server is stopping and no answer should follow."""
        if not self._closed:
            await self._gate.wait()
        return not self._closed
