"""Fits a Responses request to its model: reasoning beside tools, and the length of its context."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from tokensmith_bridge.call import Metadata
from tokensmith_bridge.model_facts import ModelFactsReader
from tokensmith_bridge.openai.errors import Refusal
from tokensmith_bridge.openai.responses_conversation import PlacedItem
from tokensmith_bridge.openai.responses_request import calls_functions
from tokensmith_bridge.openai.responses_schema import ResponseRequest
from tokensmith_bridge.openai.responses_truncation import share_that_may_fit, without_oldest_turns

T = TypeVar("T")

_SHORTER_MAX: Final = 6


async def fit_effort(
    request: ResponseRequest, facts: ModelFactsReader, metadata: Metadata, *, seconds: float
) -> None:
    """Ask a model for no reasoning that calls functions only while it does not reason.

    Agents ask for both in every call, and OpenAI's own Responses API has both; without this a model
    that is reached through chat completions would be of no use to them. The response's
    ``reasoning.effort`` says what was asked of the model.

    Raises:
        Refusal: there is no such model, or the key is wrong.
    """
    reasoning = request.reasoning
    if reasoning is None or reasoning.effort in (None, "none") or not calls_functions(request):
        return
    known = await facts.read(request.model, metadata, seconds=seconds)
    if not known.tools_with_reasoning and "none" in known.efforts:
        reasoning.effort = "none"


async def ask_within_context(
    request: ResponseRequest,
    conversation: Sequence[PlacedItem],
    ask: Callable[[Sequence[PlacedItem]], Awaitable[T]],
) -> T:
    """Ask with the whole conversation; with ``truncation: "auto"`` then with ever newer parts.

    Only whoever counts the tokens knows what is too long: the server refuses what can't fit, and a
    provider by its own count, both at no charge. Each time the oldest turns are left out, and the
    last time all but the newest turn, so that it comes to an end.

    Raises:
        Refusal: of the last time.
    """
    shortened_count = 0
    while True:
        try:
            return await ask(conversation)
        except Refusal as refusal:
            if request.truncation != "auto" or refusal.reason != "CONTEXT_LENGTH_EXCEEDED":
                raise
            shortened_count += 1
            share = share_that_may_fit(refusal.facts) if shortened_count < _SHORTER_MAX else 0.0
            shorter = without_oldest_turns(conversation, share)
            if len(shorter) == len(conversation):
                raise
            conversation = shorter
