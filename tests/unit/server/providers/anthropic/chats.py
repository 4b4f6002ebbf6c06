"""Requests built and checked by the adapter, for the tests."""

from collections.abc import Sequence
from typing import Any

import msgspec

from tests.unit.server.providers.chats import model, params, said
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.catalog.model import Capabilities, ReasoningEffort, Support, Thinking
from tokensmith_server.providers.anthropic.check import check_anthropic, without_defaults
from tokensmith_server.providers.anthropic.memory import ThinkingMemory
from tokensmith_server.providers.anthropic.recall import Recaller
from tokensmith_server.providers.anthropic.request import build_request
from tokensmith_server.providers.base import ErrorKind, ProviderError
from tokensmith_server.providers.capabilities import check_capabilities

ASSISTANT = chat_pb.CHAT_ROLE_ASSISTANT
TOOL = chat_pb.CHAT_ROLE_TOOL
SYSTEM = chat_pb.CHAT_ROLE_SYSTEM

UP = "up-1"
SCOPE = "account-1"
_EFFORTS = tuple(ReasoningEffort)
_SHARED: dict[str, Any] = {
    "image_input": True,
    "file_input": True,
    "parallel_tool_calls": True,
    "reasoning_efforts": _EFFORTS,
    "default_reasoning_effort": ReasoningEffort.NONE,
    "temperature": Support.WITHOUT_REASONING,
}
ADAPTIVE: dict[str, Any] = {
    **_SHARED,
    "thinking": Thinking.ADAPTIVE,
    "thinking_levels": (ReasoningEffort.LOW, ReasoningEffort.HIGH, ReasoningEffort.MAX),
    "ends_with_assistant": False,
}
BUDGET: dict[str, Any] = {**_SHARED, "thinking": Thinking.BUDGET}


def called(*calls: tuple[str, str, str], text: str = "") -> chat_pb.ChatMessage:
    """An assistant's message with tool calls: id, name, arguments."""
    message = chat_pb.ChatMessage(role=ASSISTANT)
    if text:
        message.content.text = text
    for call_id, name, arguments in calls:
        message.tool_calls.add(
            id=call_id, kind=chat_pb.CHAT_TOOL_KIND_FUNCTION, name=name, arguments=arguments
        )
    return message


def result(call_id: str, text: str = "sunny") -> chat_pb.ChatMessage:
    message = said(text, TOOL)
    message.tool_call_id = call_id
    return message


def body_of(
    messages: Sequence[chat_pb.ChatMessage] | None = None,
    *,
    capabilities: dict[str, Any] | None = None,
    cap: int = 4_000,
    stream: bool = False,
    memory: ThinkingMemory | None = None,
    recalled_bytes_maximum: int | None = None,
    **fields: Any,
) -> dict[str, Any]:
    """Check and build a request, and return its body."""
    asked = params(**({} if messages is None else {"messages": messages}), **fields)
    facts = ADAPTIVE if capabilities is None else capabilities
    check_anthropic(without_defaults(asked), model(**facts))
    request = build_request(
        asked,
        Capabilities(**facts),
        upstream_model=UP,
        output_cap_tokens=cap,
        stream=stream,
        recall=Recaller(memory or ThinkingMemory(), SCOPE, UP, recalled_bytes_maximum),
    )
    body: dict[str, Any] = msgspec.json.decode(request.body)
    assert request.thinks == ("thinking" in body)
    return body


def refusal_of(capabilities: dict[str, Any] | None = None, **fields: Any) -> ProviderError | None:
    """The refusal of a request, or ``None``."""
    spec = model(**(ADAPTIVE if capabilities is None else capabilities))
    asked = without_defaults(params(**fields))
    refusal: ProviderError | None = None
    try:
        check_capabilities(asked, spec)
        check_anthropic(asked, spec)
    except ProviderError as error:
        refusal = error
    if refusal is not None:
        assert refusal.kind is ErrorKind.INVALID_REQUEST
        assert refusal.allowed
    return refusal


def refused_param(capabilities: dict[str, Any] | None = None, **fields: Any) -> str | None:
    refusal = refusal_of(capabilities, **fields)
    return refusal.param if refusal is not None else None
