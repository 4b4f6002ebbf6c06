"""A streamed answer: relay what the provider sends, settle, then say what it cost.

The run is a supervised task. It relays in a task of its own, which may be cancelled when the
listener leaves; the settlement that follows may not.
"""

import asyncio
from dataclasses import dataclass, field

import structlog
from google.protobuf.timestamp_pb2 import Timestamp

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.commands import AttemptOutcome, Outcome
from tokensmith_server.billing.convert import usage_to_proto
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.catalog.model import Route
from tokensmith_server.chat.assembly import Assembly
from tokensmith_server.chat.call import HeldCall
from tokensmith_server.chat.completion import finish_name
from tokensmith_server.chat.facts import delivered_bytes
from tokensmith_server.chat.failures import call_error, log_reason
from tokensmith_server.chat.mailbox import Mailbox, ReaderTooSlow
from tokensmith_server.chat.settlement import Settler, charge_message
from tokensmith_server.errors import StreamInterrupted, UpstreamTimeout
from tokensmith_server.faults import fault_point
from tokensmith_server.providers.base import (
    ChatBatch,
    ChatCall,
    ChatProvider,
    ChatStream,
    ErrorKind,
    Phase,
    ProviderError,
    Timeouts,
)

_log = structlog.get_logger(__name__)

Message = chat_pb.StreamChatCompletionResponse


@dataclass(slots=True)
class _Progress:
    """What has come so far."""

    output_bytes: int = 0
    usage: TokenUsage | None = None
    service_tier: str = ""
    moderation_json: str = ""
    messages: int = 0
    finish_reasons: dict[int, chat_pb.FinishReason] = field(default_factory=dict)

    def note(self, batch: ChatBatch) -> None:
        self.output_bytes += delivered_bytes(batch.deltas)
        for delta in batch.deltas:
            if delta.finish_reason:
                self.finish_reasons[delta.choice_index] = delta.finish_reason
        if batch.usage is not None:
            self.usage = batch.usage
        self.service_tier = batch.service_tier or self.service_tier
        self.moderation_json = batch.moderation_json or self.moderation_json

    @property
    def blocked(self) -> bool:
        reasons = self.finish_reasons.values()
        filtered = chat_pb.FINISH_REASON_CONTENT_FILTER
        return bool(reasons) and all(reason == filtered for reason in reasons)

    @property
    def finish_reason(self) -> str | None:
        first = self.finish_reasons.get(0, chat_pb.FINISH_REASON_UNSPECIFIED)
        return finish_name(first)


