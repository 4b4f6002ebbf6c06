"""Refuses what Anthropic has no way to do, before anything is held. Pure.

``profile.py`` has the table of every parameter's fate; the model's capabilities were checked
before (``providers/capabilities.py``).
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import Capabilities, ModelSpec, ReasoningEffort, Thinking
from tokensmith_server.providers.anthropic.conversation import SYSTEM_ROLES, is_inked
from tokensmith_server.providers.anthropic.media import file_block, image_block
from tokensmith_server.providers.anthropic.profile import (
    SENT,
    SERVICE_TIERS,
    STRICT_TOOLS_MAX,
    TEMPERATURE_MAX,
    THINKING_BUDGET_MIN,
    WITHOUT_EFFECT,
)
from tokensmith_server.providers.anthropic.schema import SchemaTotals, fit_schema
from tokensmith_server.providers.anthropic.thinking import effort_of
from tokensmith_server.providers.capabilities import is_neutral, param_of, refuse

Params = chat_pb.ChatCompletionParams

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def without_defaults(params: Params) -> Params:
    """Return the params without sampling settings that are Anthropic's own default.

    Those are never sent, so that a client that spells them out can use models without them.
    """
    defaults = [
        name
        for name in ("temperature", "top_p")
        if params.HasField(name) and is_default(params, name)
    ]
    if not defaults:
        return params
    reduced = Params()
    reduced.CopyFrom(params)
    for name in defaults:
        reduced.ClearField(name)
    return reduced


def is_default(params: Params, name: str) -> bool:
    """Whether a sampling setting has the value that leaving it out has."""
    return bool(getattr(params, name) == 1)


def check_anthropic(params: Params, model: ModelSpec) -> None:
    """Check every setting, message and schema against what the Messages API can carry.

    Raises:
        ProviderError: kind INVALID_REQUEST with ``param`` and what is allowed.
    """
    for descriptor, value in params.ListFields():
        name = descriptor.name
        if name in SENT:
            rule = _RULES.get(name)
            if rule is not None:
                rule(params, model)
        elif name not in WITHOUT_EFFECT and not is_neutral(name, value):
            _refuse_field(name, value, model)
    totals = SchemaTotals()
    _check_tools(params, model, totals)
    _check_response_format(params, model, totals)
    _check_thinking(params, model)
    _check_end(params, model)


def _refuse_field(name: str, value: Any, model: ModelSpec) -> None:
    if name == "store":
        if value:
            refuse(f"The provider of `{model.id}` stores nothing.", "store", allowed="false")
        return
    param = param_of(name)
    allowed = {"functions": "tools", "function_choice": "tool_choice", "choice_count": "1"}
    refuse(
        f"`{model.id}` does not take `{param}`.", param, allowed=allowed.get(name, "leave it out")
    )


def _check_temperature(params: Params, model: ModelSpec) -> None:
    if params.temperature > TEMPERATURE_MAX:
        refuse(
            f"`temperature` of `{model.id}` is at most {TEMPERATURE_MAX:g}.",
            "temperature",
            allowed=f"0 to {TEMPERATURE_MAX:g}",
            value=True,
        )


def _check_stop(params: Params, model: ModelSpec) -> None:
    for place, stop in enumerate(params.stop_sequences):
        if not is_inked(stop):
            refuse(
                f"`{model.id}` takes no stop sequence of white space alone.",
                f"stop[{place}]",
                allowed="a sequence with something visible in it",
                value=True,
            )


def _check_service_tier(params: Params, model: ModelSpec) -> None:
    if params.service_tier not in SERVICE_TIERS:
        listed = ", ".join(SERVICE_TIERS)
        refuse(
            f"`service_tier` of `{model.id}` is one of: {listed}.",
            "service_tier",
            allowed=listed,
            value=True,
        )


def _check_tools(params: Params, model: ModelSpec, totals: SchemaTotals) -> None:
    strict_count = 0
    for place, tool in enumerate(params.tools):
        where = f"tools[{place}]"
        if tool.WhichOneof("kind") == "custom":
            refuse(f"`{model.id}` takes no custom tools.", f"{where}.type", allowed="function")
        where = f"{where}.function.parameters"
        schema = _decode(tool.function.parameters_json or "{}")
        if schema.setdefault("type", "object") != "object":
            refuse("A function's parameters must be an object.", where, allowed="type object")
        if tool.function.strict:
            strict_count += 1
            schema.setdefault("properties", {})
            schema.setdefault("additionalProperties", False)
            fit_schema(schema, strict=True, param=where, totals=totals)
    if strict_count > STRICT_TOOLS_MAX:
        refuse(
            f"`{model.id}` takes at most {STRICT_TOOLS_MAX} strict tools.",
            "tools",
            allowed=f"at most {STRICT_TOOLS_MAX} with strict",
        )


def _check_response_format(params: Params, model: ModelSpec, totals: SchemaTotals) -> None:
    if not params.response_format.HasField("json_schema"):
        return
    wanted, where = params.response_format.json_schema, "response_format.json_schema.schema"
    if not wanted.schema_json:
        refuse(f"`{model.id}` needs the schema itself.", where, allowed="a JSON Schema")
    fit_schema(_decode(wanted.schema_json), strict=wanted.strict, param=where, totals=totals)


def _capabilities(model: ModelSpec) -> Capabilities:
    return model.text.capabilities if model.text is not None else Capabilities()


def _check_thinking(params: Params, model: ModelSpec) -> None:
    """Refuse what excludes thinking by budget, if it was asked for."""
    capabilities = _capabilities(model)
    effort = effort_of(params, capabilities)
    if capabilities.thinking is not Thinking.BUDGET or effort is ReasoningEffort.NONE:
        return
    if params.HasField("max_output_tokens") and params.max_output_tokens <= THINKING_BUDGET_MIN:
        refuse(
            f"`{model.id}` reasons with {THINKING_BUDGET_MIN} tokens or more, within the limit.",
            "max_completion_tokens",
            allowed=f"more than {THINKING_BUDGET_MIN}, or reasoning_effort none",
            value=True,
        )
    choice = params.tool_choice
    forced = choice.function_name or "required" in (choice.mode, choice.allowed_tools.mode)
    if forced:
        refuse(
            f'`{model.id}` can be made to call a tool only with `reasoning_effort` "none".',
            "tool_choice",
            allowed="none, auto",
            value=True,
        )


def _check_end(params: Params, model: ModelSpec) -> None:
    """Refuse a conversation that ends with the assistant where that can't be continued."""
    spoken = [message for message in params.messages if message.role not in SYSTEM_ROLES]
    if not spoken or spoken[-1].role != chat_pb.CHAT_ROLE_ASSISTANT:
        return
    capabilities = _capabilities(model)
    problem = ""
    if not capabilities.ends_with_assistant:
        problem = "."
    elif effort_of(params, capabilities) is not ReasoningEffort.NONE:
        problem = " while it reasons."
    elif params.response_format.HasField("json_schema"):
        problem = " with a JSON schema."
    if problem:
        refuse(
            f"`{model.id}` can't continue the assistant's own message{problem}",
            f"messages[{len(params.messages) - 1}].role",
            allowed="a last message of the user or of a tool",
            value=True,
        )


