"""Chat params and models for the tests of adapters."""

from typing import Any

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.rates import TokenRate
from tokensmith_server.catalog.model import Capabilities, Family, Kind, ModelSpec, Route, TextSpec


def said(text: str, role: chat_pb.ChatRole = chat_pb.CHAT_ROLE_USER) -> chat_pb.ChatMessage:
    return chat_pb.ChatMessage(role=role, content=chat_pb.ChatContent(text=text))


def parts_of(*parts: chat_pb.ChatContentPart) -> chat_pb.ChatContent:
    return chat_pb.ChatContent(parts=chat_pb.ChatContentParts(parts=parts))


def params(**fields: Any) -> chat_pb.ChatCompletionParams:
    return chat_pb.ChatCompletionParams(
        **{"model": "m", "messages": [said("Hello there!")], **fields}
    )


def function_tool(name: str = "look_up", **fields: Any) -> chat_pb.ChatTool:
    return chat_pb.ChatTool(function=chat_pb.ChatFunction(name=name, **fields))


def model(provider: str = "openai", upstream_id: str = "up-1", **capabilities: Any) -> ModelSpec:
    return ModelSpec(
        id="m",
        kind=Kind.TEXT,
        name="M",
        rate=TokenRate(1, 1),
        routes=(Route(provider, upstream_id),),
        text=TextSpec(
            context_tokens=100_000, family=Family.GPT, capabilities=Capabilities(**capabilities)
        ),
    )
