"""The same answers as Anthropic and as Gemini write them: 100 pieces of text, one event each."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from benchmarks.endtoend.messages import CHUNKS, MODEL, STREAM_ANSWER, TEXT, UNARY_ANSWER, piece


class Dialect(NamedTuple):
    """A provider's wire protocol: the model sold from it, and what its upstream answers."""

    title: str
    model: str
    unary: bytes
    stream: bytes


def _event(kind: bytes, fields: bytes = b"") -> bytes:
    return b"event: %s\ndata: {%s%s}\n\n" % (kind, b'"type":"%s"' % kind, fields)


_CLAUDE: Final = "claude-haiku-4-5"
_CLAUDE_USAGE: Final = (
    b'"usage":{"input_tokens":38,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,'
    b'"output_tokens":%d,"service_tier":"standard"}'
)
_CLAUDE_MESSAGE: Final = (
    b'{"id":"msg_01XFDUDYJgAACzvnptvVoYEL","type":"message","role":"assistant",'
    b'"model":"claude-haiku-4-5-20251001","content":[%s],"stop_reason":%s,"stop_sequence":null,%s}'
)
_CLAUDE_UNARY: Final = _CLAUDE_MESSAGE % (
    b'{"type":"text","text":"%s"}' % TEXT,
    b'"end_turn"',
    _CLAUDE_USAGE % 30,
)
_CLAUDE_STREAM: Final = (
    _event(
        b"message_start",
        b',"message":' + _CLAUDE_MESSAGE % (b"", b"null", _CLAUDE_USAGE % 1),
    )
    + _event(b"content_block_start", b',"index":0,"content_block":{"type":"text","text":""}')
    + _event(b"ping")
    + b"".join(
        _event(
            b"content_block_delta",
            b',"index":0,"delta":{"type":"text_delta","text":"%s"}' % piece(number),
        )
        for number in range(CHUNKS)
    )
    + _event(b"content_block_stop", b',"index":0')
    + _event(
        b"message_delta",
        b',"delta":{"stop_reason":"end_turn","stop_sequence":null},' + _CLAUDE_USAGE % 30,
    )
    + _event(b"message_stop")
)

_GEMINI: Final = "gemini-3-flash"


def _gemini(text: bytes, finish: bytes = b"") -> bytes:
    return (
        b'{"candidates":[{"content":{"parts":[{"text":"'
        + text
        + b'"}],"role":"model"},'
        + finish
        + b'"index":0}],"usageMetadata":{"promptTokenCount":38,"candidatesTokenCount":30,'
        b'"totalTokenCount":68,"promptTokensDetails":[{"modality":"TEXT","tokenCount":38}]},'
        b'"modelVersion":"gemini-3-flash-preview","responseId":"kR0daYvqFqmf"}'
    )


_GEMINI_STOP: Final = b'"finishReason":"STOP",'
# Google ends its lines with CR and LF.
_GEMINI_STREAM: Final = b"".join(
    b"data: %s\r\n\r\n" % chunk
    for chunk in (*(_gemini(piece(number)) for number in range(CHUNKS)), _gemini(b"", _GEMINI_STOP))
)

OPENAI: Final = Dialect("OpenAI", MODEL, UNARY_ANSWER, STREAM_ANSWER)
ANTHROPIC: Final = Dialect("Anthropic", _CLAUDE, _CLAUDE_UNARY, _CLAUDE_STREAM)
GEMINI: Final = Dialect("Gemini", _GEMINI, _gemini(TEXT, _GEMINI_STOP), _GEMINI_STREAM)
DIALECTS: Final = (OPENAI, ANTHROPIC, GEMINI)

BY_PATH: Final[Mapping[bytes, tuple[Dialect, bool | None]]] = {
    b"/v1/messages": (ANTHROPIC, None),
    b":generateContent": (GEMINI, False),
    b":streamGenerateContent": (GEMINI, True),
}
"""Which dialect a path belongs to, and whether it streams; ``None``: the body says."""
