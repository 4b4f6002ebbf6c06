"""Three REST dialects: how a call is asked for, and how its answer is read, whole and streamed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

Body = dict[str, Any]


@dataclass
class Answer:
    """As much of an answer as came. ``complete`` and ``broken`` say how it ended, if it did."""

    id: str = ""
    text: str = ""
    cost: float | None = None
    complete: bool = False
    broken: str = ""


@dataclass(frozen=True)
class Dialect:
    """One endpoint. ``input_field`` and ``limit_field`` are the names of what most calls have."""

    name: str
    path: str
    input_field: str
    limit_field: str
    read_whole: Callable[[Any, Answer], None] = field(repr=False)
    read_frame: Callable[[Any, Answer], None] = field(repr=False)

    def body(self, model: str, prompt: str, limit: int, *, stream: bool) -> Body:
        """A call of one prompt."""
        asked: Any = prompt
        if self.input_field == "messages":
            asked = [{"role": "user", "content": prompt}]
        body = {"model": model, self.input_field: asked, self.limit_field: limit, "stream": stream}
        if stream and self.name == "chat":
            body["stream_options"] = {"include_usage": True}
        return body

    def read_line(self, line: bytes, answer: Answer) -> bool:
        """Read a line of a stream; whether it was a frame."""
        if not line.startswith(b"data:"):
            return False
        data = line[5:].strip()
        if data == b"[DONE]":
            answer.complete = not answer.broken
        else:
            self.read_frame(msgspec.json.decode(data), answer)
        return True


def _read_chat(body: Any, answer: Answer) -> None:
    answer.id = body["id"]
    answer.text = body["choices"][0]["message"]["content"] or ""
    answer.cost = body["usage"]["cost"]
    answer.complete = True


def _read_chat_frame(frame: Any, answer: Answer) -> None:
    if "error" in frame:
        answer.broken = str(frame["error"])
        return
    answer.id = frame["id"]
    answer.text += "".join(choice["delta"].get("content") or "" for choice in frame["choices"])
    if frame.get("usage"):
        answer.cost = frame["usage"]["cost"]


def _read_response(body: Any, answer: Answer) -> None:
    answer.id = body["id"]
    answer.text = "".join(
        part.get("text", "")
        for item in body["output"]
        if item["type"] == "message"
        for part in item["content"]
    )
    answer.cost = (body["usage"] or {}).get("cost")
    answer.complete = True


def _read_response_frame(frame: Any, answer: Answer) -> None:
    kind = frame["type"]
    if kind == "response.created":
        answer.id = frame["response"]["id"]
    elif kind == "response.output_text.delta":
        answer.text += frame["delta"]
    elif kind in {"response.completed", "response.incomplete"}:
        told = answer.text
        _read_response(frame["response"], answer)
        assert told == answer.text
    elif kind in {"response.failed", "error"}:
        answer.broken = str(frame)


def _read_message(body: Any, answer: Answer) -> None:
    answer.id = body["id"]
    answer.text = "".join(block.get("text", "") for block in body["content"])
    answer.cost = body["usage"]["cost"]
    answer.complete = True


def _read_message_frame(frame: Any, answer: Answer) -> None:
    match frame["type"]:
        case "message_start":
            answer.id = frame["message"]["id"]
        case "content_block_delta":
            answer.text += frame["delta"].get("text", "")
        case "message_delta":
            answer.cost = frame["usage"]["cost"]
        case "message_stop":
            answer.complete = True
        case "error":
            answer.broken = str(frame["error"])


DIALECTS = (
    Dialect(
        "chat",
        "/chat/completions",
        "messages",
        "max_completion_tokens",
        _read_chat,
        _read_chat_frame,
    ),
    Dialect(
        "responses",
        "/responses",
        "input",
        "max_output_tokens",
        _read_response,
        _read_response_frame,
    ),
    Dialect("messages", "/messages", "messages", "max_tokens", _read_message, _read_message_frame),
)
