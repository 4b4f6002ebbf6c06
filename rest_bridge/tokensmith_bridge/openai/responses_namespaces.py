"""Tools in namespaces: what each is called in a chat, which has none, and back.

A function ``wait`` of the namespace ``agents`` is ``agents__wait`` to the model. Clients see a call
as OpenAI makes it: ``name`` and ``namespace``, which they send back with it.
"""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from tokensmith_bridge.openai.responses_schema import (
    NamespaceTool,
    ResponseCustomTool,
    ResponseFunctionTool,
    ResponseTool,
)

_BETWEEN: Final = "__"
_NAME_LENGTH_MAX: Final = 64
_DIGEST_LENGTH: Final = 8


class PlacedTool(NamedTuple):
    """A tool as the model gets it, and its place in the request."""

    tool: ResponseFunctionTool | ResponseCustomTool
    name: str
    description: str | None
    where: str


def chat_name(name: str, namespace: str | None) -> str:
    """What a tool is called in the chat; shortened, with a digest, where that were too long."""
    if not namespace:
        return name
    whole = f"{namespace}{_BETWEEN}{name}"
    if len(whole) <= _NAME_LENGTH_MAX:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()[:_DIGEST_LENGTH]
    return f"{whole[: _NAME_LENGTH_MAX - _DIGEST_LENGTH - 1]}_{digest}"


def placed_tools(tools: Iterable[ResponseTool]) -> Iterator[PlacedTool]:
    """Every tool, those of namespaces too.

    What a namespace says of itself is said with its first tool.
    """
    for index, tool in enumerate(tools):
        where = f"tools[{index}]"
        if not isinstance(tool, NamespaceTool):
            yield PlacedTool(tool, tool.name, tool.description, where)
            continue
        about = f"{tool.name}{_BETWEEN}*: {tool.description}" if tool.description else None
        for number, inner in enumerate(tool.tools):
            described = [text for text in (inner.description, about) if text]
            name = chat_name(inner.name, tool.name)
            yield PlacedTool(
                inner, name, "\n\n".join(described) or None, f"{where}.tools[{number}]"
            )
            about = None


class ToolNames:
    """Both names of the tools of one request."""

    def __init__(self, tools: Iterable[ResponseTool]) -> None:
        self._own: dict[str, tuple[str, str]] = {}
        # By the bare name, which a request may choose a tool by; the first of its name.
        self._in_chat: dict[str, str] = {}
        for tool in tools:
            if not isinstance(tool, NamespaceTool):
                self._in_chat[tool.name] = tool.name
                continue
            for inner in tool.tools:
                name = chat_name(inner.name, tool.name)
                self._own[name] = (inner.name, tool.name)
                self._in_chat.setdefault(inner.name, name)

    def own_fields(self, name: str) -> dict[str, str]:
        """The fields that name the tool in a call, from its name in the chat."""
        own = self._own.get(name)
        if own is None:
            return {"name": name}
        return {"name": own[0], "namespace": own[1]}

    def chosen(self, name: str) -> str:
        """The chat's name of a tool that the request names."""
        return self._in_chat.get(name, name)
