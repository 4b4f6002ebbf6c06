"""From a chat's messages to Anthropic's: a system text, and turns that alternate. Pure.

The caller has checked the messages (``check.py``). Turns of one role become one turn, the results
of tools come first in theirs, and each tool call has an id of its own in Anthropic's alphabet.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.anthropic.media import file_block, image_block
from tokensmith_server.providers.anthropic.profile import PLACEHOLDER
from tokensmith_server.providers.anthropic.signed import interleave
from tokensmith_server.providers.tool_call_ids import plain_id

Json = dict[str, Any]
Recall = Callable[[Sequence[Json]], list[Json] | None]
"""Returns the remembered blocks of the answer that made some ``tool_use`` blocks."""

SYSTEM_ROLES: Final = frozenset({chat_pb.CHAT_ROLE_SYSTEM, chat_pb.CHAT_ROLE_DEVELOPER})
_JOINT: Final = "\n\n"
_NOT_IN_IDS: Final = re.compile(r"[^a-zA-Z0-9_-]")
_decode_object: Final = msgspec.json.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True)
class Conversation:
    """The messages in Anthropic's shape."""

    system: str
    turns: list[Json]

    @property
    def called_tools(self) -> list[str]:
        """Names of the tools that were called, each once."""
        names = [
            block["name"]
            for turn in self.turns
            for block in turn["content"]
            if block["type"] == "tool_use"
        ]
        return list(dict.fromkeys(names))

    @property
    def continues_unthinking(self) -> bool:
        """Whether results are brought to a turn that does not begin with thinking.

        A model that thinks by budget refuses to think in such a conversation.
        """
        if len(self.turns) < 2 or self.turns[-1]["content"][0]["type"] != "tool_result":
            return False
        first: str = self.turns[-2]["content"][0]["type"]
        return not first.endswith("thinking")


def build_conversation(
    messages: Iterable[chat_pb.ChatMessage], recall: Recall | None = None, *, thinker: str = ""
) -> Conversation:
    """Put messages into Anthropic's order.

    ``thinker`` is the model whose signed thinking the messages may bring back, and ``recall`` finds
    what they do not bring. Without either no earlier thinking comes back.

    Raises:
        ProviderError: kind INVALID_REQUEST: a part that Anthropic does not take.
        msgspec.MsgspecError: the arguments of a tool call are not a JSON object.
    """
    builder = _Builder(recall, thinker)
    for index, message in enumerate(messages):
        builder.add(index, message)
    return builder.finish()


def is_inked(text: str) -> bool:
    """Whether a text has anything but white space; the API refuses other text blocks."""
    return bool(text) and not text.isspace()


