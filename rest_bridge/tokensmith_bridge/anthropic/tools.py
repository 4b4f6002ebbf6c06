"""From Anthropic's tools to the contract's functions. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeVar

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.anthropic import schema
from tokensmith_bridge.anthropic.known_tools import known_tool
from tokensmith_bridge.openai.bodies import refusal_from_validation
from tokensmith_bridge.openai.errors import Refusal

Tool = TypeVar("Tool", schema.ToolKind, schema.CustomTool, schema.KnownTool)

_kind_decoder: Final = msgspec.json.Decoder(schema.ToolKind)
_custom_decoder: Final = msgspec.json.Decoder(schema.CustomTool)
_known_decoder: Final = msgspec.json.Decoder(schema.KnownTool)
_encode: Final = msgspec.json.Encoder().encode


def fill_tools(
    params: chat.ChatCompletionParams,
    tools: Iterable[tuple[msgspec.Raw, str]],
    offered: Mapping[str, bool],
) -> list[str]:
    """Append each tool that is offered as a function; return where each came from.

    Args:
        params: what to append to.
        tools: the tools, and where each is in the request.
        offered: by name, what became of tools in mid-conversation. Of others those are offered
            whose loading is not deferred.

    Raises:
        Refusal: a tool is malformed, or is one that Anthropic would have to run.
    """
    origins: list[str] = []
    for raw, where in tools:
        function = chat.ChatFunction()
        kind = _fill_tool(function, raw, where)
        if offered.get(function.name, not kind.defer_loading):
            params.tools.add(function=function)
            origins.append(where)
    return origins


def fill_tool_choice(
    params: chat.ChatCompletionParams, choice: schema.AnyToolChoice, *, can_limit: bool
) -> None:
    """Write which tool to call, and whether several may be called at once.

    ``can_limit`` is whether the model can be told the latter; else the answer is cut to one call.
    """
    match choice:
        case schema.ToolChoice():
            params.tool_choice.function_name = choice.name
        case schema.AnyChoice():
            params.tool_choice.mode = "required"
        case schema.AutoChoice():
            params.tool_choice.mode = "auto"
        case schema.NoneChoice():
            params.tool_choice.mode = "none"
            return
    if choice.disable_parallel_tool_use and can_limit:
        params.parallel_tool_calls = False


def _fill_tool(function: chat.ChatFunction, raw: msgspec.Raw, where: str) -> schema.ToolKind:
    head = _decode(_kind_decoder, raw, where)
    kind = head.type
    if kind is None or kind == "custom":
        tool = _decode(_custom_decoder, raw, where)
        function.name = tool.name
        function.parameters_json = _schema_text(tool.input_schema, where)
        _describe(function, tool.description, tool.input_examples)
        if tool.strict is not None:
            function.strict = tool.strict
        return head
    spec = known_tool(kind)
    if spec is None:
        raise Refusal(
            "UNSUPPORTED_PARAMETER",
            f"The tool '{kind[:100]}' is not offered. Tools that the client runs itself are taken: "
            "its own, and those of the types bash, text_editor and memory.",
            param=f"{where}.type",
        )
    known = _decode(_known_decoder, raw, where)
    function.name = known.name
    function.parameters_json = _encode(spec.parameters).decode()
    _describe(function, spec.description, known.input_examples)
    return head


def _describe(
    function: chat.ChatFunction, description: str | None, examples: list[dict[str, Any]] | None
) -> None:
    """Write the description, with examples of the input, which have no field of their own."""
    parts = [description] if description else []
    if examples:
        shown = "\n".join(_encode(example).decode() for example in examples)
        parts.append(f"Examples of its input:\n{shown}")
    if parts:
        function.description = "\n\n".join(parts)


def _schema_text(raw: msgspec.Raw, where: str) -> str:
    text = bytes(raw).decode()
    if not text.startswith("{"):
        raise Refusal(
            "INVALID_ARGUMENT",
            f"'{where}.input_schema' must be a JSON Schema object.",
            param=f"{where}.input_schema",
        )
    return text


def _decode(decoder: "msgspec.json.Decoder[Tool]", raw: msgspec.Raw, where: str) -> Tool:
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        problem, at, path = str(error).partition(" - at `$")
        located = f"{problem} - at `$.{where}{path}" if at else f"{problem} - at `$.{where}`"
        raise refusal_from_validation(located, decoder.type) from None
