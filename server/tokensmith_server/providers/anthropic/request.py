"""From our chat params to the JSON body of a Messages request. Pure.

The body is built from a table of our own fields: what has no place in it does not go upstream. The
caller has checked the params (``check.py``). JSON texts in them are decoded and encoded again, so
that none can break out of its place.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import Capabilities, Thinking
from tokensmith_server.providers.anthropic.check import is_default
from tokensmith_server.providers.anthropic.conversation import Conversation, build_conversation
from tokensmith_server.providers.anthropic.profile import SERVICE_TIERS
from tokensmith_server.providers.anthropic.recall import Recaller
from tokensmith_server.providers.anthropic.schema import fit_schema
from tokensmith_server.providers.anthropic.thinking import (
    NO_THINKING,
    effort_of,
    thinking_settings,
)

Json = dict[str, Any]
Params = chat_pb.ChatCompletionParams

JSON_INSTRUCTION: Final = (
    "Answer with one valid JSON object and nothing else: no text before or after it, no code fence."
)
"""What ``json_object`` becomes: the API has no format without a schema."""

_encode: Final = msgspec.json.Encoder().encode
_decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class MessagesRequest:
    """A body, and what the answer's reader must know of it."""

    body: bytes
    thinks: bool
    thinking_dropped: bool
    """Whether the model was to think, and can't: earlier thinking is not at hand."""


def build_request(
    params: Params,
    capabilities: Capabilities,
    *,
    upstream_model: str,
    output_cap_tokens: int,
    stream: bool,
    recall: Recaller,
) -> MessagesRequest:
    """Build the body of ``POST /v1/messages``.

    The cap is always sent, whatever the params say, because it is what was held for.

    Raises:
        ProviderError: kind INVALID_REQUEST: what ``check.py`` refuses.
        msgspec.MsgspecError: a schema in the params is not a JSON object. The chat service has
            refused such params before.
    """
    settings = thinking_settings(effort_of(params, capabilities), capabilities, output_cap_tokens)
    thinks = settings.thinking is not None
    conversation = build_conversation(
        params.messages,
        recall if thinks else None,
        thinker=upstream_model if thinks else "",
    )
    dropped = bool(
        settings.thinking
        and capabilities.thinking is Thinking.BUDGET
        and conversation.continues_unthinking
    )
    if dropped:
        settings = NO_THINKING
        conversation = build_conversation(params.messages)
    body: Json = {"model": upstream_model, "max_tokens": output_cap_tokens}
    if system := _system(params, conversation):
        body["system"] = system
    body["messages"] = conversation.turns
    _add_sampling(body, params)
    _add_tools(body, params, conversation)
    if settings.thinking:
        body["thinking"] = settings.thinking
    if output := _output_config(params, settings.level):
        body["output_config"] = output
    if user := params.safety_identifier or params.user:
        body["metadata"] = {"user_id": hashlib.sha256(user.encode()).hexdigest()}
    if params.HasField("service_tier"):
        body["service_tier"] = SERVICE_TIERS[params.service_tier]
    if stream:
        body["stream"] = True
    return MessagesRequest(_encode(body), settings.thinking is not None, dropped)


def wants_json_object(params: Params) -> bool:
    """Whether the answer is to be any JSON object."""
    return params.response_format.HasField("json_object")


def _system(params: Params, conversation: Conversation) -> str:
    if not wants_json_object(params):
        return conversation.system
    return "\n\n".join(filter(None, (conversation.system, JSON_INSTRUCTION)))


def _add_sampling(body: Json, params: Params) -> None:
    for name in ("temperature", "top_p"):
        if params.HasField(name) and not is_default(params, name):
            body[name] = getattr(params, name)
    if params.stop_sequences:
        body["stop_sequences"] = list(params.stop_sequences)


def _add_tools(body: Json, params: Params, conversation: Conversation) -> None:
    choice = params.tool_choice
    tools: Sequence[chat_pb.ChatTool] = params.tools
    if choice.HasField("allowed_tools"):
        names = {tool.name for tool in choice.allowed_tools.tools}
        tools = [tool for tool in tools if tool.function.name in names]
    if tools:
        body["tools"] = [_tool(tool.function) for tool in tools]
        if rendered := _tool_choice(params):
            body["tool_choice"] = rendered
    elif called := conversation.called_tools:
        # The API wants the tools of a conversation to be declared, even if none is to be called.
        body["tools"] = [{"name": name, "input_schema": {"type": "object"}} for name in called]
        body["tool_choice"] = {"type": "none"}


def _tool(function: chat_pb.ChatFunction) -> Json:
    rendered: Json = {"name": function.name}
    if function.description:
        rendered["description"] = function.description
    schema = _decode_object(function.parameters_json or "{}")
    schema.setdefault("type", "object")
    if function.strict:
        schema.setdefault("properties", {})
        schema.setdefault("additionalProperties", False)
        schema = fit_schema(schema, strict=True, param="tools")
        rendered["strict"] = True
    rendered["input_schema"] = schema
    return rendered


def _tool_choice(params: Params) -> Json | None:
    choice = params.tool_choice
    rendered: Json = {}
    match choice.WhichOneof("kind"):
        case "function_name":
            rendered = {"type": "tool", "name": choice.function_name}
        case "allowed_tools":
            rendered = {"type": "any" if choice.allowed_tools.mode == "required" else "auto"}
        case "mode":
            modes = {"none": "none", "required": "any"}
            rendered = {"type": modes.get(choice.mode, "auto")}
    alone = params.HasField("parallel_tool_calls") and not params.parallel_tool_calls
    if alone and rendered.get("type") != "none":
        rendered = {"type": "auto", **rendered, "disable_parallel_tool_use": True}
    return rendered or None


def _output_config(params: Params, level: str | None) -> Json:
    config: Json = {}
    if level is not None:
        config["effort"] = level
    if params.response_format.HasField("json_schema"):
        wanted = params.response_format.json_schema
        schema = fit_schema(
            _decode_object(wanted.schema_json),
            strict=wanted.strict,
            param="response_format.json_schema.schema",
        )
        if wanted.description:
            schema.setdefault("description", wanted.description)
        config["format"] = {"type": "json_schema", "schema": schema}
    return config
