"""A streamed answer: relay what the provider sends, settle, then say what it cost.

The run is a supervised task. While it relays, a listener who leaves may interrupt it; the
settlement that follows is out of anybody's reach.
"""

import asyncio
from dataclasses import dataclass, field

import structlog
from google.protobuf.timestamp_pb2 import Timestamp

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import usage_pb2
from tokensmith_server.billing.commands import AttemptOutcome, Outcome
from tokensmith_server.billing.convert import OUTCOMES, usage_to_proto
from tokensmith_server.billing.errors import LedgerUnavailable
from tokensmith_server.catalog.model import Route
from tokensmith_server.chat.assembly import Assembly
from tokensmith_server.chat.call import HeldCall
from tokensmith_server.chat.facts import delivered_bytes
from tokensmith_server.chat.failures import log_reason
from tokensmith_server.chat.mailbox import Mailbox, ReaderTooSlow
from tokensmith_server.chat.progress import StreamProgress
from tokensmith_server.chat.settlement import Settler, charge_message
from tokensmith_server.errors import ShuttingDown, StreamInterrupted
from tokensmith_server.faults import fault_point
from tokensmith_server.providers.base import (
    ChatBatch,
    ChatProvider,
    ChatStream,
    ErrorKind,
    ProviderError,
)

_log = structlog.get_logger(__name__)

Message = chat_pb.StreamChatCompletionResponse


class _ListenerLeft(Exception):
    """Whoever listened went before the end."""


