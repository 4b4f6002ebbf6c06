"""What a call's routes mean for its hold and its cap, where they lead to several models. Pure.

The price is one, that of the model on sale; how the tokens are counted, and how many there can
be, is the upstream model's.
"""

from dataclasses import replace

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing import pricing
from tokensmith_server.catalog.model import ModelSpec, TextSpec
from tokensmith_server.chat.facts import text_facts
from tokensmith_server.errors import ContextLengthExceeded
from tokensmith_server.routing.router import Plan


def too_long_for(
    params: chat_pb.ChatCompletionParams, upstream: ModelSpec
) -> ContextLengthExceeded | None:
    """Why a chat is not sent to an upstream model: its least size passes the context there."""
    if upstream.text is None:
        return None
    facts = text_facts(params, upstream.text.family.value)
    least = pricing.estimate_low_tokens(facts.text_bytes + facts.tool_bytes)
    context_tokens = upstream.text.context_tokens
    if least <= context_tokens:
        return None
    return ContextLengthExceeded(context_tokens=context_tokens, input_tokens=least)


def dearest(
    model: ModelSpec, plan: Plan, facts: pricing.TextFacts
) -> tuple[TextSpec, pricing.TextFacts]:
    """The model's limits and the request's facts as a hold must take them, whichever route serves.

    The limits are those of the model on sale, with reasoning as the routes of the plan have it
    that are worst to foresee. The facts are of the family that counts most tokens.
    """
    assert model.text is not None, model.id  # noqa: S101 - only text models have a plan
    upstreams = [text for state in plan.routes if (text := model.on(state.route).text)]
    capabilities = replace(
        model.text.capabilities,
        output_cap_bounds_reasoning=all(
            text.capabilities.output_cap_bounds_reasoning for text in upstreams
        ),
    )
    families = {text.family.value for text in upstreams}
    return replace(model.text, capabilities=capabilities), max(
        (replace(facts, family=family) for family in sorted(families)),
        key=pricing.estimate_input_tokens,
    )


def output_cap_tokens(granted_tokens: int, upstream: TextSpec, input_token_estimate: int) -> int:
    """The cap to send: what was granted, as far as the upstream model takes it.

    A limit is no wish: an answer that stays below it is the same with a lower one. What the input
    leaves of the context is known roughly, so that the cap does not go below the least that is of
    use for it.
    """
    left_tokens = upstream.context_tokens - input_token_estimate
    return min(
        granted_tokens,
        upstream.output_ceiling_tokens,
        max(left_tokens, pricing.OUTPUT_FLOOR_TOKENS),
    )
