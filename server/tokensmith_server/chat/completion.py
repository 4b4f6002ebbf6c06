"""A whole answer: call the provider, settle, answer. Runs in a supervised task."""

import asyncio
from dataclasses import dataclass

import structlog
from google.protobuf.timestamp_pb2 import Timestamp

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.commands import Outcome
from tokensmith_server.billing.convert import OUTCOMES, usage_to_proto
from tokensmith_server.billing.errors import LedgerUnavailable
from tokensmith_server.catalog.model import Route
from tokensmith_server.chat.call import HeldCall, Price
from tokensmith_server.chat.facts import answer_bytes, has_worth
from tokensmith_server.chat.failures import log_reason
from tokensmith_server.chat.settlement import Settler, charge_message
from tokensmith_server.providers.base import (
    ChatProvider,
    ChatResult,
    ErrorKind,
    ProviderError,
)

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class CompletionRun:
    """One unary call from its hold to its settlement."""

    call: HeldCall
    settler: Settler
    completion_id: str

    async def run(self) -> chat_pb.CreateChatCompletionResponse:
        """Make the call and settle it; the answer is handed out once that is durable.

        Raises:
            CallError: the call failed; its hold is void.
            LedgerUnavailable: the settlement could not be made durable in the hold's window, at
                whose end the sweeper releases it.
        """
        call, attempts = self.call, self.call.attempts
        try:
            with self.settler.supervisor.cuttable():
                result = await attempts.run(self._send)
        except ProviderError as error:
            blocked = error.kind is ErrorKind.CONTENT_REFUSED
            outcome = Outcome.BLOCKED if blocked else Outcome.FAILED
            reason = log_reason(attempts.told(error))
            await self.call.void(self.settler, reason, attempts.failed(error), outcome)
            raise call.refusal(error) from error
        except asyncio.CancelledError:
            # Only the end of the process cancels this; nobody will get an answer from it.
            await self.call.void(self.settler, "SHUTTING_DOWN", attempts.broken_off("shutdown"))
            raise
        except Exception:
            _log.exception("chat.defect", hold=call.placed.hold_id)
            await self.call.void(self.settler, "INTERNAL", attempts.broken_off("internal"))
            raise
        try:
            return await self._settle(result)
        except LedgerUnavailable:
            _log.exception("hold.left_to_the_sweeper", hold=call.placed.hold_id)
            raise
        except Exception:
            _log.exception("chat.defect", hold=call.placed.hold_id)
            await self.call.void(self.settler, "INTERNAL", attempts.broken_off("internal"))
            raise

    async def _send(self, provider: ChatProvider, route: Route) -> ChatResult:
        return await provider.complete_chat(self.call.upstream_call(route, whole=True))

    async def _settle(self, result: ChatResult) -> chat_pb.CreateChatCompletionResponse:
        call = self.call
        completion = result.completion
        completion.id = self.completion_id
        completion.model = call.request.params.model
        completion.create_time.CopyFrom(Timestamp(seconds=int(call.created_time)))
        outcome = completion_outcome(completion)
        price = call.price(
            result.usage,
            output_bytes=lambda: answer_bytes(completion),
            free=outcome in {Outcome.BLOCKED, Outcome.EMPTY},
        )
        completion.usage.CopyFrom(usage_to_proto(price.usage, estimated=price.estimated))
        return await self._answer(completion, price, outcome, result)

    async def _answer(
        self,
        completion: chat_pb.ChatCompletion,
        price: Price,
        outcome: Outcome,
        result: ChatResult,
    ) -> chat_pb.CreateChatCompletionResponse:
        call = self.call
        answer = chat_pb.CreateChatCompletionResponse(completion=completion)
        # Kept with the answer, since the ledger keeps the rest of its charge.
        answer.charge.catalog_version = call.catalog_version
        answer.charge.outcome = OUTCOMES[outcome]
        # An empty answer is nothing to give out again: the repeat is a call of its own.
        kept = call.request.may_be_repeated and outcome is not Outcome.EMPTY
        resolution = await self.settler.settle(
            call.settlement(
                price,
                outcome,
                call.attempts.answered(result.facts),
                now=self.settler.clock.now(),
                finish_reason=finish_reason_name(completion),
                result=answer.SerializeToString() if kept else None,
            ),
            until_monotonic=call.window_end_monotonic,
        )
        answer.charge.CopyFrom(
            charge_message(
                call.placed, resolution, catalog_version=call.catalog_version, outcome=outcome
            )
        )
        call.request.receipt.charged_microcredits = answer.charge.charged_microcredits
        call.request.receipt.balance_microcredits = answer.charge.balance_microcredits
        return answer


def completion_outcome(completion: chat_pb.ChatCompletion) -> Outcome:
    """What the customer gets: everything filtered out is blocked, nothing in it is empty."""
    choices = completion.choices
    filtered = chat_pb.FINISH_REASON_CONTENT_FILTER
    if choices and all(choice.finish_reason == filtered for choice in choices):
        return Outcome.BLOCKED
    return Outcome.DELIVERED if has_worth(completion) else Outcome.EMPTY


_FINISH_NAMES = {
    number: name.removeprefix("FINISH_REASON_").lower()
    for name, number in chat_pb.FinishReason.items()
    if number != chat_pb.FINISH_REASON_UNSPECIFIED
}


def finish_reason_name(completion: chat_pb.ChatCompletion) -> str | None:
    """The first choice's finish reason for the request log, like ``stop``."""
    if not completion.choices:
        return None
    return finish_name(completion.choices[0].finish_reason)


def finish_name(reason: chat_pb.FinishReason) -> str | None:
    """A finish reason for the request log, like ``stop``; ``None`` when there is none."""
    return _FINISH_NAMES.get(reason)
