"""What the settings of a request may be, for the model and the API version that it names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

from tokensmith_simulator.anthropic.checks import refuse
from tokensmith_simulator.anthropic.conversation import blocks_of, check_thinking_first
from tokensmith_simulator.anthropic.models import ClaudeRules
from tokensmith_simulator.anthropic.schema import (
    output_schema_problem,
    tool_schema_problem,
    totals_problem,
)
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.models import ModelSpec

Body = Mapping[str, Any]
Thinking = Literal["off", "adaptive", "manual"]

_MODES: Final[dict[str, Thinking]] = {
    "adaptive": "adaptive",
    "enabled": "manual",
    "disabled": "off",
}
_STRICT_TOOL_LIMIT: Final = 20
_CACHE_LIMIT: Final = 4


def thinking_of(body: Body) -> Thinking:
    """Return how the model is asked to think."""
    return _MODES[(body.get("thinking") or {"type": "disabled"})["type"]]


def check_settings(body: Body, model: ModelSpec, rules: ClaudeRules, version: str) -> None:
    """Check what one field, model or version says of another.

    Raises:
        RefusalError: The first setting that does not go with the rest.
    """
    _check_thinking(body, rules)
    _check_sampling(body, rules)
    _check_output(body, rules)
    _check_prefill(body, rules)
    _check_tools(body)
    _check_totals(body)
    _check_cache_marks(body)
    limit = body.get("max_tokens", 0)
    if limit > model.output_limit_tokens:
        raise RefusalError(
            f"max_tokens: {limit} > {model.output_limit_tokens}, which is the maximum allowed "
            f"number of output tokens for {model.answered_id}"
        )
    for index, stop in enumerate(body.get("stop_sequences") or ()):
        if not stop.strip():
            refuse(f"stop_sequences.{index}", "each stop sequence must contain non-whitespace")
    if version == "2026-10-21":
        _check_newer_version(body)


def _check_thinking(body: Body, rules: ClaudeRules) -> None:
    asked = body.get("thinking") or {"type": "disabled"}
    kind = asked["type"]
    if kind == "adaptive" and not rules.adaptive:
        raise RefusalError("adaptive thinking is not supported on this model")
    if kind == "between_tools":
        raise RefusalError('"thinking.type.between_tools" is not supported for this model.')
    if kind != "enabled":
        return
    if not rules.manual:
        raise RefusalError(
            '"thinking.type.enabled" is not supported for this model. Use '
            '"thinking.type.adaptive" and "output_config.effort" to control thinking behavior.'
        )
    if asked["budget_tokens"] >= body.get("max_tokens", asked["budget_tokens"] + 1):
        raise RefusalError(
            "`max_tokens` must be greater than `thinking.budget_tokens`. Please consult our "
            "documentation at https://docs.claude.com/en/docs/build-with-claude/"
            "extended-thinking#max-tokens-and-context-window-size"
        )
    if (body.get("tool_choice") or {"type": "auto"})["type"] in {"any", "tool"}:
        raise RefusalError("Thinking may not be enabled when tool_choice forces tool use.")
    check_thinking_first(body["messages"])


def _check_sampling(body: Body, rules: ClaudeRules) -> None:
    temperature, top_p, top_k = (body.get(key) for key in ("temperature", "top_p", "top_k"))
    if not rules.sampling:
        for field, value in (("temperature", temperature), ("top_p", top_p), ("top_k", top_k)):
            if value is not None and (field == "top_k" or value != 1):
                raise RefusalError(f"`{field}` is deprecated for this model.", param=field)
        return
    if temperature is not None and top_p is not None:
        raise RefusalError(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only "
            "one."
        )
    if thinking_of(body) == "off":
        return
    if temperature not in (None, 1):
        raise RefusalError("`temperature` may only be set to 1 when thinking is enabled.")
    if top_k is not None:
        raise RefusalError("`top_k` must be unset when thinking is enabled.")
    if top_p is not None and top_p < 0.95:
        raise RefusalError(
            "`top_p` must be greater than or equal to 0.95 or unset when thinking is enabled."
        )


def _check_output(body: Body, rules: ClaudeRules) -> None:
    config = body.get("output_config") or {}
    effort = config.get("effort")
    if effort is not None and not rules.efforts:
        raise RefusalError("This model does not support the effort parameter.")
    if effort is not None and effort not in rules.efforts:
        raise RefusalError(
            f"This model does not support effort level '{effort}'. Supported levels: "
            f"{', '.join(rules.efforts)}."
        )
    wanted = config.get("format")
    if not wanted:
        return
    problem = output_schema_problem(wanted["schema"])
    if problem:
        refuse("output_config.format.schema", problem)
    if body["messages"][-1]["role"] == "assistant":
        raise RefusalError("Prefill is not supported with structured outputs.")
    for message in body["messages"]:
        for block in blocks_of(message["content"]):
            if (block.get("citations") or {}) and block["type"] != "text":
                raise RefusalError("Citations are not supported with structured outputs.")


def _check_prefill(body: Body, rules: ClaudeRules) -> None:
    newest = body["messages"][-1]
    if newest["role"] != "assistant":
        return
    if not rules.prefill or thinking_of(body) != "off":
        raise RefusalError(
            "This model does not support assistant message prefill. The conversation must end "
            "with a user message."
        )
    blocks = blocks_of(newest["content"])
    if (
        blocks
        and blocks[-1]["type"] == "text"
        and blocks[-1]["text"].rstrip() != blocks[-1]["text"]
    ):
        refuse("messages", "final assistant content cannot end with trailing whitespace")


def _check_tools(body: Body) -> None:
    tools = body.get("tools") or ()
    names = [tool["name"] for tool in tools]
    if len(set(names)) < len(names):
        refuse("tools", "Tool names must be unique.")
    for index, tool in enumerate(tools):
        where = f"tools.{index}.custom"
        problem = tool_schema_problem(tool["input_schema"])
        if problem:
            refuse(f"{where}.input_schema{problem[0]}", problem[1])
        outside = output_schema_problem(tool["input_schema"]) if tool.get("strict") else None
        if outside:
            refuse(where, outside)
    strict = sum(1 for tool in tools if tool.get("strict"))
    if strict > _STRICT_TOOL_LIMIT:
        refuse("tools", f"Too many strict tools ({strict}). The maximum is {_STRICT_TOOL_LIMIT}.")
    choice = body.get("tool_choice")
    if choice and not tools:
        refuse("tool_choice", "tool_choice may only be specified while providing tools")
    if choice and choice["type"] == "tool" and choice["name"] not in names:
        raise RefusalError(f"Tool '{choice['name']}' not found in provided tools")


def _check_totals(body: Body) -> None:
    """The schemas that are enforced, of strict tools and of the answer, have limits in common."""
    wanted = (body.get("output_config") or {}).get("format")
    strict = [tool["input_schema"] for tool in body.get("tools") or () if tool.get("strict")]
    problem = totals_problem([*strict, *([wanted["schema"]] if wanted else ())])
    if problem:
        raise RefusalError(problem)


def _check_cache_marks(body: Body) -> None:
    marks = _count_marks([body.get("system"), body.get("tools"), body["messages"]])
    marks += body.get("cache_control") is not None
    if marks > _CACHE_LIMIT:
        raise RefusalError(
            f"A maximum of {_CACHE_LIMIT} blocks with cache_control may be provided. Found {marks}."
        )


def _count_marks(node: Any) -> int:
    """Count the breakpoints of blocks and tools, not what a schema happens to call so."""
    if isinstance(node, list):
        return sum(map(_count_marks, node))
    if not isinstance(node, dict):
        return 0
    own = node.get("cache_control") is not None
    return own + _count_marks(node.get("content"))


def _check_newer_version(body: Body) -> None:
    for index, message in enumerate(body["messages"]):
        for at, block in enumerate(blocks_of(message["content"])):
            where = f"messages.{index}.content.{at}"
            if message["role"] == "assistant" and block["type"] == "document":
                refuse(where, "`document` blocks can only be in `user` messages")
            if message["role"] == "user" and block["type"] == "text" and block.get("citations"):
                refuse(f"{where}.text.citations", "Extra inputs are not permitted")
