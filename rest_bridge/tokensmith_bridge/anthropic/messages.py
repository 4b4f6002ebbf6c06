"""From Anthropic's messages to the contract's. Pure.

One message here may be several there: results of tools have messages of their own, before what else
the person said in the same breath. Where each came from is kept, for errors that the server finds.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Raw

from tokensmith.v1 import chat_service_pb2 as chat
from tokensmith_bridge.anthropic import block_schema as blocks
from tokensmith_bridge.anthropic.signature import signed_thinking
from tokensmith_bridge.openai.errors import Refusal
from tokensmith_bridge.tool_results import label, result_text

_PARAGRAPH: Final = "\n\n"
_FAILED: Final = "Error: "
"""Before the text of a tool's failure, which in the contract is a result like any other."""


class Conversation:
    """Writes messages into params, and remembers where in the request each came from."""

    def __init__(self, params: chat.ChatCompletionParams) -> None:
        self._messages = params.messages
        self.origins: list[str] = []
        """By the number of a message in the params: its path in the request."""
        self.offered: dict[str, bool] = {}
        """Tools that were found, added or removed on the way; whether they are offered now."""
        self.defined: list[tuple[Raw, str]] = []
        """Tools that were defined on the way, and where."""

    def add_system(self, system: str | Sequence[blocks.SystemBlock], origin: str) -> None:
        """Add instructions; none if they are empty."""
        texts = [system] if isinstance(system, str) else self._system_texts(system, origin)
        text = _PARAGRAPH.join(text for text in texts if text)
        if text:
            self._add(chat.CHAT_ROLE_SYSTEM, origin).content.text = text

    def add(self, message: blocks.Message, index: int) -> None:
        """Add a message, the ``index``-th of the request.

        Raises:
            Refusal: it has a block that can't be carried.
        """
        origin = f"messages[{index}]"
        match message:
            case blocks.SystemMessage():
                self.add_system(message.content, origin)
            case blocks.UserMessage(content=str() as text):
                self._add(chat.CHAT_ROLE_USER, origin).content.text = text
            case blocks.AssistantMessage(content=str() as text):
                self._add(chat.CHAT_ROLE_ASSISTANT, origin).content.text = text
            case blocks.AssistantMessage(content=list() as said):
                _fill_assistant(self._add(chat.CHAT_ROLE_ASSISTANT, origin), said, origin)
            case blocks.UserMessage(content=list() as told):
                self._add_user(told, origin)

    def _system_texts(self, system: Sequence[blocks.SystemBlock], origin: str) -> list[str]:
        texts: list[str] = []
        for number, block in enumerate(system):
            if isinstance(block, blocks.TextBlock):
                texts.append(block.text)
            else:
                self._change_tools(block, f"{origin}.content[{number}]")
        return texts

    def _change_tools(self, block: blocks.ToolChangeBlock, where: str) -> None:
        if isinstance(block.tool, blocks.ToolDefinition):
            self.defined.append((block.tool.definition, f"{where}.tool.definition"))
        else:
            self.offered[block.tool.name] = isinstance(block, blocks.ToolAdditionBlock)

    def _add(self, role: chat.ChatRole, origin: str) -> chat.ChatMessage:
        self.origins.append(origin)
        return self._messages.add(role=role)

    def _add_user(self, told: Sequence[blocks.UserBlock], origin: str) -> None:
        parts: list[chat.ChatContentPart] = []
        seen: list[chat.ChatContentPart] = []
        for number, block in enumerate(told):
            where = f"{origin}.content[{number}]"
            if isinstance(block, blocks.ToolResultBlock):
                seen += self._add_result(block, where)
            elif isinstance(block, blocks.ToolAdditionBlock | blocks.ToolRemovalBlock):
                self._change_tools(block, where)
            else:
                parts += _parts(block, where)
        parts = [*seen, *parts]
        if len(parts) == 1 and parts[0].WhichOneof("kind") == "text":
            self._add(chat.CHAT_ROLE_USER, origin).content.text = parts[0].text
        elif parts:
            self._add(chat.CHAT_ROLE_USER, origin).content.parts.parts.extend(parts)
        elif not told:
            self._add(chat.CHAT_ROLE_USER, origin).content.text = ""

    def _add_result(self, block: blocks.ToolResultBlock, where: str) -> list[chat.ChatContentPart]:
        """Add a tool's result, and return what of it is no text: for the message after it."""
        content = block.content or ""
        self.offered |= {
            inner.tool_name: True
            for inner in content
            if isinstance(inner, blocks.ToolReferenceBlock)
        }
        parts = (
            [chat.ChatContentPart(text=content)]
            if isinstance(content, str)
            else [
                part
                for number, inner in enumerate(content)
                for part in _parts(inner, f"{where}.content[{number}]")
            ]
        )
        texts = [part.text for part in parts if part.WhichOneof("kind") == "text"]
        others = [part for part in parts if part.WhichOneof("kind") != "text"]
        text = "\n".join(texts)
        if block.is_error:
            text = f"{_FAILED}{text}"
        if others:
            text = result_text(text, block.tool_use_id)
        added = self._add(chat.CHAT_ROLE_TOOL, where)
        added.tool_call_id = block.tool_use_id
        added.content.text = text
        if not others:
            return []
        return [label(block.tool_use_id), *others]


