"""Fits what a Responses request asks of a model's reasoning to what the model can do with tools."""

from tokensmith_bridge.call import Metadata
from tokensmith_bridge.model_facts import ModelFactsReader
from tokensmith_bridge.openai.responses_request import calls_functions
from tokensmith_bridge.openai.responses_schema import ResponseRequest


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