def _check_messages(params: Params, model: ModelSpec) -> None:
    calls = _OpenCalls()
    for index, message in enumerate(params.messages):
        where = f"messages[{index}]"
        if message.content.WhichOneof("kind") == "parts":
            _check_parts(message, where, model)
        match message.role:
            case chat_pb.CHAT_ROLE_TOOL:
                calls.answer(message.tool_call_id, where)
            case chat_pb.CHAT_ROLE_FUNCTION:
                refuse(
                    f"`{model.id}` does not take the role `function`.",
                    f"{where}.role",
                    allowed="tool",
                )
            case chat_pb.CHAT_ROLE_ASSISTANT:
                _check_assistant(message, where, model)
                calls.close()
                calls.open(message, where)
    calls.close()


def _check_assistant(message: chat_pb.ChatMessage, where: str, model: ModelSpec) -> None:
    if message.HasField("function_call"):
        refuse(
            f"`{model.id}` does not take `function_call`.",
            f"{where}.function_call",
            allowed="tool_calls",
        )
    if message.audio_id:
        refuse(f"`{model.id}` does not speak.", f"{where}.audio", allowed="leave it out")
    for place, call in enumerate(message.tool_calls):
        path = f"{where}.tool_calls[{place}]"
        if call.kind == chat_pb.CHAT_TOOL_KIND_CUSTOM:
            refuse(f"`{model.id}` takes no custom tools.", f"{path}.type", allowed="function")
        try:
            _decode(call.arguments or "{}")
        except _UNREADABLE:
            refuse(
                "The arguments of a tool call must be a JSON object.",
                f"{path}.function.arguments",
                allowed="a JSON object",
                value=True,
            )


def _check_parts(message: chat_pb.ChatMessage, where: str, model: ModelSpec) -> None:
    for place, part in enumerate(message.content.parts.parts):
        path = f"{where}.content[{place}]"
        if part.HasField("prompt_cache_breakpoint"):
            refuse(
                f"`{model.id}` does not take `prompt_cache_breakpoint`.",
                f"{path}.prompt_cache_breakpoint",
                allowed="leave it out",
            )
        if part.HasField("image"):
            image_block(part.image, path)
        elif part.HasField("file"):
            file_block(part.file, path)
        elif part.HasField("input_audio"):
            refuse(
                f"`{model.id}` does not listen.", f"{path}.type", allowed="text, image_url, file"
            )


class _OpenCalls:
    """The tool calls of the newest assistant turn, and which of them have their result."""

    def __init__(self) -> None:
        self._waiting: dict[str, str] = {}  # By id: where the call stands.
        self._answered: set[str] = set()

    def open(self, message: chat_pb.ChatMessage, where: str) -> None:
        for place, call in enumerate(message.tool_calls):
            path = f"{where}.tool_calls[{place}].id"
            if call.id in self._waiting:
                refuse("Two tool calls of one message have the same id.", path, allowed="own ids")
            self._waiting[call.id] = path

    def answer(self, call_id: str, where: str) -> None:
        path = f"{where}.tool_call_id"
        if call_id in self._answered:
            refuse("A tool call has two results.", path, allowed="one result for each call")
        if call_id not in self._waiting:
            refuse(
                "A result must answer a tool call of the assistant's message before it.",
                path,
                allowed="ids of tool_calls before it",
            )
        self._answered.add(call_id)

    def close(self) -> None:
        missing = next(
            (path for key, path in self._waiting.items() if key not in self._answered), ""
        )
        if missing:
            refuse(
                "Every tool call must be followed by its result.",
                missing,
                allowed="a message of role tool for each call",
            )
        self._waiting.clear()
        self._answered.clear()


_RULES: Final[dict[str, Callable[[Params, ModelSpec], None]]] = {
    "messages": _check_messages,
    "service_tier": _check_service_tier,
    "stop_sequences": _check_stop,
    "temperature": _check_temperature,
}
