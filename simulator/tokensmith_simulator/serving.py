"""Sending answers, whole or in frames, and every way in which sending can go wrong.

Nothing here knows a vendor: a dialect hands over a body or frames and the usage behind them, and
each request leaves a complete journal entry.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from aiohttp import web

from tokensmith_simulator.connection import StoppedError, hang_up, pause, reset
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import Fault, FaultKind, Pace

if TYPE_CHECKING:
    from tokensmith_simulator.journal import JournalEntry
    from tokensmith_simulator.simulator import Simulator

HTML_502 = (
    b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n"
    b"<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>cloudflare</center>\r\n"
    b"</body>\r\n</html>\r\n"
)
_MID_STREAM = frozenset(
    {
        FaultKind.RESET_MID_STREAM,
        FaultKind.TRUNCATED_STREAM,
        FaultKind.STALL_MID_STREAM,
        FaultKind.ERROR_MID_STREAM,
        FaultKind.MALFORMED_JSON,
    }
)


class Frame(msgspec.Struct, frozen=True):
    """One chunk of a stream as it goes over the wire.

    Attributes:
        data: The bytes, framing included.
        tokens: Output tokens in it.
        closing: Whether it ends the answer (finish reason, usage, end marker) instead of adding
            to it. A stream that breaks never sends a closing frame.
    """

    data: bytes
    tokens: int = 0
    closing: bool = False


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer, ready to be sent.

    Attributes:
        frames: A stream's chunks, or one frame that is the body.
        usage: The usage in the answer, as the vendor words it.
        prompt_tokens: Billed for the prompt.
        output_tokens: Billed for the whole output; a stream cut short bills its frames' tokens.
        headers: Response headers.
        stream_type: Content type of a stream.
    """

    frames: Sequence[Frame]
    usage: Mapping[str, Any] | None
    prompt_tokens: int
    output_tokens: int
    headers: Mapping[str, str]
    stream_type: str = "text/event-stream; charset=utf-8"


class ErrorShape(Protocol):
    """How one vendor words a refusal.

    Attributes:
        name: The provider's name in faults and in the journal.
        broken_frame: A chunk of a stream that is not JSON.
    """

    name: str
    broken_frame: bytes

    def error_body(self, error: RefusalError, request_id: str) -> bytes:
        """Render the JSON body of a refusal."""
        ...

    def error_frame(self, error: RefusalError, request_id: str) -> bytes:
        """Render an error as a chunk of a stream that has begun."""
        ...

    def in_band_error(self, fault: Fault) -> RefusalError:
        """Return the error of a fault that comes under status 200."""
        ...

    def response_headers(self, request_id: str) -> dict[str, str]:
        """Return the headers that every answer of this vendor carries."""
        ...


class Exchange:
    """One request and its answer: the journal entry, the fault that strikes it, the pace."""

    def __init__(self, request: web.Request, simulator: Simulator, vendor: ErrorShape) -> None:
        self.request = request
        self.simulator = simulator
        self.vendor = vendor
        self.fault: Fault | None = None
        self.pace: Pace = simulator.faults.pace
        self.entry: JournalEntry = simulator.journal.open(
            provider=vendor.name,
            method=request.method,
            path=request.path,
            headers=request.headers,
        )

    async def read_body(self) -> bytes:
        """Read the request's body into the journal and return it.

        Raises:
            RefusalError: It is larger than the simulator reads (413).
        """
        try:
            raw = await self.request.read()
        except web.HTTPRequestEntityTooLarge:
            raise RefusalError("Request body is too large.", status=413) from None
        return raw

    def note_call(self, raw: bytes, *, model: str, stream: bool) -> None:
        """Write down what a body that is JSON asks for."""
        self.entry.body = msgspec.Raw(raw)
        self.entry.model = model
        self.entry.stream = stream
        self.simulator.journal.resized(self.entry)

    def strike(self, model: str, *, stream: bool, asked: Fault | None) -> Fault | None:
        """Choose the fault of this request: the one asked for in its prompt, else a queued one."""
        self.fault = asked or self.simulator.faults.take(self.vendor.name, model, stream=stream)
        self.entry.fault = self.fault.kind.value if self.fault else None
        return self.fault

    def close(self, outcome: str) -> None:
        """End the journal entry."""
        self.simulator.journal.close(self.entry, outcome)