@dataclass(slots=True)
class StreamRun:
    """One streamed call from its hold to its settlement. Listen through ``mailbox``."""

    call: HeldCall
    settler: Settler
    completion_id: str
    mailbox: Mailbox[Message]
    _progress: StreamProgress = field(default_factory=StreamProgress)
    _stream: ChatStream | None = None
    # The run's own task while it relays, which is when it may be interrupted.
    _relaying: asyncio.Task[None] | None = None
    _left: bool = False
    _overtaken: bool = False
    # Kept only for a call that may be replayed by its idempotency key.
    _assembly: Assembly | None = None

    def __post_init__(self) -> None:
        """Keep the answer if it may be asked for again."""
        if self.call.request.idempotency_key is not None:
            self._assembly = Assembly()

    async def run(self) -> None:
        """Relay and settle. Failures reach the listener through the mailbox, never the caller."""
        try:
            await self._resolve(await self._relay())
        except LedgerUnavailable as error:
            _log.exception("hold.left_to_the_sweeper", hold=self.call.placed.hold_id)
            self.mailbox.close(error)
        except Exception as error:
            _log.exception("chat.defect", hold=self.call.placed.hold_id)
            await self.call.void(
                self.settler, "INTERNAL", self.call.attempts.broken_off("internal")
            )
            self.mailbox.close(error)
        finally:
            # Without effect unless this was cancelled: whoever listens must not wait for ever.
            self.mailbox.close(ShuttingDown())

    def listener_left(self) -> None:
        """Nobody listens any more: stop the upstream call, unless the answer is to be kept.

        What the listener never took counts as not delivered. Whoever took all of the text has a
        whole answer, of which the count alone is missing: that is waited for.
        """
        unread = self.mailbox.leave()
        if self._assembly is not None or self._relaying is None:
            return
        missed = {d.choice_index for message in unread for d in message.deltas if d.finish_reason}
        if self._progress.ended_choices - len(missed) >= self.call.facts.choices:
            return
        self._progress.output_bytes -= sum(delivered_bytes(message.deltas) for message in unread)
        # Told once only: a second time would look like the end of the process.
        task, self._relaying = self._relaying, None
        self._left = True
        task.cancel()

    async def _relay(self) -> Exception | None:
        """Relay to the end and return what it was: ``None`` for a good one."""
        if not self.call.request.listening:
            return _ListenerLeft()
        task = self._relaying = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in a task
        try:
            with self.settler.supervisor.cuttable():
                await self._relay_stream()
        except asyncio.CancelledError:
            if self._left and task.uncancel() == 0:
                return _ListenerLeft()
            await self._end_shut_down()
            raise
        except Exception as error:
            return error
        finally:
            self._relaying = None
        return None

    async def _relay_stream(self) -> None:
        stream = self._stream = await self.call.attempts.run(self._open)
        try:
            async for batch in stream:
                fault_point("mid_stream")
                await self._pass_on(batch)
        finally:
            await _close(stream)

    async def _open(self, provider: ChatProvider, route: Route) -> ChatStream:
        return await provider.stream_chat(self.call.upstream_call(route, whole=False))

    async def _pass_on(self, batch: ChatBatch) -> None:
        progress = self._progress
        progress.note(batch)
        if self._assembly is not None:
            self._assembly.add(batch.deltas)
        if not batch.deltas and progress.messages:
            return
        message = Message(deltas=batch.deltas)
        if progress.messages == 0:
            self._begin(message)
        progress.messages += 1
        await self._hand_over(message)
        progress.output_bytes += delivered_bytes(batch.deltas)
        progress.ended_choices = len(progress.finish_reasons)

    async def _hand_over(self, message: Message) -> None:
        try:
            await self.mailbox.put(message)
        except ReaderTooSlow:
            if self._assembly is None:
                raise
            # The answer is made for the key, which can be used again.
            self._overtaken = True
            self.mailbox.leave()

    def _begin(self, message: Message) -> None:
        start = message.start
        start.id = self.completion_id
        start.model = self.call.request.params.model
        start.create_time.CopyFrom(Timestamp(seconds=int(self.call.created_time)))
        start.system_fingerprint = self._progress.system_fingerprint
        message.charge.CopyFrom(
            charge_message(self.call.placed, None, catalog_version=self.call.catalog_version)
        )

    async def _resolve(self, error: Exception | None) -> None:
        """End the hold by how the relay ended."""
        if isinstance(error, _ListenerLeft | ReaderTooSlow):
            await self._end_abandoned()
        elif error is None:
            await self._end_complete()
        elif isinstance(error, ProviderError) and self._stream is not None:
            await self._end_broken(error)
        else:
            await self._end_unbegun(error)

    async def _end_complete(self) -> None:
        progress = self._progress
        assert self._stream is not None  # noqa: S101 - a complete relay had a stream
        attempt = self.call.attempts.answered(self._stream.facts)
        message = await self._settle(progress.outcome, attempt, complete=True)
        message.service_tier = progress.service_tier
        message.moderation_json = progress.moderation_json
        if progress.messages == 0:
            self._begin_empty(message)
        if self._overtaken:
            self.mailbox.close(
                StreamInterrupted(
                    "The stream was read too slowly. The same idempotency key gets the answer.",
                    charged_microcredits=message.charge.charged_microcredits,
                )
            )
            return
        self.mailbox.put_last(message)
        self.mailbox.close()

    def _begin_empty(self, message: Message) -> None:
        charge = usage_pb2.Charge()
        charge.CopyFrom(message.charge)
        self._begin(message)
        message.charge.CopyFrom(charge)

    async def _end_broken(self, error: ProviderError) -> None:
        """The provider broke off: what was delivered is charged, and the listener is told."""
        call, progress = self.call, self._progress
        call.attempts.note_break(error)
        attempt = call.attempts.failed(error)
        if error.kind is ErrorKind.CONTENT_REFUSED:
            await self.call.void(self.settler, log_reason(error), attempt, Outcome.BLOCKED)
            self.mailbox.close(call.refusal(error))
        elif progress.worth:
            progress.usage = error.usage or progress.usage
            message = await self._settle(Outcome.TRUNCATED, attempt)
            self._interrupt(message, "The provider broke off in mid-stream")
        elif progress.messages:
            await self.call.void(self.settler, log_reason(error), attempt)
            self.mailbox.close(
                StreamInterrupted(
                    "The provider broke off before there was an answer. You were not charged.",
                    charged_microcredits=0,
                )
            )
        else:
            await self.call.void(self.settler, log_reason(call.attempts.told(error)), attempt)
            self.mailbox.close(call.refusal(error))

    async def _end_abandoned(self) -> None:
        """The listener left, or was too slow: it pays for what it took."""
        attempt = self.call.attempts.broken_off("client_gone")
        if self._progress.output_bytes <= 0:
            await self.call.void(self.settler, "CANCELLED", attempt, Outcome.ABANDONED)
            self.mailbox.close(
                StreamInterrupted("The stream was read too slowly.", charged_microcredits=0)
            )
            return
        message = await self._settle(Outcome.ABANDONED, attempt)
        _log.info(
            "chat.abandoned",
            hold=self.call.placed.hold_id,
            charged_microcredits=message.charge.charged_microcredits,
        )
        self._interrupt(message, "The stream was read too slowly")

    async def _end_unbegun(self, error: Exception) -> None:
        """Nothing came back: the hold is void, and the listener is told why."""
        call = self.call
        if isinstance(error, ProviderError):
            blocked = error.kind is ErrorKind.CONTENT_REFUSED
            outcome = Outcome.BLOCKED if blocked else Outcome.FAILED
            reason = log_reason(call.attempts.told(error))
            await self.call.void(self.settler, reason, call.attempts.failed(error), outcome)
            self.mailbox.close(call.refusal(error))
            return
        _log.error("chat.defect", hold=call.placed.hold_id, exc_info=error)
        await self.call.void(self.settler, "INTERNAL", call.attempts.broken_off("internal"))
        self.mailbox.close(error)

    async def _end_shut_down(self) -> None:
        """The process ends. The ledger is asked once; what it does not take, the sweeper does."""
        attempt = self.call.attempts.broken_off("shutdown")
        if not self._progress.worth:
            await self.call.void(self.settler, "SHUTTING_DOWN", attempt)
            return
        try:
            message = await self._settle(
                Outcome.TRUNCATED, attempt, until_monotonic=self.settler.clock.monotonic()
            )
        except LedgerUnavailable:
            _log.exception("hold.left_to_the_sweeper", hold=self.call.placed.hold_id)
            return
        self._interrupt(message, "The server is going down")

    def _interrupt(self, message: Message, why: str) -> None:
        self.mailbox.close(
            StreamInterrupted(
                f"{why}; what was delivered is charged.",
                charged_microcredits=message.charge.charged_microcredits,
            )
        )

    async def _settle(
        self,
        outcome: Outcome,
        attempt: AttemptOutcome,
        *,
        complete: bool = False,
        until_monotonic: float | None = None,
    ) -> Message:
        """End the hold and return the last message: usage and charge."""
        call, progress = self.call, self._progress
        price = call.price(
            progress.usage,
            input_usage=progress.input_usage,
            output_bytes=lambda: progress.output_bytes,
            free=outcome in {Outcome.BLOCKED, Outcome.EMPTY},
        )
        message = Message(usage=usage_to_proto(price.usage, estimated=price.estimated))
        resolution = await self.settler.settle(
            call.settlement(
                price,
                outcome,
                attempt,
                now=self.settler.clock.now(),
                finish_reason=progress.finish_reason,
                result=self._kept(message.usage, outcome) if complete else None,
            ),
            until_monotonic=(
                call.window_end_monotonic if until_monotonic is None else until_monotonic
            ),
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

    def _kept(self, usage: usage_pb2.TokenUsage, outcome: Outcome) -> bytes | None:
        """The answer for whoever uses the key again, as a unary one, unless nothing is in it."""
        if self._assembly is None or outcome is Outcome.EMPTY:
            return None
        progress, call = self._progress, self.call
        return chat_pb.CreateChatCompletionResponse(
            completion=chat_pb.ChatCompletion(
                id=self.completion_id,
                model=call.request.params.model,
                create_time=Timestamp(seconds=int(call.created_time)),
                choices=self._assembly.choices(),
                usage=usage,
                service_tier=progress.service_tier,
                system_fingerprint=progress.system_fingerprint,
                moderation_json=progress.moderation_json,
            ),
            charge=usage_pb2.Charge(
                catalog_version=call.catalog_version, outcome=OUTCOMES[outcome]
            ),
        ).SerializeToString()


async def _close(stream: ChatStream) -> None:
    """Close it; what goes wrong there must not decide what the answer was worth."""
    try:
        await stream.aclose()
    except Exception:
        _log.exception("upstream.close_failed")
