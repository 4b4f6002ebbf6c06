"""From Anthropic's ways to ask for thinking to the reasoning effort that a model has. Pure.

Anthropic's clients ask every model in the same way, an agent in each of its calls, while models
differ in their levels, in whether reasoning can be had or left at all, and in whether they call
tools while they reason. So what is asked for is fitted to the model, and not refused.
"""

from dataclasses import dataclass
from typing import Final

from tokensmith_bridge.anthropic import schema

_ORDER: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
# From how many tokens on a budget is this level. Below the first it is "low".
_BUDGETS: Final = ((16_384, "max"), (8_192, "xhigh"), (4_096, "high"), (2_048, "medium"))
_ADAPTIVE: Final = "high"
"""What Anthropic's models do when no effort is named."""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What of a model decides how a request is put to it; the default is a model not known."""

    efforts: tuple[str, ...] = ()
    default_effort: str | None = None
    tools_with_reasoning: bool = True
    parallel_tool_calls: bool = True
    """Whether it can be told to make one tool call a turn."""
    restricted_fields: frozenset[str] = frozenset()
    max_output_tokens: int | None = None


def wanted_effort(asked: schema.Input) -> str | None:
    """The effort that a request asks for; ``None`` if it says nothing of it."""
    level = asked.output_config.effort if asked.output_config is not None else None
    match asked.thinking:
        case schema.DisabledThinking() | schema.BetweenToolsThinking():
            return "none"
        case schema.EnabledThinking(budget_tokens=budget):
            return level or next((name for least, name in _BUDGETS if budget >= least), "low")
        case schema.AdaptiveThinking():
            return level or _ADAPTIVE
        case _:
            return level


def fitting_effort(wanted: str | None, facts: ModelFacts, *, calls_tools: bool) -> str | None:
    """The model's nearest effort that costs no more than wanted, else its least.

    ``None`` where it has no such setting, or nothing needs to be said.
    """
    if calls_tools and not facts.tools_with_reasoning:
        # Without it the tools would be refused; a default of "none" needs no saying.
        wanted = None if wanted is None and facts.default_effort == "none" else "none"
    if wanted is None or not facts.efforts:
        return None
    if wanted == "none" and "none" in facts.efforts:
        return "none"
    levels = [name for name in _ORDER[1:] if name in facts.efforts]
    if not levels:
        return None
    within = [name for name in levels if _ORDER.index(name) <= _ORDER.index(wanted)]
    return within[-1] if within else levels[0]
