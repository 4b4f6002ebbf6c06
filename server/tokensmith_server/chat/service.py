"""Chat, paid for: admit, hold, hand over to a supervised task, and listen to it."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import usage_pb2
from tokensmith_server.billing.commands import (
    HoldPlaced,
    MarkDelivered,
    NewAttempt,
    Outcome,
    PlaceHold,
    StoredResult,
)
from tokensmith_server.billing.errors import IdempotencyInProgress, InsufficientCredits
from tokensmith_server.catalog.rate_snapshot import rate_to_json
from tokensmith_server.chat.admission import Admission, Admitted
from tokensmith_server.chat.assembly import deltas_of
from tokensmith_server.chat.attempts import Attempts, AttemptTools
from tokensmith_server.chat.call import HeldCall
from tokensmith_server.chat.completion import CompletionRun
from tokensmith_server.chat.mailbox import Mailbox
from tokensmith_server.chat.parts import ChatServiceParts
from tokensmith_server.chat.request import ChatRequest
from tokensmith_server.chat.settlement import Settler
from tokensmith_server.chat.streaming import StreamRun
from tokensmith_server.errors import ResultNotReplayable
from tokensmith_server.faults import fault_point
from tokensmith_server.providers.base import Timeouts

_KIND = "chat"
# Between looks at a request that another process is still answering.
_JOIN_PAUSE_SECONDS = 0.25


@dataclass(slots=True)
class _Running:
    """A unary call in this process; ``joined`` once a retry waits for its answer too."""

    task: "asyncio.Task[chat_pb.CreateChatCompletionResponse]"
    joined: bool = False


class ChatService:
    """The rules of one chat call, whole or streamed. One instance serves the process."""

    def __init__(self, parts: ChatServiceParts) -> None:
        self._parts = parts
        self._admission = Admission(parts)
        self._settler = Settler(_KIND, parts.ledger, parts.clock, parts.sleep)
        self._attempt_tools = AttemptTools(
            ledger=parts.ledger,
            providers=parts.providers,
            health=parts.health,
            clock=parts.clock,
            policy=parts.retry_policy,
            sleep=parts.sleep,
            jitter=parts.jitter,
        )
        self._rate_json = {model.id: rate_to_json(model.rate) for model in parts.catalog.values()}
        # Unary calls by request id, so that a retry in this process joins the one it repeats.
        self._running: dict[str, _Running] = {}

    async def complete(self, request: ChatRequest) -> chat_pb.CreateChatCompletionResponse:
        """Answer whole. Cancelling this stops the listening; the call is finished and settled.

        Raises:
            CallError: the request was refused, or the call failed; nothing was charged.
            BillingError: the ledger refused.
        """
        admitted = self._admission.admit(request)
        task = self._parts.supervisor.spawn(self._complete(request, admitted))
        running = self._running[request.request_id] = _Running(task)
        task.add_done_callback(lambda _: self._running.pop(request.request_id, None))
        answer = await asyncio.shield(task)
        keyless = request.retry_count is not None and request.idempotency_key is None
        if keyless and not running.joined:
            self._parts.ledger.mark_delivered(MarkDelivered(answer.charge.hold_id))
        return answer

    async def stream(
        self, request: ChatRequest
    ) -> AsyncGenerator[chat_pb.StreamChatCompletionResponse]:
        """Answer as it comes. Closing this early stops the upstream call and settles.

        Raises: as ``complete``, and ``StreamInterrupted`` after the first message.
        """
        held = await self._hold_for_listener(request, self._admission.admit(request))
        if isinstance(held, StoredResult):
            yield _as_stream(await self._replay(request, held))
            return
        limits = self._parts.limits
        run = StreamRun(
            call=held,
            settler=self._settler,
            completion_id=self._parts.ids.new("chatcmpl-"),
            timeouts=self._timeouts(request, first_byte_seconds=limits.first_byte_seconds),
            mailbox=Mailbox(limits.mailbox_messages, limits.slow_reader_seconds),
        )
        self._parts.supervisor.spawn(run.run())
        try:
            async for message in run.mailbox:
                yield message
        finally:
            run.listener_left()

    async def _complete(
        self, request: ChatRequest, admitted: Admitted
    ) -> chat_pb.CreateChatCompletionResponse:
        """The money side of ``complete``, out of reach of whoever listens."""
        held = await self._hold(request, admitted, stream=False)
        if isinstance(held, StoredResult):
            return await self._replay(request, held)
        run = CompletionRun(
            held,
            self._settler,
            self._parts.ids.new("chatcmpl-"),
            self._timeouts(request, first_byte_seconds=request.remaining_seconds),
        )
        return await run.run()

    async def _hold_for_listener(
        self, request: ChatRequest, admitted: Admitted
    ) -> HeldCall | StoredResult:
        """Hold for a stream; a listener who leaves meanwhile leaves no hold behind."""
        task = self._parts.supervisor.spawn(self._hold(request, admitted, stream=True))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self._parts.supervisor.spawn(self._release(task))
            raise

    async def _release(self, holding: "asyncio.Task[HeldCall | StoredResult]") -> None:
        held = await holding
        if isinstance(held, HeldCall):
            await self._settler.void_quietly(
                held.placed.hold_id,
                held.request.caller.account_id,
                outcome=Outcome.ABANDONED,
                reason="CANCELLED",
                attempt=held.attempts.broken_off("client_gone"),
                until=held.expires_time,
            )

    async def _hold(
        self, request: ChatRequest, admitted: Admitted, *, stream: bool
    ) -> HeldCall | StoredResult:
        """Make the hold durable, or find the answer that the request asks for again."""
        command = self._command(request, admitted, stream=stream)
        try:
            placed = await self._place(command, request)
        except InsufficientCredits as error:
            request.receipt.balance_microcredits = error.available_microcredits
            raise
        if isinstance(placed, StoredResult):
            return placed
        fault_point("after_hold")
        request.receipt.held_microcredits = placed.amount_microcredits
        request.receipt.note(placed.balance)
        clock = self._parts.clock
        return HeldCall(
            request=request,
            model=admitted.model,
            text=admitted.text,
            rate=admitted.rate,
            facts=admitted.facts,
            terms=admitted.terms,
            placed=placed,
            attempts=Attempts(
                self._attempt_tools,
                placed.hold_id,
                admitted.routes,
                clock.monotonic() + request.remaining_seconds,
            ),
            catalog_version=command.catalog_version,
            created_time=command.created_time,
            expires_time=command.expires_time,
        )

    def _command(self, request: ChatRequest, admitted: Admitted, *, stream: bool) -> PlaceHold:
        parts, terms, route = self._parts, admitted.terms, admitted.routes[0]
        now = parts.clock.now()
        return PlaceHold(
            hold_id=parts.ids.new("hold_"),
            account_id=request.caller.account_id,
            api_key_id=request.caller.key_id,
            request_id=request.request_id,
            kind=_KIND,
            model=admitted.model.id,
            catalog_version=parts.catalog.version,
            rate_json=self._rate_json[admitted.model.id],
            fixed_microcredits=terms.fixed_microcredits,
            unit_microcredits=terms.unit_microcredits,
            units_wanted=terms.units_wanted,
            units_minimum=terms.units_minimum,
            created_time=now,
            expires_time=now + request.remaining_seconds + parts.limits.reconcile_seconds,
            owner=parts.owner,
            attempt=NewAttempt(1, route.provider, route.upstream_id, now),
            stream=stream,
            fingerprint=request.fingerprint() if request.may_be_repeated else None,
            idempotency_key=request.idempotency_key,
            retry_count=request.retry_count,
        )

    async def _place(self, command: PlaceHold, request: ChatRequest) -> HoldPlaced | StoredResult:
        """Place the hold. An SDK's own retry waits for the request it repeats."""
        deadline = self._parts.clock.monotonic() + request.remaining_seconds
        while True:
            try:
                return await self._parts.ledger.place_hold(command)
            except IdempotencyInProgress as error:
                if command.idempotency_key is not None or command.stream:
                    raise
                remaining = deadline - self._parts.clock.monotonic()
                if remaining <= _JOIN_PAUSE_SECONDS:
                    raise
                await self._wait_for(error.request_id)

    async def _wait_for(self, request_id: str) -> None:
        running = self._running.get(request_id)
        if running is None:
            await self._parts.sleep(_JOIN_PAUSE_SECONDS)
        else:
            running.joined = True
            await asyncio.wait((running.task,))

    async def _replay(
        self, request: ChatRequest, stored: StoredResult
    ) -> chat_pb.CreateChatCompletionResponse:
        """The first answer again, with its own charge and today's balance.

        Raises:
            ResultNotReplayable: the answer was not kept.
        """
        if stored.payload is None:
            raise ResultNotReplayable(stored.request_id)
        answer = chat_pb.CreateChatCompletionResponse.FromString(stored.payload)
        balance = await self._parts.requests.get_balance(request.caller.account_id)
        request.receipt.note(balance)
        request.receipt.held_microcredits = stored.held_microcredits
        request.receipt.charged_microcredits = stored.charged_microcredits
        answer.charge.CopyFrom(
            usage_pb2.Charge(
                hold_id=stored.hold_id,
                held_microcredits=stored.held_microcredits,
                charged_microcredits=stored.charged_microcredits,
                balance_microcredits=balance.available_microcredits,
                outcome=usage_pb2.OUTCOME_DELIVERED,
                replayed=True,
            )
        )
        return answer

    def _timeouts(self, request: ChatRequest, *, first_byte_seconds: float) -> Timeouts:
        limits = self._parts.limits
        total_seconds = min(request.remaining_seconds, limits.total_seconds_max)
        return Timeouts(
            connect_seconds=limits.connect_seconds,
            first_byte_seconds=min(first_byte_seconds, total_seconds),
            idle_seconds=limits.idle_seconds,
            total_seconds=total_seconds,
        )


def _as_stream(
    answer: chat_pb.CreateChatCompletionResponse,
) -> chat_pb.StreamChatCompletionResponse:
    """A kept answer as the one message of a stream."""
    completion = answer.completion
    return chat_pb.StreamChatCompletionResponse(
        start=chat_pb.ChatCompletionStart(
            id=completion.id,
            create_time=completion.create_time,
            model=completion.model,
            system_fingerprint=completion.system_fingerprint,
        ),
        deltas=deltas_of(completion),
        usage=completion.usage,
        charge=answer.charge,
        service_tier=completion.service_tier,
        moderation_json=completion.moderation_json,
    )
