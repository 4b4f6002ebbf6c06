import pytest

from benchmarks.endtoend.http1 import Answer, AnswerReader

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: x\r\n"
WITH_LENGTH = HEAD + b"Content-Length: 5\r\n\r\nhello"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n0\r\n\r\n!\r\n0\r\n\r\n"


@pytest.mark.parametrize(("wire", "body"), [(WITH_LENGTH, b"hello"), (CHUNKED, b"hello0\r\n\r\n!")])
def test_answer_is_read_whole_wherever_it_is_cut(wire: bytes, body: bytes) -> None:
    for cut in range(1, len(wire)):
        reader = AnswerReader()
        assert reader.feed(wire[:cut]) is None
        assert reader.feed(wire[cut:]) == Answer(200, body)


def test_answers_follow_each_other() -> None:
    reader = AnswerReader()
    assert reader.feed(WITH_LENGTH) == Answer(200, b"hello")
    assert reader.feed(b"HTTP/1.1 402 No\r\ncontent-length: 0\r\n\r\n") == Answer(402, b"")


@pytest.mark.parametrize("wire", [WITH_LENGTH + b"x", HEAD + b"\r\nhello"])
def test_what_is_not_framed_is_refused(wire: bytes) -> None:
    with pytest.raises(ValueError, match=r"announced|chunks"):
        AnswerReader().feed(wire)
