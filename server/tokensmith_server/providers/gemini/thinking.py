"""From OpenAI's reasoning effort to Gemini's ``thinkingConfig``. Pure.

How a model is asked, and which levels it has, is catalog data (``Capabilities.thinking`` and
``thinking_levels``). Thought summaries are always asked for where a model thinks: they cost nothing
beyond the thoughts, which are billed anyway, and without them a stream is silent for as long as the
model thinks, which no idle limit could tell from a dead connection.
"""

from typing import Any, Final

from tokensmith_server.catalog.model import Capabilities, ReasoningEffort, Thinking

_EFFORTS: Final = tuple(ReasoningEffort)
# As Google's own OpenAI-compatible endpoint maps efforts for models with a budget; 0 is off.
_BUDGET_TOKENS: Final = {
    ReasoningEffort.NONE: 0,
    ReasoningEffort.MINIMAL: 1_024,
    ReasoningEffort.LOW: 1_024,
    ReasoningEffort.MEDIUM: 8_192,
}
_BUDGET_TOKENS_MAX: Final = 24_576


def thinking_config(
    effort: str | None, capabilities: Capabilities, output_cap_tokens: int
) -> dict[str, Any] | None:
    """Return the ``thinkingConfig`` of a request; ``None`` for a model that does not think.

    Without an effort the model does as it does by default. Thoughts count against the output cap,
    so a budget leaves at least half of that for the answer.
    """
    if capabilities.thinking is Thinking.NONE:
        return None if effort is None else {"thinkingLevel": effort}
    config: dict[str, Any] = {"includeThoughts": True}
    if effort is None:
        return config
    wanted = ReasoningEffort(effort)
    if capabilities.thinking is Thinking.ADAPTIVE:
        config["thinkingLevel"] = nearest_level(wanted, capabilities.thinking_levels).value
        return config
    budget = min(_BUDGET_TOKENS.get(wanted, _BUDGET_TOKENS_MAX), output_cap_tokens // 2)
    config["thinkingBudget"] = budget
    if budget == 0:
        config["includeThoughts"] = False
    return config


def nearest_level(wanted: ReasoningEffort, levels: tuple[ReasoningEffort, ...]) -> ReasoningEffort:
    """Return the highest level that is not above what is wanted, else the lowest there is."""
    ordered = sorted(levels, key=_EFFORTS.index)
    below = [level for level in ordered if _EFFORTS.index(level) <= _EFFORTS.index(wanted)]
    return below[-1] if below else ordered[0]