Handler = Callable[[Exchange], Awaitable[web.StreamResponse]]


async def serve(
    request: web.Request, simulator: Simulator, vendor: ErrorShape, handler: Handler
) -> web.StreamResponse:
    """Run a handler, word its refusals as the vendor does, and end the journal entry."""
    exchange = Exchange(request, simulator, vendor)
    try:
        response = await handler(exchange)
    except RefusalError as error:
        return refuse(exchange, error)
    except StoppedError:
        exchange.close("stopped")
        hang_up(request)
        return web.Response(status=503)
    except (ConnectionError, asyncio.CancelledError):
        if not exchange.entry.done:
            exchange.entry.client_hung_up = True
            exchange.close("client_gone")
        raise
    except BaseException:
        exchange.close("crashed")
        raise
    exchange.close("answered")
    return response


def refuse(exchange: Exchange, error: RefusalError) -> web.Response:
    """Answer with an error status in the vendor's shape."""
    body = exchange.vendor.error_body(error, exchange.entry.request_id)
    headers = exchange.vendor.response_headers(exchange.entry.request_id)
    response = whole_answer(exchange, body, error.status, headers | error.headers)
    exchange.entry.error = error.message
    exchange.close("refused")
    return response


def whole_answer(
    exchange: Exchange,
    body: bytes,
    status: int,
    headers: Mapping[str, str],
    content_type: str = "application/json",
) -> web.Response:
    """Make an ordinary response and write it down."""
    exchange.entry.status = status
    exchange.entry.sent = [body]
    exchange.entry.sent_chunks = 1
    return web.Response(body=body, status=status, headers=headers, content_type=content_type)


async def before_first_byte(exchange: Exchange) -> web.StreamResponse | None:
    """Let happen what happens before an answer begins; a response ends the exchange.

    Raises:
        StoppedError: The simulator stopped while this request was made to hang.
    """
    await pause(exchange.pace.first_byte_delay_ms)
    fault = exchange.fault
    if fault is None:
        return None
    if fault.kind is FaultKind.SLOW_FIRST_BYTE:
        await pause(fault.delay_ms)
    elif fault.kind is FaultKind.HANG:
        await _hang(exchange)
    elif fault.kind is FaultKind.RESET_BEFORE_FIRST_BYTE:
        exchange.close("cut")
        reset(exchange.request)
        return web.Response(status=500)
    elif fault.kind is FaultKind.BAD_GATEWAY_HTML:
        response = whole_answer(exchange, HTML_502, 502, {}, "text/html")
        exchange.close("refused")
        return response
    elif fault.kind is FaultKind.JSON_ERROR_200:
        return refuse(exchange, exchange.vendor.in_band_error(fault))
    return None


async def _hang(exchange: Exchange) -> None:
    if not await exchange.simulator.faults.wait_released():
        raise StoppedError