class _Builder:
    """The turns so far; ``_results`` and ``_blocks`` are the open one's."""

    def __init__(self, recall: Recall | None, thinker: str) -> None:
        self._recall = recall
        self._thinker = thinker
        self._system: list[str] = []
        self._turns: list[Json] = []
        self._role = ""
        self._results: list[Json] = []
        self._blocks: list[Json] = []
        self._used_ids: set[str] = set()
        # From the client's ids of the newest calls to those that are sent.
        self._call_ids: dict[str, str] = {}

    def add(self, index: int, message: chat_pb.ChatMessage) -> None:
        if message.role in SYSTEM_ROLES:
            texts = [text for text in _texts(message.content) if is_inked(text)]
            self._system.extend(texts)
        elif message.role == chat_pb.CHAT_ROLE_ASSISTANT:
            self._turn_to("assistant")
            self._blocks.extend(self._assistant_blocks(message))
        else:
            self._turn_to("user")
            if message.role == chat_pb.CHAT_ROLE_TOOL:
                self._results.append(self._tool_result(message))
            else:
                self._blocks.extend(_user_blocks(message, f"messages[{index}].content"))

    def finish(self) -> Conversation:
        if self._role == "assistant":
            _trim_end(self._blocks)
            if not self._blocks:
                self._role = ""
        self._close_turn()
        if not self._turns:
            self._turn_to("user")
            self._close_turn()
        return Conversation(_JOINT.join(self._system), self._turns)

    def _turn_to(self, role: str) -> None:
        if self._role == role:
            return
        self._close_turn()
        if role == "assistant" and not self._turns:
            self._turns.append({"role": "user", "content": [_text_block(PLACEHOLDER)]})
        self._role = role

    def _close_turn(self) -> None:
        if self._role:
            _drop_last_thoughts(self._blocks)
            content = [*self._results, *self._blocks] or [_text_block(PLACEHOLDER)]
            self._turns.append({"role": self._role, "content": content})
        self._results, self._blocks = [], []

    def _assistant_blocks(self, message: chat_pb.ChatMessage) -> list[Json]:
        texts = [*_texts(message.content), message.refusal]
        calls = [self._tool_use(call) for call in message.tool_calls]
        brought = [block for block in message.signed_thinking if block.model == self._thinker]
        if brought and self._thinker:
            return interleave(texts, calls, brought, _inked_blocks)
        said = [block for text in texts for block in _inked_blocks(text)]
        known = self._recall(calls) if self._recall is not None and calls else None
        if known is None:
            return [*said, *calls]
        if "".join(block["text"] for block in known if block["type"] == "text") == "".join(texts):
            # Exactly as it was, but for texts that the API gives and does not take.
            by_id = {call["id"]: call for call in calls}
            return [
                by_id[block["id"]] if block["type"] == "tool_use" else block
                for block in known
                if block["type"] != "text" or is_inked(block["text"])
            ]
        thinking = [block for block in known if block["type"].endswith("thinking")]
        return [*thinking, *said, *calls]

    def _tool_use(self, call: chat_pb.ChatToolCall) -> Json:
        wanted = _NOT_IN_IDS.sub("_", plain_id(call.id))
        call_id, number = wanted, 1
        while call_id in self._used_ids:
            number += 1
            call_id = f"{wanted}_{number}"
        self._used_ids.add(call_id)
        self._call_ids[call.id] = call_id
        arguments = call.arguments or "{}"
        # Sent as the text it is once it is known to be one object, however deep.
        _decode_object(arguments)
        return {
            "type": "tool_use",
            "id": call_id,
            "name": call.name,
            "input": msgspec.Raw(arguments.encode()),
        }

    def _tool_result(self, message: chat_pb.ChatMessage) -> Json:
        call_id = self._call_ids.get(message.tool_call_id, message.tool_call_id)
        result: Json = {"type": "tool_result", "tool_use_id": call_id}
        texts = [text for text in _texts(message.content) if is_inked(text)]
        if len(texts) == 1:
            result["content"] = texts[0]
        elif texts:
            result["content"] = [_text_block(text) for text in texts]
        return result


def _user_blocks(message: chat_pb.ChatMessage, where: str) -> list[Json]:
    blocks: list[Json] = []
    if message.content.WhichOneof("kind") == "parts":
        for place, part in enumerate(message.content.parts.parts):
            if part.HasField("image"):
                blocks.append(image_block(part.image, f"{where}[{place}]"))
            elif part.HasField("file"):
                blocks.append(file_block(part.file, f"{where}[{place}]"))
            elif is_inked(part.text):
                blocks.append(_text_block(part.text))
    elif is_inked(message.content.text):
        blocks.append(_text_block(message.content.text))
    return _named(blocks, message.name) if message.name else blocks


def _named(blocks: list[Json], name: str) -> list[Json]:
    """Say who speaks, in the text itself: Anthropic's messages have no names."""
    if blocks and blocks[0]["type"] == "text":
        return [_text_block(f"{name}: {blocks[0]['text']}"), *blocks[1:]]
    return [_text_block(f"{name}:"), *blocks]


def _texts(content: chat_pb.ChatContent) -> list[str]:
    if content.WhichOneof("kind") == "parts":
        return [part.text or part.refusal for part in content.parts.parts]
    return [content.text]


def _trim_end(blocks: list[Json]) -> None:
    """Cut white space off the end of the assistant's last text, which is to be continued."""
    if blocks and blocks[-1]["type"] == "text":
        blocks[-1] = _text_block(blocks[-1]["text"].rstrip())


def _drop_last_thoughts(blocks: list[Json]) -> None:
    """Drop thinking that led to nothing: the API refuses a turn that ends with it."""
    while blocks and blocks[-1]["type"].endswith("thinking"):
        blocks.pop()


def _inked_blocks(text: str) -> list[Json]:
    return [_text_block(text)] if is_inked(text) else []


def _text_block(text: str) -> Json:
    return {"type": "text", "text": text}
