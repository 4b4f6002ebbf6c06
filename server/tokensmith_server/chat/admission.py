"""Refuses what can be refused before money is touched, and says what to hold for the rest."""

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing import pricing
from tokensmith_server.billing.rates import TokenRate
from tokensmith_server.billing.value import value
from tokensmith_server.catalog.model import Kind, ModelSpec, TextSpec
from tokensmith_server.catalog.selection import ModelSelection
from tokensmith_server.chat.facts import text_facts
from tokensmith_server.chat.parts import ChatServiceParts
from tokensmith_server.chat.request import ChatRequest
from tokensmith_server.chat.validate import check_params
from tokensmith_server.errors import (
    ContextLengthExceeded,
    DeadlineExceeded,
    ModelKindMismatch,
    RateLimited,
    UnsupportedField,
    UpstreamFailed,
    UpstreamRateLimited,
    UpstreamUnavailable,
)
from tokensmith_server.providers.base import ErrorKind, ProviderError
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
        admitted = self.examine(request.params, deadline)
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

    def examine(self, params: chat_pb.ChatCompletionParams, deadline_monotonic: float) -> Admitted:
        """Check params and price them, and claim nothing: what a call and its estimate share.

        Raises:
            CallError: such a call would be refused.
        """
        model, text, rate = self._find_model(params.model)
        check_params(params)
        plan = self._plan(params, model)
        facts = text_facts(params, text.family.value)
        terms = self._terms(params, text, rate, facts)
        return Admitted(model, text, rate, facts, terms, plan, deadline_monotonic)

    def _plan(self, params: chat_pb.ChatCompletionParams, model: ModelSpec) -> Plan:
        """The fit routes whose provider can do what is asked for, in their order."""
        plan = self._parts.router.plan(model)
        routes = []
        refusal: ProviderError | None = None
        for route in plan.routes:
            # What a provider can do does not depend on the key.
            provider = self._parts.providers[route.lanes[0].credential.name]
            try:
                provider.check_chat(params, model)
            except ProviderError as error:
                refusal = refusal or error
            else:
                routes.append(route)
        if routes:
            plan.routes = tuple(routes)
            return plan
        if refusal is None:
            raise self._no_route(model, plan.wait_seconds)
        raise UnsupportedField(
            refusal.param or "", refusal.message, model=model.id, allowed=refusal.allowed
        ) from refusal

    def _find_model(self, model_id: str) -> tuple[ModelSpec, TextSpec, TokenRate]:
        model = self._models.find(model_id, Kind.TEXT)
        if model.text is None or not isinstance(model.rate, TokenRate):
            raise ModelKindMismatch(model_id, kind=model.kind.value, endpoint=model.endpoint)
        return model, model.text, model.rate

    def _no_route(self, model: ModelSpec, wait_seconds: float) -> UpstreamFailed:
        groups = self._parts.router.groups(model.id)
        if not groups:
            return UpstreamUnavailable(
                f"No provider of `{model.id}` is set up on this server. You were not charged."
            )
        now = self._parts.clock.monotonic()
        if all(
            state.why_out(now) == ErrorKind.RATE_LIMITED for group in groups for state, _ in group
        ):
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
    ) -> pricing.HoldTerms:
        requested = params.max_output_tokens if params.HasField("max_output_tokens") else None
        if requested is not None and requested > text.output_ceiling_tokens:
            raise UnsupportedField(
                "max_completion_tokens",
                f"This model writes at most {text.output_ceiling_tokens} tokens.",
                model=params.model,
                allowed=f"1 to {text.output_ceiling_tokens}",
            )
        # A request whose least possible size passes the context is refused: texts, tools and a
        # schema for the answer, since what pictures, sound and files come to is not known. A
        # doubtful one is the provider's to judge, at no charge.
        least = pricing.estimate_low_tokens(facts.text_bytes + facts.tool_bytes)
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
