"""The parts of the end-to-end benchmark that a wrong figure could come from."""

import os
import socket

import msgspec
import pytest

from benchmarks.endtoend.dialects import DIALECTS, OPENAI, Dialect
from benchmarks.endtoend.messages import CHUNKS, TEXT, piece
from benchmarks.endtoend.procfs import listening_port
from benchmarks.endtoend.upstream import _answer_to


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.title)
def test_every_dialect_says_the_same_in_as_many_pieces(dialect: Dialect) -> None:
    assert TEXT in dialect.unary
    msgspec.json.decode(dialect.unary)
    events = dialect.stream.replace(b"\r\n", b"\n").split(b"\n\n")
    said = [event for event in events if b" piece" in event]
    assert len(said) == CHUNKS
    assert all(piece(number) in event for number, event in enumerate(said))


@pytest.mark.parametrize(
    ("request_line", "streams"),
    [
        (b"POST /v1/chat/completions HTTP/1.1", None),
        (b"POST /v1/messages HTTP/1.1", None),
        (b"POST /v1beta/models/gemini-3-flash-preview:generateContent HTTP/1.1", False),
        (b"POST /v1beta/models/g:streamGenerateContent?alt=sse HTTP/1.1", True),
    ],
)
def test_the_upstream_answers_in_the_dialect_of_the_path(
    request_line: bytes, streams: bool | None
) -> None:
    for wanted in (False, True) if streams is None else (streams,):
        body = b'{"stream":true}' if wanted and streams is None else b"{}"
        data = request_line + b"\r\nContent-Length: 2\r\n\r\n" + body
        answer = _answer_to(data, len(data))
        assert (b"text/event-stream" in answer) is wanted
        is_openai = OPENAI.unary in answer or OPENAI.stream in answer
        assert is_openai is (b"chat/completions" in request_line)


def test_the_port_that_a_process_listens_on_is_found() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port: int = listener.getsockname()[1]
        found = listening_port(os.getpid())
        assert found is not None
        assert found <= port
