"""What one admitted call carries from its hold to its end, and how its price is decided."""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from tokensmith_server.billing import pricing
from tokensmith_server.billing.commands import AttemptOutcome, HoldPlaced, Outcome, SettleHold
from tokensmith_server.billing.pricing import HoldTerms, TextFacts
from tokensmith_server.billing.rates import TokenRate
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.billing.value import value
from tokensmith_server.catalog.model import ModelSpec, Route, TextSpec
from tokensmith_server.chat.attempts import Attempts
from tokensmith_server.chat.failures import call_error
from tokensmith_server.chat.parts import ChatLimits
from tokensmith_server.chat.request import ChatRequest
from tokensmith_server.chat.settlement import Settler
from tokensmith_server.chat.upstream_terms import output_cap_tokens
from tokensmith_server.errors import CallError, DeadlineExceeded
from tokensmith_server.providers.base import ChatCall, ProviderError, Timeouts

_log = structlog.get_logger(__name__)

# A stored answer larger than this is not kept; the retry is told so.
_RESULT_BYTES_MAX = 1024 * 1024
KEYED_RESULT_SECONDS = 24 * 3600.0
KEYLESS_RESULT_SECONDS = 15 * 60.0
# What of a caller's time is kept to settle a whole answer and bring it back: who is told that the
# time was over must not be charged for what came in its last moment.
SETTLING_SECONDS = 0.1
_SETTLING_SHARE = 0.1
# What a try gets that is begun in the very last moment; zero would mean no limit to some clients.
_TOTAL_SECONDS_MIN = 0.001


@value
class Price:
    """What a call is charged, by which usage, and whether we measured that ourselves."""

    microcredits: int
    usage: TokenUsage
    estimated: bool


@dataclass(slots=True)
class HeldCall:
    """A call whose hold is durable."""

    request: ChatRequest
    model: ModelSpec
    text: TextSpec
    rate: TokenRate
    facts: TextFacts
    terms: HoldTerms
    placed: HoldPlaced
    attempts: Attempts
    limits: ChatLimits
    catalog_version: str
    created_time: float

    @property
    def window_end_monotonic(self) -> float:
        """Until when its end is tried again: the hold's window, on a clock that never jumps."""
        return self.attempts.deadline_monotonic + self.limits.reconcile_seconds

    def upstream_call(self, route: Route, *, whole: bool) -> ChatCall:
        """What to send now, in what is left of the caller's time.

        A ``whole`` answer has no first byte to wait for: it comes when it is done.
        """
        limits, remaining_seconds = self.limits, self.attempts.remaining_seconds
        if whole:
            remaining_seconds -= min(SETTLING_SECONDS, remaining_seconds * _SETTLING_SHARE)
        total_seconds = min(remaining_seconds, limits.total_seconds_max)
        total_seconds = max(total_seconds, _TOTAL_SECONDS_MIN)
        first_byte_seconds = total_seconds if whole else limits.first_byte_seconds
        upstream = self.model.on(route)
        cap_tokens = self.placed.units
        if upstream is not self.model and upstream.text is not None:
            cap_tokens = output_cap_tokens(
                cap_tokens, upstream.text, self.terms.input_token_estimate
            )
        return ChatCall(
            params=self.request.params,
            model=upstream,
            route=route,
            output_cap_tokens=cap_tokens,
            timeouts=Timeouts(
                connect_seconds=limits.connect_seconds,
                first_byte_seconds=min(first_byte_seconds, total_seconds),
                idle_seconds=limits.idle_seconds,
                total_seconds=total_seconds,
            ),
            scope=self.request.caller.account_id,
            recalled_bytes_maximum=self.facts.recalled_bytes,
        )

    def refusal(self, error: ProviderError) -> CallError:
        """What the caller is told of the failure that ended the call."""
        error = self.attempts.told(error)
        if self.attempts.ran_out_of_time(error):
            return DeadlineExceeded("The answer was not ready in the time that the call had.")
        return call_error(error, self.model, self.attempts.route.provider)

    def price(
        self,
        usage: TokenUsage | None,
        *,
        input_usage: TokenUsage | None = None,
        output_bytes: Callable[[], int],
        free: bool,
    ) -> Price:
        """The price of what came out.

        By the provider's usage where it gave one that can be true, else by a low estimate of our
        own, which alone asks for ``output_bytes`` and, for the input, goes by ``input_usage``.
        Blocked and empty answers are ``free``.
        """
        if free:
            return Price(0, usage or TokenUsage(0, 0), estimated=usage is None)
        if usage is not None and self._plausible(usage):
            return Price(pricing.charge(self.rate, usage), usage, estimated=False)
        if usage is not None:
            _log.error("usage.implausible", hold=self.placed.hold_id, model=self.model.id)
        known = input_usage is not None and self._plausible(input_usage)
        low, microcredits = pricing.low_charge(
            self.rate,
            facts=self.facts,
            input_usage=input_usage if known else None,
            output_bytes=output_bytes(),
            held_microcredits=self.placed.amount_microcredits,
        )
        return Price(microcredits, low, estimated=True)

    def _plausible(self, usage: TokenUsage) -> bool:
        cap = self.placed.units
        if not self.text.capabilities.output_cap_bounds_reasoning:
            cap = self.text.output_ceiling_tokens
        return pricing.usage_is_plausible(
            usage,
            input_token_estimate=self.terms.input_token_estimate + self._unseen_tokens(),
            output_tokens_maximum=cap * self.facts.choices,
        )

    def _unseen_tokens(self) -> int:
        """The most that can be in the input and that no estimate sees.

        A document's size says little of its pages, which are compressed.
        """
        return self.text.context_tokens if self.facts.file_bytes else 0

    async def void(
        self,
        settler: Settler,
        reason: str,
        attempt: AttemptOutcome,
        outcome: Outcome = Outcome.FAILED,
    ) -> None:
        """Release the whole hold on the way out of a failure; see ``Settler.void_quietly``."""
        resolution = await settler.void_quietly(
            self.placed.hold_id,
            self.request.caller.account_id,
            outcome=outcome,
            reason=reason,
            attempt=attempt,
            until_monotonic=self.window_end_monotonic,
        )
        if resolution is not None:
            self.request.receipt.note(resolution.balance)

    def settlement(
        self,
        price: Price,
        outcome: Outcome,
        attempt: AttemptOutcome,
        *,
        now: float,
        finish_reason: str | None = None,
        result: bytes | None = None,
    ) -> SettleHold:
        """The command that ends the hold at this price."""
        kept = result if result is not None and len(result) <= _RESULT_BYTES_MAX else None
        keyed = self.request.idempotency_key is not None
        return SettleHold(
            hold_id=self.placed.hold_id,
            account_id=self.request.caller.account_id,
            charge_microcredits=price.microcredits,
            outcome=outcome,
            resolved_time=now,
            usage=price.usage,
            usage_estimated=price.estimated,
            finish_reason=finish_reason,
            attempt=attempt,
            result=kept,
            result_expires_time=now + (KEYED_RESULT_SECONDS if keyed else KEYLESS_RESULT_SECONDS),
        )
