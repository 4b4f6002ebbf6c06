"""An effort becomes the level or the budget that the model's catalog entry has."""

from typing import Any

import pytest

from tokensmith_server.catalog.model import Capabilities, ReasoningEffort, Thinking
from tokensmith_server.providers.gemini.thinking import thinking_config

PRO = ("low", "medium", "high")
FLASH = ("minimal", "low", "medium", "high")


def config(effort: str | None, levels: tuple[str, ...]) -> Any:
    capabilities = Capabilities(
        thinking=Thinking.ADAPTIVE,
        thinking_levels=tuple(ReasoningEffort(level) for level in levels),
    )
    return thinking_config(effort, capabilities, 1_000)


@pytest.mark.parametrize(
    ("effort", "pro", "flash"),
    [
        ("none", "low", "minimal"),
        ("minimal", "low", "minimal"),
        ("low", "low", "low"),
        ("medium", "medium", "medium"),
        ("high", "high", "high"),
        ("xhigh", "high", "high"),
        ("max", "high", "high"),
    ],
)
def test_an_effort_is_the_nearest_level_below_or_the_lowest(
    effort: str, pro: str, flash: str
) -> None:
    assert config(effort, PRO) == {"includeThoughts": True, "thinkingLevel": pro}
    assert config(effort, FLASH) == {"includeThoughts": True, "thinkingLevel": flash}


def test_the_order_of_levels_in_the_catalog_does_not_matter() -> None:
    assert config("medium", ("high", "medium", "low"))["thinkingLevel"] == "medium"


def test_without_an_effort_the_model_decides() -> None:
    assert config(None, PRO) == {"includeThoughts": True}


@pytest.mark.parametrize(
    ("effort", "cap", "budget"),
    [
        ("none", 16_384, 0),
        ("minimal", 16_384, 1_024),
        ("low", 16_384, 1_024),
        ("medium", 65_536, 8_192),
        ("high", 65_536, 24_576),
        ("max", 65_536, 24_576),
        ("high", 4_000, 2_000),
    ],
)
def test_a_budget_leaves_half_of_the_cap(effort: str, cap: int, budget: int) -> None:
    sent = thinking_config(effort, Capabilities(thinking=Thinking.BUDGET), cap)
    assert sent == {"includeThoughts": budget > 0, "thinkingBudget": budget}


def test_a_model_without_the_switch_gets_the_effort_as_it_is_or_nothing() -> None:
    assert thinking_config(None, Capabilities(), 100) is None
    assert thinking_config("low", Capabilities(), 100) == {"thinkingLevel": "low"}
