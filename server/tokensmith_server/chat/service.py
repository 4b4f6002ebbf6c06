"""Chat, paid for: admit, hold, hand over to a supervised task, and listen to it."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import usage_pb2
from tokensmith_server.billing.commands import (
    HoldPlaced,
    MarkDelivered,
    NewAttempt,
    PlaceHold,
    StoredResult,
)
from tokensmith_server.billing.errors import (
    IdempotencyInProgress,
    InsufficientCredits,
    RequestIdReused,
    RequestNotFound,
)
from tokensmith_server.billing.idempotency import answer_keyed
from tokensmith_server.catalog.rate_snapshot import rate_to_json
from tokensmith_server.chat.admission import Admission, Admitted
from tokensmith_server.chat.assembly import deltas_of
from tokensmith_server.chat.attempts import Attempts, AttemptTools
from tokensmith_server.chat.call import HeldCall
from tokensmith_server.chat.completion import CompletionRun
from tokensmith_server.chat.listener import StreamListener
from tokensmith_server.chat.mailbox import Mailbox
from tokensmith_server.chat.parts import ChatServiceParts
from tokensmith_server.chat.request import ChatRequest
from tokensmith_server.chat.settlement import Settler
from tokensmith_server.chat.streaming import StreamRun
from tokensmith_server.errors import DeadlineExceeded, ResultNotReplayable, ShuttingDown
from tokensmith_server.faults import fault_point
from tokensmith_server.ids import namesake

T = TypeVar("T")

_KIND = "chat"
# Between looks at a request that another process is still answering.
_JOIN_PAUSE_SECONDS = 0.25


@dataclass(slots=True, eq=False)
class _Running:
    """A unary call in this process; ``joined`` once a retry waits for its answer too.

    ``joining`` while the call itself is such a retry and waits: it has nothing to settle then.
    """

    done: asyncio.Event = field(default_factory=asyncio.Event)
    joined: bool = False
    joining: bool = False
    # Account and request id, under which a retry finds it.
    names: list[tuple[str, str]] = field(default_factory=list)


class ChatService:
    """The rules of one chat call, whole or streamed. One instance serves the process."""

    def __init__(self, parts: ChatServiceParts) -> None:
        self._parts = parts
        self._admission = Admission(parts)
        self._settler = Settler(_KIND, parts.ledger, parts.clock, parts.sleep, parts.supervisor)
        self._attempt_tools = AttemptTools(
            ledger=parts.ledger,
            providers=parts.providers,
            clock=parts.clock,
            policy=parts.retry_policy,
            sleep=parts.sleep,
            jitter=parts.jitter,
            connect_patience_seconds=parts.limits.connect_seconds,
            patience_seconds=min(parts.limits.first_byte_seconds, parts.limits.idle_seconds),
            whole_patience_seconds=parts.limits.whole_patience_seconds,
        )
        self._rate_json = {model.id: rate_to_json(model.rate) for model in parts.catalog.values()}
        # Unary calls by name, so that a retry in this process joins the one it repeats.
        self._running: dict[tuple[str, str], _Running] = {}

    async def complete(self, request: ChatRequest) -> chat_pb.CreateChatCompletionResponse:
        """Answer whole. Cancelling this stops the listening; the call is finished and settled.

        Raises:
            CallError: the request was refused, or the call failed; nothing was charged.
            BillingError: the ledger refused.
        """
        admitted = self._admission.admit(request)
        running = _Running()
        task = self._parts.supervisor.spawn(self._complete(request, admitted, running))
        try:
            answer = await _listen(task)
        except asyncio.CancelledError:
            request.listening = False
            if running.joining:
                task.cancel()
            raise
        keyless = request.retry_count is not None and request.idempotency_key is None
        if keyless and not running.joined:
            self._parts.ledger.mark_delivered(MarkDelivered(answer.charge.hold_id))
        return answer

    async def repeat(self, request: ChatRequest) -> chat_pb.CreateChatCompletionResponse:
        """The answer that the request's idempotency key already has; nothing is called or held.

        Raises:
            RequestNotFound: it has none, or the first call produced nothing.
            BillingError: the key's first call still runs, or was of another request.
            ResultNotReplayable: the answer was not kept.
        """
        key = request.idempotency_key or ""
        earlier = await self._parts.requests.find_earlier(request.caller.account_id, key)
        stored = answer_keyed(earlier, request.fingerprint()) if earlier is not None else None
        if stored is None:
            raise RequestNotFound(key)
        return await self._replay(request, stored)

    def stream(self, request: ChatRequest) -> StreamListener:
        """Answer as it comes. Closing this early stops the upstream call and settles.

        Iterating raises as ``complete`` does, and ``StreamInterrupted`` after the first message.

        Raises:
            CallError: the request was refused; nothing was charged.
        """
        admitted = self._admission.admit(request)
        limits = self._parts.limits
        mailbox: Mailbox[chat_pb.StreamChatCompletionResponse] = Mailbox(
            limits.mailbox_messages, limits.slow_reader_seconds
        )
        listener = StreamListener(request, mailbox)
        self._parts.supervisor.spawn(self._stream(request, admitted, listener))
        return listener

    async def _complete(
        self, request: ChatRequest, admitted: Admitted, running: _Running
    ) -> chat_pb.CreateChatCompletionResponse:
        """The money side of ``complete``, out of reach of whoever listens."""
        try:
            # Named before the hold is visible to a retry; anew if the hold got another request id.
            self._name(running, request)
            held = await self._hold(request, admitted, running)
            if isinstance(held, StoredResult):
                return await self._replay(request, held)
            self._name(running, request)
            run = CompletionRun(held, self._settler, namesake(held.placed.hold_id, "chatcmpl-"))
            return await run.run()
        finally:
            for name in running.names:
                del self._running[name]
            running.done.set()

    def _name(self, running: _Running, request: ChatRequest) -> None:
        """Let retries find the call, unless another that runs has the same request id."""
        name = (request.caller.account_id, request.request_id)
        if name not in self._running:
            self._running[name] = running
            running.names.append(name)

    async def _stream(
        self, request: ChatRequest, admitted: Admitted, listener: StreamListener
    ) -> None:
        """The money side of ``stream``, out of reach of whoever listens."""
        mailbox = listener.mailbox
        try:
            held = await self._hold(request, admitted, None)
            if isinstance(held, StoredResult):
                mailbox.put_last(as_stream(await self._replay(request, held)))
                mailbox.close()
                return
        except Exception as error:
            mailbox.close(error)
            return
        except asyncio.CancelledError:
            mailbox.close(ShuttingDown())
            raise
        run = StreamRun(held, self._settler, namesake(held.placed.hold_id, "chatcmpl-"), mailbox)
        listener.attach(run)
        await run.run()

    async def _hold(
        self, request: ChatRequest, admitted: Admitted, running: _Running | None
    ) -> HeldCall | StoredResult:
        """Make the hold durable, or find the answer that the request asks for again.

        ``running`` is the unary call itself; ``None`` stands for a streamed one.
        """
        placed = None
        try:
            command, placed = await self._place(request, admitted, running)
        except InsufficientCredits as error:
            request.receipt.balance_microcredits = error.available_microcredits
            raise
        finally:
            if not isinstance(placed, HoldPlaced):
                admitted.plan.release()
        if isinstance(placed, StoredResult):
            return placed
        fault_point("after_hold")
        request.receipt.held_microcredits = placed.amount_microcredits
        request.receipt.note(placed.balance)
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
                admitted.plan,
                admitted.deadline_monotonic,
                stream=running is None,
                rate=admitted.rate,
                bound_microcredits=placed.amount_microcredits,
            ),
            limits=self._parts.limits,
            catalog_version=command.catalog_version,
            created_time=command.created_time,
        )

    def _command(self, request: ChatRequest, admitted: Admitted, *, stream: bool) -> PlaceHold:
        parts, terms, lane = self._parts, admitted.terms, admitted.plan.lane
        now = parts.clock.now()
        remaining_seconds = admitted.deadline_monotonic - parts.clock.monotonic()
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
            expires_time=now + remaining_seconds + parts.limits.reconcile_seconds,
            owner=parts.owner,
            attempt=NewAttempt(
                1, lane.route.provider, lane.route.upstream_id, now, lane.credential.name
            ),
            stream=stream,
            fingerprint=request.fingerprint() if request.may_be_repeated else None,
            idempotency_key=request.idempotency_key,
            retry_count=request.retry_count,
        )

    async def _place(
        self, request: ChatRequest, admitted: Admitted, running: _Running | None
    ) -> tuple[PlaceHold, HoldPlaced | StoredResult]:
        """Place the hold. A unary call that is an SDK's own retry waits for the one it repeats.

        Raises:
            RequestIdReused: an id of ours is taken as well, which is a defect.
        """
        clock, offered_id = self._parts.clock, request.request_id
        while True:
            left_seconds = admitted.deadline_monotonic - clock.monotonic()
            if not request.listening or left_seconds <= 0:
                raise DeadlineExceeded("The time was over before the call could be begun.")
            command = self._command(request, admitted, stream=running is None)
            self._parts.supervisor.take_on(command.hold_id)
            try:
                return command, await self._parts.ledger.place_hold(command)
            except RequestIdReused:
                # A client or proxy that sends one id with several calls. It is replaced once.
                if request.request_id != offered_id:
                    raise
                request.request_id = self._parts.ids.new("req_")
            except IdempotencyInProgress as error:
                if command.idempotency_key is not None or running is None:
                    raise
                left_seconds = admitted.deadline_monotonic - clock.monotonic()
                if left_seconds <= _JOIN_PAUSE_SECONDS:
                    raise
                first = self._running.get((request.caller.account_id, error.request_id))
                await self._join(running, first, left_seconds)

    async def _join(self, running: _Running, first: _Running | None, left_seconds: float) -> None:
        """Let a retry wait until it may look again, as long as it has time and a listener."""
        running.joining = True
        try:
            with self._parts.supervisor.cuttable():
                # It finds itself when the first call, in another process, has its request id.
                if first is None or first is running:
                    await self._parts.sleep(_JOIN_PAUSE_SECONDS)
                else:
                    first.joined = True
                    with suppress(TimeoutError):
                        async with asyncio.timeout(left_seconds):
                            await first.done.wait()
        finally:
            running.joining = False

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
        # The price list's version and the outcome were kept with the answer.
        answer.charge.MergeFrom(
            usage_pb2.Charge(
                hold_id=stored.hold_id,
                held_microcredits=stored.held_microcredits,
                charged_microcredits=stored.charged_microcredits,
                balance_microcredits=balance.available_microcredits,
                replayed=True,
            )
        )
        return answer


async def _listen(task: "asyncio.Task[T]") -> T:
    """Wait for a supervised task, which goes on when the waiting is cancelled.

    Raises:
        ShuttingDown: the task was cancelled, which only the end of the process does.
    """
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        listener = asyncio.current_task()
        if task.cancelled() and not (listener and listener.cancelling()):
            raise ShuttingDown from None
        raise


def as_stream(
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