@dataclass(slots=True)
class StreamRun:
    """One streamed call from its hold to its settlement. Listen through ``mailbox``."""

    call: HeldCall
    settler: Settler
    completion_id: str
    timeouts: Timeouts
    mailbox: Mailbox[Message]
    _progress: _Progress = field(default_factory=_Progress)
    _stream: ChatStream | None = None
    _relay: asyncio.Task[None] | None = None
    _abandoned: bool = False
    # Kept only for a call that may be replayed by its idempotency key.
    _assembly: Assembly | None = None

    async def run(self) -> None:
        """Relay and settle. Failures reach the listener through the mailbox, never the caller."""
        if self.call.request.idempotency_key is not None:
            self._assembly = Assembly()
        self._relay = asyncio.get_running_loop().create_task(self._relay_stream())
        try:
            await asyncio.wait((self._relay,))
        except asyncio.CancelledError:
            await self._stop_relay()
            self.mailbox.close(UpstreamTimeout("The server is going down.", phase="shutdown"))
            raise
        try:
            await self._resolve(self._relay)
        except Exception as error:
            _log.exception("chat.stream_unresolved", hold=self.call.placed.hold_id)
            self.mailbox.close(error)

    def listener_left(self) -> None:
        """Nobody listens any more: stop the upstream call, unless the answer is to be kept.

        What the listener never took counts as not delivered.
        """
        unread = self.mailbox.leave()
        if self._assembly is not None or self._relay is None or self._relay.done():
            return
        self._abandoned = True
        self._progress.output_bytes -= sum(delivered_bytes(message.deltas) for message in unread)
        self._relay.cancel()

    async def _stop_relay(self) -> None:
        if self._relay is not None:
            self._relay.cancel()
            await asyncio.wait((self._relay,))

    async def _relay_stream(self) -> None:
        self._stream = await self.call.attempts.run(self._open)
        try:
            async for batch in self._stream:
                fault_point("mid_stream")
                await self._pass_on(batch)
        finally:
            await self._stream.aclose()

    async def _open(self, provider: ChatProvider, route: Route) -> ChatStream:
        return await provider.stream_chat(
            ChatCall(
                params=self.call.request.params,
                model=self.call.model,
                route=route,
                output_cap_tokens=self.call.placed.units,
                timeouts=self.timeouts,
            )
        )

    async def _pass_on(self, batch: ChatBatch) -> None:
        progress = self._progress
        progress.note(batch)
        if self._assembly is not None:
            self._assembly.add(batch.deltas)
        if not batch.deltas and progress.messages:
            return
        message = Message(deltas=batch.deltas)
        if progress.messages == 0:
            self._begin(message, batch.system_fingerprint)
        progress.messages += 1
        await self.mailbox.put(message)

    def _begin(self, message: Message, system_fingerprint: str) -> None:
        start = message.start
        start.id = self.completion_id
        start.model = self.call.request.params.model
        start.create_time.CopyFrom(Timestamp(seconds=int(self.call.created_time)))
        start.system_fingerprint = system_fingerprint
        message.charge.CopyFrom(
            charge_message(self.call.placed, None, catalog_version=self.call.catalog_version)
        )

    async def _resolve(self, relay: "asyncio.Task[None]") -> None:
        """End the hold by how the relay ended."""
        error = None if relay.cancelled() else relay.exception()
        if relay.cancelled() or isinstance(error, ReaderTooSlow):
            await self._end_abandoned()
        elif error is None:
            await self._end_complete()
        elif isinstance(error, ProviderError) and error.phase is Phase.STREAMING:
            await self._end_broken(error)
        else:
            await self._end_unbegun(error)

    async def _end_complete(self) -> None:
        progress = self._progress
        outcome = Outcome.DELIVERED
        if progress.blocked:
            outcome = Outcome.BLOCKED
        elif progress.output_bytes == 0:
            outcome = Outcome.EMPTY
        message = await self._settle(outcome, self._answered())
        message.service_tier = progress.service_tier
        message.moderation_json = progress.moderation_json
        if progress.messages == 0:
            self._begin_empty(message)
        await self._put_last(message)
        self.mailbox.close()

    def _begin_empty(self, message: Message) -> None:
        charge = message.charge
        kept = type(charge)()
        kept.CopyFrom(charge)
        self._begin(message, "")
        charge.CopyFrom(kept)

    async def _put_last(self, message: Message) -> None:
        try:
            await self.mailbox.put(message)
        except ReaderTooSlow:
            _log.info("chat.last_message_unread", hold=self.call.placed.hold_id)

    async def _end_broken(self, error: ProviderError) -> None:
        """The provider broke off: what was delivered is charged, and the listener is told."""
        if error.usage is not None:
            self._progress.usage = error.usage
        blocked = error.kind is ErrorKind.CONTENT_REFUSED
        outcome = Outcome.BLOCKED if blocked else Outcome.TRUNCATED
        if self._progress.output_bytes == 0 and not blocked:
            outcome = Outcome.FAILED
        message = await self._settle(outcome, self.call.attempts.failed(error))
        charged = message.charge.charged_microcredits
        self.mailbox.close(
            call_error(error, self.call.model, self.call.attempts.route.provider)
            if blocked
            else StreamInterrupted(
                "The provider broke off in mid-stream; what was delivered is charged.",
                charged_microcredits=charged,
            )
        )

    async def _end_abandoned(self) -> None:
        outcome = Outcome.ABANDONED
        attempt = self.call.attempts.broken_off("client_gone")
        await self._settle(outcome, attempt)
        self.mailbox.close(
            StreamInterrupted(
                "The stream was read too slowly; what was delivered is charged.",
                charged_microcredits=self.call.request.receipt.charged_microcredits,
            )
        )

    async def _end_unbegun(self, error: BaseException) -> None:
        """Nothing came back: the hold is void, and the listener is told why."""
        call = self.call
        if isinstance(error, ProviderError):
            blocked = error.kind is ErrorKind.CONTENT_REFUSED
            reason, attempt = log_reason(error), call.attempts.failed(error)
            told: BaseException = call_error(error, call.model, call.attempts.route.provider)
        else:
            _log.error("chat.defect", hold=call.placed.hold_id, exc_info=error)
            blocked = False
            reason, attempt = "INTERNAL", call.attempts.broken_off("internal")
            told = error
        resolution = await self.settler.void_quietly(
            call.placed.hold_id,
            call.request.caller.account_id,
            outcome=Outcome.BLOCKED if blocked else Outcome.FAILED,
            reason=reason,
            attempt=attempt,
            until=call.expires_time,
        )
        if resolution is not None:
            call.request.receipt.note(resolution.balance)
        self.mailbox.close(told)

    def _answered(self) -> AttemptOutcome:
        assert self._stream is not None  # noqa: S101 - a complete relay had a stream
        return self.call.attempts.answered(self._stream.facts)

    async def _settle(self, outcome: Outcome, attempt: AttemptOutcome) -> Message:
        """End the hold and return the last message: usage and charge."""
        call, progress = self.call, self._progress
        complete = outcome is Outcome.DELIVERED
        price = call.price(
            progress.usage,
            output_bytes=progress.output_bytes,
            blocked=outcome is Outcome.BLOCKED,
        )
        message = Message(usage=usage_to_proto(price.usage, estimated=price.estimated))
        result = None
        if complete and self._assembly is not None:
            result = self._assembly.result(
                completion_id=self.completion_id,
                model=call.request.params.model,
                created_seconds=int(call.created_time),
                usage=message.usage,
            )
        resolution = await self.settler.settle(
            call.settlement(
                price,
                outcome,
                attempt,
                now=self.settler.clock.now(),
                finish_reason=progress.finish_reason,
                result=result,
            ),
            until=call.expires_time,
        )
        message.charge.CopyFrom(
            charge_message(
                call.placed, resolution, catalog_version=call.catalog_version, outcome=outcome
            )
        )
        receipt = call.request.receipt
        receipt.charged_microcredits = message.charge.charged_microcredits
        receipt.balance_microcredits = message.charge.balance_microcredits
        return message
