"""Takes the event names off Anthropic's frames, so that the SSE decoder can split them in bulk.

Every payload says in its own ``type`` what the line ``event: …`` before it says, and the decoder
takes text of one-line events apart in one go only where nothing is named. No I/O.
"""

import re
from typing import Final

from tokensmith_server.providers.sse import SSEDecoder

_BLANK_LINE: Final = b"\n\n"
_NAMED_DELTA: Final = b"\n\nevent: content_block_delta\ndata: "
_UNNAMED: Final = b"\n\ndata: "
_NAME: Final = re.compile(rb"\n\nevent: [a-z_]+\n(?=data: )")
_FIRST_NAME: Final = re.compile(rb"event: [a-z_]+\n(?=data: )")


class FrameReader:
    """Turns the chunks of one response body into payloads, wherever the chunks are cut.

    An unfinished frame waits here for its end, as far as it came after a finished one; whatever
    has another shape goes to the decoder as it is.
    """

    __slots__ = ("_at_boundary", "_decoder", "_tail")

    def __init__(self) -> None:
        self._decoder = SSEDecoder()
        self._tail = b""
        self._at_boundary = True  # Whether what comes next begins an event.

    def feed(self, chunk: bytes) -> list[bytes]:
        """Take the next bytes and return the payloads that they complete.

        Raises:
            SSELimitExceeded: an event outgrew the limit; the stream cannot be read any further.
        """
        text = self._tail + chunk if self._tail else chunk
        end = text.rfind(_BLANK_LINE) + len(_BLANK_LINE)
        if end < len(_BLANK_LINE) or b"\r" in text:
            self._tail = b""
            self._at_boundary = False
            return self._decoder.feed(text).payloads
        self._tail = text[end:]
        return self._decoder.feed(self._without_names(text[:end])).payloads

    def flush(self) -> bytes | None:
        """End the stream and return the data of an event that had no blank line after it."""
        if self._tail:
            self._decoder.feed(self._tail)
            self._tail = b""
        return self._decoder.flush()

    def _without_names(self, text: bytes) -> bytes:
        if self._at_boundary and (first := _FIRST_NAME.match(text)):
            text = text[first.end() :]
        self._at_boundary = True
        text = text.replace(_NAMED_DELTA, _UNNAMED)
        return _NAME.sub(_BLANK_LINE, text) if b"\nevent: " in text else text