def _fill_assistant(
    added: chat.ChatMessage, said: Iterable[blocks.AssistantBlock], origin: str
) -> None:
    texts: list[str] = []
    thoughts: list[str] = []
    for number, block in enumerate(said):
        signed = None
        match block:
            case blocks.TextBlock():
                texts.append(block.text)
            case blocks.ToolUseBlock():
                _add_call(added, block, f"{origin}.content[{number}]")
            case blocks.ThinkingBlock():
                signed = signed_thinking(block.signature, text=block.thinking)
                if signed is None and block.thinking:
                    thoughts.append(block.thinking)
            case blocks.RedactedThinkingBlock():
                signed = signed_thinking(block.data, redacted=True)
        if signed is not None:
            signed.text_before = sum(map(len, texts))
            signed.tool_calls_before = len(added.tool_calls)
            added.signed_thinking.append(signed)
    if thoughts:
        added.reasoning_content = _PARAGRAPH.join(thoughts)
    if len(texts) > 1:
        for text in texts:
            added.content.parts.parts.add(text=text)
    elif texts or not added.tool_calls:
        added.content.text = "".join(texts)


def _add_call(added: chat.ChatMessage, block: blocks.ToolUseBlock, where: str) -> None:
    arguments = bytes(block.input).decode()
    if not arguments.startswith("{"):
        raise Refusal(
            "INVALID_ARGUMENT", f"'{where}.input' must be an object.", param=f"{where}.input"
        )
    added.tool_calls.add(
        id=block.id, kind=chat.CHAT_TOOL_KIND_FUNCTION, name=block.name, arguments=arguments
    )


def _parts(
    block: blocks.TextBlock
    | blocks.ImageBlock
    | blocks.DocumentBlock
    | blocks.SearchResultBlock
    | blocks.ToolReferenceBlock,
    where: str,
) -> list[chat.ChatContentPart]:
    match block:
        case blocks.TextBlock():
            return [chat.ChatContentPart(text=block.text)]
        case blocks.ImageBlock():
            return [_image(block, where)]
        case blocks.DocumentBlock():
            return _document(block, where)
        case blocks.SearchResultBlock():
            _refuse_citations(block.citations, where)
            found = "\n".join(inner.text for inner in block.content)
            text = _enclosed("search_result", found, source=block.source, title=block.title)
            return [chat.ChatContentPart(text=text)]
        case blocks.ToolReferenceBlock():
            return [chat.ChatContentPart(text=f"The tool {block.tool_name} is available.")]
    raise AssertionError(type(block))


def _image(block: blocks.ImageBlock, where: str) -> chat.ChatContentPart:
    match block.source:
        case blocks.Base64Image(media_type=media_type, data=data):
            url = f"data:{media_type};base64,{data}"
        case blocks.URLSource(url=address):
            url = address
        case _:
            raise _no_uploads(where)
    return chat.ChatContentPart(image=chat.ChatImage(url=url))


def _document(block: blocks.DocumentBlock, where: str) -> list[chat.ChatContentPart]:
    _refuse_citations(block.citations, where)
    match block.source:
        case blocks.Base64PDF(data=data):
            file = chat.ChatFile(file_data=f"data:application/pdf;base64,{data}")
            file.filename = block.title or "document.pdf"
            context = [chat.ChatContentPart(text=block.context)] if block.context else []
            return [*context, chat.ChatContentPart(file=file)]
        case blocks.PlainText(data=text):
            return [_text_document(block, text)]
        case blocks.ContentSource(content=str() as text):
            return [_text_document(block, text)]
        case blocks.ContentSource(content=list() as inner):
            parts = [part for one in inner for part in _parts(one, f"{where}.source.content")]
            title = [chat.ChatContentPart(text=block.title)] if block.title else []
            return [*title, *parts]
        case blocks.URLSource():
            raise Refusal(
                "UNSUPPORTED_PARAMETER",
                f"'{where}.source.type': documents are not fetched. Send the PDF as base64.",
                param=f"{where}.source.type",
            )
    raise _no_uploads(where)


def _text_document(block: blocks.DocumentBlock, text: str) -> chat.ChatContentPart:
    """A text as what it is, since few models take files."""
    about = {"title": block.title, "context": block.context}
    facts = {name: value for name, value in about.items() if value}
    return chat.ChatContentPart(text=_enclosed("document", text, **facts))


def _enclosed(tag: str, text: str, **facts: str) -> str:
    lines = [f"{name}: {value}" for name, value in facts.items()]
    return "\n".join([f"<{tag}>", *lines, text, f"</{tag}>"])


def _refuse_citations(citations: blocks.Citations | None, where: str) -> None:
    if citations is not None and citations.enabled:
        raise Refusal(
            "UNSUPPORTED_PARAMETER",
            f"'{where}.citations' is not offered: answers do not cite documents.",
            param=f"{where}.citations",
        )


def _no_uploads(where: str) -> Refusal:
    return Refusal(
        "UNSUPPORTED_PARAMETER",
        f"'{where}.source.type': there are no uploads to name by id. Send the data itself.",
        param=f"{where}.source.type",
    )
