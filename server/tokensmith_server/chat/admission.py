"""Refuses what can be refused before money is touched, and says what to hold for the rest."""

from collections.abc import Sequence

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing import pricing
from tokensmith_server.billing.rates import TokenRate
from tokensmith_server.billing.value import value
from tokensmith_server.catalog.model import Kind, ModelSpec, TextSpec
from tokensmith_server.catalog.selection import ModelSelection
from tokensmith_server.chat.facts import text_facts
from tokensmith_server.chat.parts import ChatServiceParts
from tokensmith_server.chat.request import ChatRequest
from tokensmith_server.chat.upstream_terms import dearest, too_long_for
from tokensmith_server.chat.validate import check_params
from tokensmith_server.errors import (
    CallError,
    ContextLengthExceeded,
    DeadlineExceeded,
    ModelKindMismatch,
    RateLimited,
    UnsupportedField,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from tokensmith_server.providers.base import ErrorKind, ProviderError, RecalledInput
from tokensmith_server.providers.capabilities import check_capabilities
from tokensmith_server.routing.lanes import RouteState
from tokensmith_server.routing.router import Plan


@value
class Admitted:
    """A request that may be held for. Once admitted, the plan's first try is claimed."""

    model: ModelSpec
    text: TextSpec
    rate: TokenRate
    facts: pricing.TextFacts
    terms: pricing.HoldTerms
    plan: Plan
    deadline_monotonic: float


class Admission:
    """The checks of one process's chat calls: model, params, routes, limits."""

    def __init__(self, parts: ChatServiceParts) -> None:
        self._parts = parts
        self._models = ModelSelection(parts.catalog, parts.clock, parts.simulated)

    def admit(self, request: ChatRequest) -> Admitted:
        """Check the request and say what to hold for it.

        Raises:
            CallError: it is refused.
        """
        if request.remaining_seconds <= 0:
            raise DeadlineExceeded("The call's deadline had passed before it was begun.")
        deadline = self._parts.clock.monotonic() + request.remaining_seconds
        admitted = self.examine(request.params, request.caller.account_id, deadline)
        try:
            request.receipt.headers = self._parts.rate_limiter.admit(
                request.caller.key_id, admitted.terms.input_token_estimate
            )
        except RateLimited as error:
            request.receipt.headers = error.headers
            raise
        # Last, since whoever claims a route on probation must try it or release it.
        admitted.plan.claim(self._parts.clock.monotonic())
        return admitted

    def examine(
        self, params: chat_pb.ChatCompletionParams, account_id: str, deadline_monotonic: float
    ) -> Admitted:
        """Check params and price them, and claim nothing: what a call and its estimate share.

        Raises:
            CallError: such a call would be refused.
        """
        model, text, rate = self._find_model(params.model)
        check_params(params)
        plan = self._plan(params, model)
        recalled = self._recalled_input(params, model, plan, account_id)
        facts = text_facts(params, text.family.value, recalled)
        if model.on_routes:
            text, facts = dearest(model, plan, facts)
        terms = self._terms(params, text, rate, facts, recalled.turn_token_count)
        return Admitted(model, text, rate, facts, terms, plan, deadline_monotonic)

    def _plan(self, params: chat_pb.ChatCompletionParams, model: ModelSpec) -> Plan:
        """The fit routes whose upstream model takes what is asked for, in their order.

        What only routes that are out take is to be tried again. What none takes is refused, in
        the words of the first.
        """
        plan = self._parts.router.plan(model)
        refusals: dict[RouteState, CallError] = {}

        def takes(state: RouteState) -> bool:
            refusal = self._refusal(params, model, state)
            if refusal is not None:
                refusals[state] = refusal
            return refusal is None

        plan.keep(takes)
        if plan.routes:
            return plan
        groups = self._parts.router.groups(model.id)
        if plan.out or not groups:
            raise self._no_route(model, tuple(plan.out))
        raise next(refusals[state] for group in groups for state, _ in group)

    def _refusal(
        self, params: chat_pb.ChatCompletionParams, model: ModelSpec, state: RouteState
    ) -> CallError | None:
        """Why a route can't take the call: for what its upstream model does not, or we don't sell.

        A model that stands in for another is no way to more than that one offers.
        """
        upstream = model.on(state.route)
        # What a provider can do does not depend on the key.
        provider = self._parts.providers[state.lanes[0].credential.name]
        try:
            if upstream is not model:
                check_capabilities(params, model)
            provider.check_chat(params, upstream)
        except ProviderError as error:
            refusal = UnsupportedField(
                error.param or "", error.message, model=model.id, allowed=error.allowed
            )
            refusal.__cause__ = error
            return refusal
        return None if upstream is model else too_long_for(params, upstream)

    def _recalled_input(
        self, params: chat_pb.ChatCompletionParams, model: ModelSpec, plan: Plan, scope: str
    ) -> RecalledInput:
        """The most of earlier answers that comes with the call, whichever route it takes."""
        found = [
            # What is remembered does not depend on the key.
            self._parts.providers[state.lanes[0].credential.name].recalled_input(
                params, model.on(state.route), state.route, scope
            )
            for state in plan.routes
        ]
        if len(found) == 1:
            return found[0]
        return RecalledInput(
            byte_count=max(one.byte_count for one in found),
            token_count=max(one.token_count for one in found),
            turn_token_count=min(one.turn_token_count for one in found),
        )

    def _find_model(self, model_id: str) -> tuple[ModelSpec, TextSpec, TokenRate]:
        model = self._models.find(model_id, Kind.TEXT)
        if model.text is None or not isinstance(model.rate, TokenRate):
            raise ModelKindMismatch(model_id, kind=model.kind.value, endpoint=model.endpoint)
        return model, model.text, model.rate

    def _no_route(self, model: ModelSpec, out: Sequence[RouteState]) -> UpstreamFailed:
        """What is said of a model whose routes are all ``out``, as far as they take the call."""
        if not out:
            return UpstreamUnavailable(
                f"No provider of `{model.id}` is set up on this server. You were not charged."
            )
        now = self._parts.clock.monotonic()
        wait_seconds = min(state.wait_seconds(now) for state in out)
        if all(state.why_out(now) == ErrorKind.RATE_LIMITED for state in out):
            # In the words that the call which met the limit was refused with.
            return UpstreamRateLimited(
                f"The provider of `{model.id}` asks to slow down. You were not charged.",
                retry_after_seconds=wait_seconds or 1.0,
            )
        return UpstreamUnavailable(
            f"The providers of `{model.id}` are not answering. You were not charged.",
            retry_after_seconds=wait_seconds or 1.0,
        )

    def _terms(
        self,
        params: chat_pb.ChatCompletionParams,
        text: TextSpec,
        rate: TokenRate,
        facts: pricing.TextFacts,
        recalled_turn_tokens: int,
    ) -> pricing.HoldTerms:
        requested = params.max_output_tokens if params.HasField("max_output_tokens") else None
        if requested is not None and requested > text.output_ceiling_tokens:
            raise UnsupportedField(
                "max_completion_tokens",
                f"This model writes at most {text.output_ceiling_tokens} tokens.",
                model=params.model,
                allowed=f"1 to {text.output_ceiling_tokens}",
            )
        # A request whose least possible size passes the context is refused: texts, tools, a schema
        # for the answer, and recalled thinking that no model leaves out, since what pictures,
        # sound and files come to is not known. A doubtful one is the provider's to judge, at no
        # charge.
        least = pricing.estimate_low_tokens(facts.text_bytes + facts.tool_bytes)
        least += recalled_turn_tokens
        if least > text.context_tokens:
            raise ContextLengthExceeded(context_tokens=text.context_tokens, input_tokens=least)
        return pricing.hold_terms(
            rate,
            facts,
            requested_output_tokens=requested,
            default_output_tokens=text.default_output_tokens,
            model_max_output=text.max_output_tokens,
            context_tokens=text.context_tokens,
            output_cap_bounds_reasoning=text.capabilities.output_cap_bounds_reasoning,
        )
