"""From OpenAI's reasoning effort to how a Claude is asked to think. Pure.

The catalog says which of the two ways a model has, and which levels; no model is named here.
"""

from dataclasses import dataclass
from typing import Any, Final

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import Capabilities, ReasoningEffort, Thinking
from tokensmith_server.providers.anthropic.profile import THINKING_BUDGET_MIN

Json = dict[str, Any]

_BUDGETS: Final = {
    ReasoningEffort.MINIMAL: 1_024,
    ReasoningEffort.LOW: 1_024,
    ReasoningEffort.MEDIUM: 2_048,
    ReasoningEffort.HIGH: 4_096,
    ReasoningEffort.XHIGH: 8_192,
    ReasoningEffort.MAX: 16_384,
}
_ORDER: Final = tuple(ReasoningEffort)


@dataclass(frozen=True, slots=True)
class ThinkingSettings:
    """The fields to send; neither where the model is not to think."""

    thinking: Json | None = None
    level: str | None = None


NO_THINKING: Final = ThinkingSettings()


def effort_of(params: chat_pb.ChatCompletionParams, capabilities: Capabilities) -> ReasoningEffort:
    """Return the effort that is asked for, or the model's default."""
    if params.HasField("reasoning_effort"):
        return ReasoningEffort(params.reasoning_effort)
    return capabilities.default_reasoning_effort or ReasoningEffort.NONE


def thinking_settings(
    effort: ReasoningEffort, capabilities: Capabilities, output_cap_tokens: int
) -> ThinkingSettings:
    """Decide how to ask for an effort within an output limit.

    A budget is part of the limit and leaves at least half of it for the answer, as far as the
    API's least budget allows; below that there is no thinking. Thinking is shown as a summary, as
    ``reasoning_content``, because some models hide it by default.
    """
    if effort is ReasoningEffort.NONE:
        return NO_THINKING
    if capabilities.thinking is Thinking.ADAPTIVE:
        thinking = {"type": "adaptive", "display": "summarized"}
        return ThinkingSettings(thinking, _level(effort, capabilities.thinking_levels))
    if capabilities.thinking is not Thinking.BUDGET or output_cap_tokens <= THINKING_BUDGET_MIN:
        return NO_THINKING
    budget = max(THINKING_BUDGET_MIN, min(_BUDGETS[effort], output_cap_tokens // 2))
    return ThinkingSettings({"type": "enabled", "budget_tokens": budget, "display": "summarized"})


def _level(effort: ReasoningEffort, levels: tuple[ReasoningEffort, ...]) -> str | None:
    """The provider's nearest level below, which costs no more than asked; else its lowest."""
    if not levels:
        return None
    within = [level for level in levels if _ORDER.index(level) <= _ORDER.index(effort)]
    return (within[-1] if within else levels[0]).value
