"""What each Claude model accepts: the rules that differ from one to the next.

Sources: Anthropic's models overview, its pages on thinking, effort and working with messages, and
the error texts that users of these models have published.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.models import ModelSpec, find_model

Display = Literal["summarized", "omitted"]


class ClaudeRules(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that one model takes.

    Attributes:
        display_name: The model's name for people.
        sampling: Whether temperature, top_p and top_k may be other than the default.
        adaptive: Whether `thinking.type` may be `adaptive`.
        manual: Whether `thinking.type` may be `enabled`.
        display: How thinking shows when the request does not say.
        efforts: Accepted values of `output_config.effort`; empty: the field is refused.
        prefill: Whether the conversation may end with the assistant.
        keeps_thinking: Whether thinking of earlier turns stays in the prompt.
        density_percent: Tokens of a prompt's text, in percent of the other models' tokens.
        image_token_limit: The most tokens that an image costs.
        image_limit: Images in one request.
    """

    display_name: str
    sampling: bool
    adaptive: bool
    manual: bool
    display: Display
    efforts: tuple[str, ...]
    prefill: bool
    keeps_thinking: bool
    density_percent: int = 100
    image_token_limit: int = 1_568
    image_limit: int = 600


RULES: dict[str, ClaudeRules] = {
    "claude-opus-4-7": ClaudeRules(
        display_name="Claude Opus 4.7",
        sampling=False,
        adaptive=True,
        manual=False,
        display="omitted",
        efforts=("low", "medium", "high", "xhigh", "max"),
        prefill=False,
        keeps_thinking=True,
        density_percent=130,
        image_token_limit=4_784,
    ),
    "claude-sonnet-4-6": ClaudeRules(
        display_name="Claude Sonnet 4.6",
        sampling=True,
        adaptive=True,
        manual=True,
        display="summarized",
        efforts=("low", "medium", "high", "max"),
        prefill=False,
        keeps_thinking=True,
    ),
    "claude-haiku-4-5": ClaudeRules(
        display_name="Claude Haiku 4.5",
        sampling=True,
        adaptive=False,
        manual=True,
        display="summarized",
        efforts=(),
        prefill=True,
        keeps_thinking=False,
        image_limit=100,
    ),
}


def find_claude(model_id: str) -> ModelSpec:
    """Find a model by its id or its alias.

    Raises:
        RefusalError: 404, for an unknown one.
    """
    known = model_id if model_id in RULES else model_id.removesuffix("-20251001")
    model = find_model("anthropic", known)
    if model is None or model_id not in {model.id, model.answered_id}:
        raise RefusalError(f"model: {model_id}", status=404)
    return model