async def send_whole(exchange: Exchange, reply: Reply) -> web.StreamResponse:
    """Send a unary answer; the faults of streams break it in half."""
    body = reply.frames[0].data
    fault = exchange.fault
    exchange.entry.planned_chunks = 1
    exchange.entry.usage = dict(reply.usage) if reply.usage is not None else None
    exchange.entry.billed_usage = _billed(reply, reply.output_tokens)
    if fault is None or fault.kind not in _MID_STREAM:
        return whole_answer(exchange, body, 200, reply.headers)
    if fault.kind is FaultKind.ERROR_MID_STREAM:
        return refuse(exchange, exchange.vendor.in_band_error(fault))
    if fault.kind is FaultKind.MALFORMED_JSON:
        return whole_answer(exchange, body[: len(body) // 2], 200, reply.headers)
    return await _send_half(exchange, body, reply, fault)


async def _send_half(
    exchange: Exchange, body: bytes, reply: Reply, fault: Fault
) -> web.StreamResponse:
    headers = {
        **reply.headers,
        "content-type": "application/json",
        "content-length": str(len(body)),
    }
    response = web.StreamResponse(headers=headers)
    exchange.entry.status = 200
    exchange.entry.sent = [body[: len(body) // 2]]
    await response.prepare(exchange.request)
    await response.write(exchange.entry.sent[0])
    if fault.kind is FaultKind.STALL_MID_STREAM:
        await _hang(exchange)
        await response.write(body[len(body) // 2 :])
        exchange.entry.sent = [body]
        return response
    exchange.close("cut")
    (reset if fault.kind is FaultKind.RESET_MID_STREAM else hang_up)(exchange.request)
    return response


async def send_stream(exchange: Exchange, reply: Reply) -> web.StreamResponse:
    """Send frames at the pace asked for, broken off where a fault says."""
    entry, frames = exchange.entry, reply.frames
    response = web.StreamResponse(headers={**reply.headers, "content-type": reply.stream_type})
    entry.status = 200
    entry.planned_chunks = len(frames)
    entry.sent = [frame.data for frame in frames]
    entry.usage = dict(reply.usage) if reply.usage is not None else None
    entry.billed_usage = _billed(reply, 0)
    await response.prepare(exchange.request)
    fault = exchange.fault
    if fault is None or fault.kind not in _MID_STREAM:
        await _send_frames(exchange, response, reply, 0, len(frames))
        return response
    closing = next((at for at, frame in enumerate(frames) if frame.closing), len(frames))
    cut = min(fault.after_chunks, closing)
    await _send_frames(exchange, response, reply, 0, cut)
    await _break_off(exchange, response, reply, fault, cut)
    return response


async def _break_off(
    exchange: Exchange, response: web.StreamResponse, reply: Reply, fault: Fault, cut: int
) -> None:
    if fault.kind is FaultKind.STALL_MID_STREAM:
        await _hang(exchange)
        await _send_frames(exchange, response, reply, cut, len(reply.frames))
        return
    exchange.entry.usage = None
    if fault.kind is FaultKind.RESET_MID_STREAM:
        exchange.close("cut")
        reset(exchange.request)
        return
    last = b""
    if fault.kind is FaultKind.MALFORMED_JSON:
        last = exchange.vendor.broken_frame
    elif fault.kind is FaultKind.ERROR_MID_STREAM:
        error = exchange.vendor.in_band_error(fault)
        last = exchange.vendor.error_frame(error, exchange.entry.request_id)
    if last:
        exchange.entry.sent[cut:] = [last]
        exchange.entry.sent_chunks = cut + 1
        await response.write(last)
    await response.write_eof()
    exchange.close("cut")


async def _send_frames(
    exchange: Exchange, response: web.StreamResponse, reply: Reply, start: int, end: int
) -> None:
    """Send frames one by one when paced, else joined into writes of the batch size."""
    if exchange.pace.chunk_delay_ms:
        for at in range(start, end):
            await pause(exchange.pace.chunk_delay_ms)
            await response.write(reply.frames[at].data)
            _count(exchange.entry, reply, at + 1)
        return
    batch: list[bytes] = []
    size = 0
    for at in range(start, end):
        batch.append(reply.frames[at].data)
        size += len(batch[-1])
        if size >= exchange.simulator.config.batch_bytes or at == end - 1:
            await response.write(b"".join(batch))
            _count(exchange.entry, reply, at + 1)
            batch, size = [], 0


def _count(entry: JournalEntry, reply: Reply, sent: int) -> None:
    """Bring the entry up to date: whole outputs are billed whole, parts by their frames."""
    delivered = reply.frames[entry.sent_chunks : sent]
    entry.sent_chunks = sent
    before = entry.billed_usage["output_tokens"] if entry.billed_usage else 0
    output = before + sum(frame.tokens for frame in delivered)
    if sent == len(reply.frames):
        output = reply.output_tokens
    entry.billed_usage = _billed(reply, output)


def _billed(reply: Reply, output_tokens: int) -> dict[str, int]:
    return {"prompt_tokens": reply.prompt_tokens, "output_tokens": output_tokens}
