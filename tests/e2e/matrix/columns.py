"""Who takes a position: one column for each model that differs from its neighbours.

Every text model of the price list is served as one of these is (`test_document.py` holds that), and
beside them stands a server of the operator's own, named in an overlay file alone.
"""

from dataclasses import dataclass

OWN_PLAIN = "own/plain"
OWN_RICH = "own/rich"
OWN_CONTEXT_TOKENS = 32_768
OWN_KEY_VARIABLE = "OWN_SERVER_KEY"


@dataclass(frozen=True)
class Column:
    """A model, the heading it has in the document, and how tests name it."""

    name: str
    model: str
    title: str


COLUMNS = (
    Column("gpt", "gpt-5.4", "GPT-5.4"),
    Column("opus", "claude-opus-4-7", "Opus 4.7"),
    Column("sonnet", "claude-sonnet-4-6", "Sonnet 4.6"),
    Column("haiku", "claude-haiku-4-5", "Haiku 4.5"),
    Column("pro", "gemini-3.1-pro", "Gemini 3.1 Pro"),
    Column("flash", "gemini-3-flash", "Gemini 3 Flash"),
    Column("grok", "grok-4.20-0309-reasoning", "Grok 4.20 reasoning"),
    Column("grok_fast", "grok-4.20-0309-non-reasoning", "Grok 4.20 non-reasoning"),
    Column("grok_41", "grok-4-1-fast-reasoning", "Grok 4.1 fast"),
    Column("glm", "zai-org/GLM-5", "open weights"),
    Column("gemma", "google/gemma-4-31B-it", "open weights that see"),
    Column("oss", "openai/gpt-oss-120b", "gpt-oss"),
    Column("own", OWN_PLAIN, "own server"),
    Column("own_rich", OWN_RICH, "own server, declared"),
)
BY_NAME = {column.name: column for column in COLUMNS}


def own_server_overlay(origin: str) -> str:
    """A catalog overlay with a host of the operator's own; ``origin`` is the simulator's.

    One model has no more than an entry needs; the other one declares what its host can do.
    """
    return f"""
[providers.own]
base_url = "{origin}/openai/v1"
api_key_env = "{OWN_KEY_VARIABLE}"
quirks = {{ token_cap_field = "max_completion_tokens" }}

[[models]]
id = "{OWN_PLAIN}"
kind = "text"
context_tokens = {OWN_CONTEXT_TOKENS}
rate = {{ input = 10, output = 20 }}
routes = [{{ provider = "own", model = "gpt-5.4-mini" }}]

[[models]]
id = "{OWN_RICH}"
kind = "text"
context_tokens = {OWN_CONTEXT_TOKENS}
rate = {{ input = 10, output = 20, cached_input = 5 }}
routes = [{{ provider = "own", model = "gpt-5.4-nano" }}]
[models.capabilities]
image_input = true
file_input = true
parallel_tool_calls = true
custom_tools = true
logprobs = "yes"
top_logprobs_max = 5
n_max = 4
reasoning_efforts = ["none", "low", "medium", "high"]
default_reasoning_effort = "none"
"""
