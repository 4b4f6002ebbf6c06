"""As much of HTTP/1.1 as a load generator needs to read answers, and no more."""

import re
from typing import Final, NamedTuple

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CHUNKED: Final = re.compile(rb"\r\ntransfer-encoding: *chunked", re.IGNORECASE)
_LAST_CHUNK: Final = b"0\r\n\r\n"


class Answer(NamedTuple):
    """A whole answer; chunks of its body are joined."""

    status: int
    body: bytes


class AnswerReader:
    """Reads the answers of one connection, one after the other."""

    def __init__(self) -> None:
        self._data = b""
        self._body_start = 0
        # None: chunked.
        self._body_end: int | None = None

    def feed(self, data: bytes) -> Answer | None:
        """Take in what has arrived; the answer once it is whole.

        Raises:
            ValueError: it is not framed as HTTP/1.1 answers are, or more than it arrived.
        """
        self._data = self._data + data if self._data else data
        if not self._body_start and not self._read_head():
            return None
        body = self._read_body()
        if body is None:
            return None
        answer = Answer(int(self._data[9:12]), body)
        self._data, self._body_start, self._body_end = b"", 0, None
        return answer

    def _read_head(self) -> bool:
        head_end = self._data.find(b"\r\n\r\n")
        if head_end < 0:
            return False
        self._body_start = head_end + 4
        length = _LENGTH.search(self._data, 0, head_end)
        if length is not None:
            self._body_end = self._body_start + int(length[1])
        elif not _CHUNKED.search(self._data, 0, head_end):
            raise ValueError("neither a length nor chunks")
        return True

    def _read_body(self) -> bytes | None:
        data, start = self._data, self._body_start
        if self._body_end is None:
            # The search for chunks is worth its while only once the last may be there.
            return _join_chunks(data, start) if data.endswith(_LAST_CHUNK) else None
        if len(data) < self._body_end:
            return None
        if len(data) > self._body_end:
            raise ValueError("more than was announced")
        return data[start:]


def _join_chunks(data: bytes, start: int) -> bytes | None:
    """The joined chunks; None while the last one is missing."""
    chunks: list[bytes] = []
    while True:
        line_end = data.find(b"\r\n", start)
        if line_end < 0:
            return None
        size = int(data[start:line_end], 16)
        start = line_end + 2
        if size == 0:
            return b"".join(chunks)
        chunks.append(data[start : start + size])
        start += size + 2
        if start > len(data):
            return None
