"""Carries a chat's stream from the server to its client, in whatever shape the client wants."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final, Protocol

import grpc
import grpc.aio
import structlog
from aiohttp import web

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith.v1.usage_pb2 import Charge
from tokensmith_bridge.call import Call
from tokensmith_bridge.heartbeat import COMMENT, Heartbeat
from tokensmith_bridge.openai.errors import UNTOLD, BridgeReason, MoneyFacts, Refusal
from tokensmith_bridge.replies import EventStream, stream_reply
from tokensmith_bridge.server_errors import refusal_from_rpc
from tokensmith_bridge.under_way import UNDER_WAY, UnderWay

_log = structlog.get_logger("tokensmith.bridge")

_CUT_SHORT: Final = "The answer broke off before its end."
_GOING_DOWN: Final = "The gateway is going down."
_SEE_CHARGE: Final = "What was delivered is charged; the request's entry in /v1/requests says it."

Messages = AsyncIterator[chat.StreamChatCompletionResponse]
# Called with the last message, or with why there is none, before the encoder gets to see it.
BeforeEnd = Callable[[chat.StreamChatCompletionResponse | Refusal], Awaitable[None]]


class StreamEncoder(Protocol):
    """Renders one stream."""

    def encode(self, message: chat.StreamChatCompletionResponse) -> bytes:
        """All frames of one message; empty if it shows nothing."""

    def encode_error(self, refusal: Refusal, request_id: str) -> bytes:
        """The frames that end a stream which failed."""


async def relay_stream(
    request: web.Request,
    call: Call,
    rpc: Any,
    make_encoder: Callable[[chat.ChatCompletionStart], StreamEncoder],
    *,
    heartbeat_seconds: float,
    beat: bytes = COMMENT,
    before_end: BeforeEnd | None = None,
) -> web.StreamResponse:
    """Answer with the stream's head once its first message is there, and then with the rest.

    Until then a failure still is an error with a status of its own.

    Raises:
        Refusal: the call failed before its first message.
    """
    try:
        messages = aiter(rpc)
        first = await _first_message(messages)
        response = stream_reply(
            call,
            server_headers=await rpc.initial_metadata(),
            money=money_of(first.charge),
            replayed=first.charge.replayed,
        )
        await response.prepare(request)
        call.first_frame_seconds = call.seconds()
        encoder = make_encoder(first.start)
        with Heartbeat(request, response, heartbeat_seconds, beat) as heartbeat:
            under_way = request.app[UNDER_WAY]
            relay = _Relay(call, encoder, response, heartbeat, before_end, under_way=under_way)
            await relay.run(first, messages)
    finally:
        # Nothing to cancel when it has ended; else the client has gone.
        rpc.cancel()
    return response


async def _first_message(messages: Messages) -> chat.StreamChatCompletionResponse:
    try:
        return await anext(messages)
    except grpc.aio.AioRpcError as error:
        raise refusal_from_rpc(error) from None
    except StopAsyncIteration:
        raise Refusal("INTERNAL", "The server ended the stream before it began.") from None


class _Relay:
    """Carries a stream to its client, and in the end says why there is no more."""

    def __init__(
        self,
        call: Call,
        encoder: StreamEncoder,
        response: EventStream,
        heartbeat: Heartbeat,
        before_end: BeforeEnd | None,
        *,
        under_way: UnderWay,
    ) -> None:
        self._call = call
        self._encoder = encoder
        self._response = response
        self._heartbeat = heartbeat
        self._before_end = before_end
        self._under_way = under_way

    async def run(self, first: chat.StreamChatCompletionResponse, messages: Messages) -> None:
        """Write every message's frames at once, until the last one or a failure."""
        try:
            message = first
            while not message.HasField("usage"):
                await self._write(message)
                message = await anext(messages)
            await self._end(message)
        except grpc.aio.AioRpcError as error:
            refusal: Refusal = refusal_from_rpc(error)
            if refusal.reason == BridgeReason.SERVER_UNREACHABLE:
                # Its words are for calls that have not begun: this one may have been charged for.
                refusal = _broken_off(f"{_CUT_SHORT} {_SEE_CHARGE}")
        except StopAsyncIteration:
            refusal = _broken_off(_CUT_SHORT)
        except asyncio.CancelledError:
            if not self._under_way.was_cut():
                raise
            refusal = _broken_off(f"{_GOING_DOWN} {_SEE_CHARGE}")
        except ConnectionError:
            raise
        except Exception:
            _log.exception("stream failed", request_id=self._call.request_id)
            refusal = Refusal("INTERNAL", "Something went wrong on our side.", money=UNTOLD)
        else:
            # The server has nothing more to say; hear it end, so that nothing is cancelled.
            with contextlib.suppress(grpc.aio.AioRpcError):
                async for _ in messages:
                    pass
            return
        await self._fail(refusal)

    async def _write(self, message: chat.StreamChatCompletionResponse) -> None:
        frames = self._encoder.encode(message)
        self._heartbeat.defer()
        if frames:
            await self._response.write(frames)

    async def _end(self, message: chat.StreamChatCompletionResponse) -> None:
        self._call.charged_microcredits = message.charge.charged_microcredits
        if self._before_end is not None:
            await self._before_end(message)
        await self._response.write_eof(self._encoder.encode(message))

    async def _fail(self, refusal: Refusal) -> None:
        self._call.reason = refusal.reason
        self._call.charged_microcredits = refusal.money.charged_microcredits
        if self._before_end is not None:
            await self._before_end(refusal)
        await self._response.write_eof(self._encoder.encode_error(refusal, self._call.request_id))


def _broken_off(message: str) -> Refusal:
    """The server has not told how the stream ended, and so not what was charged."""
    return Refusal("STREAM_INTERRUPTED", message, money=UNTOLD)


def money_of(charge: Charge) -> MoneyFacts:
    """A call's money, for the headers."""
    return MoneyFacts(
        held_microcredits=charge.held_microcredits,
        charged_microcredits=charge.charged_microcredits,
        balance_microcredits=charge.balance_microcredits,
    )
