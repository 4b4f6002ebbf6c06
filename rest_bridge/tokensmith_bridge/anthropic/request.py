"""From Anthropic's Messages request to the contract's params. Pure.

What becomes of each field (blocks and tools apart: ``messages.py``, ``tools.py``):

=====================  ============================================================================
Field                  Fate
=====================  ============================================================================
model, messages,       sent
system, tools,
tool_choice, stream,
stop_sequences
max_tokens             sent; more than the model can write is lowered to that
temperature, top_p     sent; 1, Anthropic's default, is left out where a model restricts the field
top_k                  refused: the contract has no such setting
thinking,              the nearest reasoning effort that the model has (``effort.py``); ``display``
output_config.effort   decides what of the reasoning is shown, and ``disabled`` shows none
output_config.format,  a JSON schema; enforced strictly where each object lists all its properties
output_format          as required, which is what strict modes take
metadata.user_id       sent as ``safety_identifier``, hashed
service_tier           ``standard_only`` is the default tier; ``auto`` says nothing
tools.defer_loading    offered once found by a search, or added
cache_control          no effect: cache writes cost more than the price list charges
context_management     ``clear_thinking`` no effect: each model's rule decides; others refused
diagnostics            no effect
speed                  ``standard``; ``fast`` costs more than the price list charges and is refused
thread                 refused in the way that makes SDKs send the whole conversation
container, fallbacks,  refused unless empty: nothing here runs or keeps such things
inference_geo,
mcp_servers
=====================  ============================================================================
"""

import hashlib
from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.anthropic import schema
from tokensmith_bridge.anthropic.effort import ModelFacts, fitting_effort, wanted_effort
from tokensmith_bridge.anthropic.errors import Origins
from tokensmith_bridge.anthropic.messages import Conversation
from tokensmith_bridge.anthropic.tools import fill_tool_choice, fill_tools
from tokensmith_bridge.openai.bodies import decode_body_in_parts
from tokensmith_bridge.openai.errors import Refusal

THREAD_UNSUPPORTED: Final = "thread_unsupported_request"
"""The error code on which Anthropic's SDKs send a conversation whole instead of as a thread."""

_messages_decoder: Final = msgspec.json.Decoder(schema.MessagesRequest)
_count_decoder: Final = msgspec.json.Decoder(schema.CountRequest)
_encode: Final = msgspec.json.Encoder().encode

_FORMAT_NAME: Final = "answer"
# What strict modes of providers can follow, beside the types themselves.
_STRICT_KEYWORDS: Final = frozenset(
    {
        "$defs",
        "$ref",
        "additionalProperties",
        "anyOf",
        "const",
        "description",
        "enum",
        "items",
        "properties",
        "required",
        "title",
        "type",
    }
)


def messages_request_from_json(body: bytes) -> schema.MessagesRequest:
    """Decode the body of ``POST /v1/messages``.

    Raises:
        Refusal: it is not JSON, or not what ``schema.py`` describes.
    """
    return decode_body_in_parts(_messages_decoder, body)


def count_request_from_json(body: bytes) -> schema.CountRequest:
    """Decode the body of ``POST /v1/messages/count_tokens``.

    Raises:
        Refusal: it is not JSON, or not what ``schema.py`` describes.
    """
    return decode_body_in_parts(_count_decoder, body)


def fill_params(
    params: chat.ChatCompletionParams, asked: schema.MessagesRequest, facts: ModelFacts
) -> Origins:
    """Write ``asked`` into empty ``params``; return where in it all of them came from.

    Raises:
        Refusal: it asks for something that is not offered.
    """
    _refuse_unless_empty(asked, "container", "fallbacks", "inference_geo", "top_k")
    origins = fill_input(params, asked, facts)
    limit = asked.max_tokens
    if facts.max_output_tokens is not None:
        limit = min(limit, facts.max_output_tokens)
    params.max_output_tokens = limit
    for name in ("temperature", "top_p"):
        value = getattr(asked, name)
        if value is not None and not (value == 1 and name in facts.restricted_fields):
            setattr(params, name, value)
    if asked.stop_sequences:
        params.stop_sequences.extend(asked.stop_sequences)
    if asked.metadata is not None and asked.metadata.user_id:
        # Hashed, since agents put names of devices and sessions there, at any length.
        digest = hashlib.sha256(asked.metadata.user_id.encode()).hexdigest()
        params.safety_identifier = digest
    if asked.service_tier == "standard_only":
        params.service_tier = "default"
    return origins


def fill_input(
    params: chat.ChatCompletionParams, asked: schema.Input, facts: ModelFacts
) -> Origins:
    """Write what both endpoints take; return where all of it came from.

    Raises:
        Refusal: it asks for something that is not offered.
    """
    _refuse_thread(asked)
    _refuse_unless_empty(asked, "mcp_servers")
    if asked.speed == "fast":
        raise Refusal(
            "UNSUPPORTED_PARAMETER",
            "'speed' can only be 'standard': faster modes cost more than the price list charges.",
            param="speed",
        )
    params.model = asked.model
    conversation = Conversation(params)
    if asked.system is not None:
        conversation.add_system(asked.system, "system")
    for index, message in enumerate(asked.messages):
        conversation.add(message, index)
    if isinstance(asked.tool_choice, schema.ToolChoice):
        conversation.offered[asked.tool_choice.name] = True
    declared = [(raw, f"tools[{index}]") for index, raw in enumerate(asked.tools or ())]
    tools = fill_tools(params, declared + conversation.defined, conversation.offered)
    if asked.tool_choice is not None:
        fill_tool_choice(params, asked.tool_choice, can_limit=facts.parallel_tool_calls)
    effort = fitting_effort(wanted_effort(asked), facts, calls_tools=bool(tools))
    if effort is not None:
        params.reasoning_effort = effort
    _fill_format(params, asked)
    return Origins(conversation.origins, tools)


def _refuse_thread(asked: schema.Input) -> None:
    if asked.thread is not None:
        raise Refusal(
            "UNSUPPORTED_PARAMETER",
            "'thread': conversations are not kept here. Send the whole conversation.",
            param="thread",
            facts={"error_code": THREAD_UNSUPPORTED},
        )


def _refuse_unless_empty(asked: schema.Input, *names: str) -> None:
    for name in names:
        if getattr(asked, name) not in (None, [], {}):
            raise Refusal("UNSUPPORTED_PARAMETER", f"'{name}' is not offered.", param=name)


def _fill_format(params: chat.ChatCompletionParams, asked: schema.Input) -> None:
    newer = asked.output_config.format if asked.output_config is not None else None
    wanted = newer or asked.output_format
    if wanted is None:
        return
    added = params.response_format.json_schema
    added.name = _FORMAT_NAME
    added.schema_json = _encode(wanted.schema).decode()
    added.strict = _is_strict(wanted.schema)


def _is_strict(root: dict[str, Any]) -> bool:
    """Whether every strict mode can follow a schema; others follow it as best they can."""
    waiting: list[Any] = [root]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict) or node.keys() - _STRICT_KEYWORDS:
            return False
        properties = node.get("properties", {})
        groups = (properties, node.get("$defs", {}))
        if not all(isinstance(group, dict) for group in groups):
            return False
        if (node.get("type") == "object" or properties) and not _is_closed(node, properties):
            return False
        waiting += [child for group in groups for child in group.values()]
        waiting += node.get("anyOf", [])
        if "items" in node:
            waiting.append(node["items"])
    return True


def _is_closed(node: dict[str, Any], properties: dict[str, Any]) -> bool:
    required = node.get("required", [])
    return node.get("additionalProperties") is False and set(required) == set(properties)
