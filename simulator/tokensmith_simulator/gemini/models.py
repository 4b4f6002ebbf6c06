"""What each Gemini model accepts.

Sources: Google's pages on models, thinking and structured output; for what is not enabled
(several candidates, penalties, log probabilities) errors that users have published.
"""

from __future__ import annotations

import msgspec

from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.models import ModelSpec, find_model


class GeminiRules(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that one model takes.

    Attributes:
        display_name: The model's name for people.
        levels: Accepted values of `thinkingLevel`, the default last.
        least_budget: The smallest `thinkingBudget`; thinking cannot be switched off.
    """

    display_name: str
    levels: tuple[str, ...]
    least_budget: int


RULES: dict[str, GeminiRules] = {
    "gemini-3.1-pro-preview": GeminiRules(
        display_name="Gemini 3.1 Pro Preview", levels=("LOW", "MEDIUM", "HIGH"), least_budget=128
    ),
    "gemini-3-flash-preview": GeminiRules(
        display_name="Gemini 3 Flash Preview",
        levels=("MINIMAL", "LOW", "MEDIUM", "HIGH"),
        least_budget=1,
    ),
}


def find_gemini(model_id: str, method: str) -> ModelSpec:
    """Find a model for a method.

    Raises:
        RefusalError: 404, for an unknown one.
    """
    model = find_model("gemini", model_id)
    if model is None:
        raise RefusalError(
            f"models/{model_id} is not found for API version v1beta, or is not supported for "
            f"{method}. Call ModelService.ListModels to see the list of available models and "
            "their supported methods.",
            status=404,
        )
    return model
