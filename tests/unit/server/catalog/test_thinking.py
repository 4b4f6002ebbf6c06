"""How each model is asked to think, after the providers' own tables."""

from tokensmith_server.catalog.loader import load_catalog
from tokensmith_server.catalog.model import Support, Thinking


def test_claudes_think_each_in_its_own_way() -> None:
    catalog = load_catalog()
    facts = {}
    for model_id in ("claude-opus-4-7", "claude-sonnet-4-6", "claude-haiku-4-5"):
        text = catalog[model_id].text
        assert text is not None
        can = text.capabilities
        facts[model_id] = (can.thinking, " ".join(can.thinking_levels), can.ends_with_assistant)
    assert facts == {
        "claude-opus-4-7": (Thinking.ADAPTIVE, "low medium high xhigh max", False),
        "claude-sonnet-4-6": (Thinking.ADAPTIVE, "low medium high max", False),
        "claude-haiku-4-5": (Thinking.BUDGET, "", True),
    }


def test_geminis_think_by_level_and_sign_their_calls() -> None:
    catalog = load_catalog()
    facts = {}
    for model_id in ("gemini-3.1-pro", "gemini-3-flash"):
        text = catalog[model_id].text
        assert text is not None
        can = text.capabilities
        facts[model_id] = (can.thinking, " ".join(can.thinking_levels), can.signed_tool_calls)
        assert (can.n_max, can.penalties, can.logprobs) == (1, Support.NO, Support.NO)
    assert facts == {
        "gemini-3.1-pro": (Thinking.ADAPTIVE, "low medium high", True),
        "gemini-3-flash": (Thinking.ADAPTIVE, "minimal low medium high", True),
    }


def test_no_other_model_signs_its_calls() -> None:
    catalog = load_catalog()
    signing = [m.id for m in catalog.values() if m.text and m.text.capabilities.signed_tool_calls]
    assert signing == ["gemini-3.1-pro", "gemini-3-flash"]
