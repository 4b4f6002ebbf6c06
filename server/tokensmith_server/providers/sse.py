"""An incremental decoder of server-sent events: bytes in, payloads out. No I/O.

It follows the event-stream grammar of the HTML standard (section 9.2.6): lines end with LF, CR or
CRLF, a line that begins with a colon is a comment, several ``data`` lines of one event are joined
with LF, a leading byte order mark is dropped. ``id`` and ``retry`` are ignored, since no upstream
stream is ever resumed. Payloads stay bytes: the JSON decoder checks their UTF-8.
"""

from dataclasses import dataclass, field
from typing import Final

DEFAULT_EVENT_LIMIT_BYTES: Final = 8 * 1024 * 1024

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_FRAME_START: Final = b"data: "
_BETWEEN_FRAMES: Final = b"\n\ndata: "
_BETWEEN_CRLF_FRAMES: Final = b"\r\n\r\ndata: "
_CRLF_END: Final = b"\r\n\r\n"


class SSELimitExceeded(Exception):
    """One event is larger than the decoder was told to buffer."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"an event is larger than {limit_bytes} bytes")
        self.limit_bytes = limit_bytes


@dataclass(slots=True)
class SSEBatch:
    """The events that one read completed, in order.

    ``names`` holds the ``event`` field of those that had one, by their place in ``payloads``; most
    streams name nothing.
    """

    payloads: list[bytes] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)


class SSEDecoder:
    """Turns the chunks of one response body into events, wherever the chunks are cut.

    Streams that send one ``data: `` line per event (all of OpenAI's dialect, and Gemini with CRLF)
    are split in bulk; every other shape goes line by line. At most one event is ever buffered.
    """

    __slots__ = (
        "_after_cr",
        "_data_lines",
        "_event_bytes",
        "_event_name",
        "_limit_bytes",
        "_line_bytes",
        "_line_parts",
        "_opening",
    )

    def __init__(self, *, limit_bytes: int = DEFAULT_EVENT_LIMIT_BYTES) -> None:
        self._limit_bytes = limit_bytes
        self._opening: bytes | None = b""  # What may yet be a byte order mark; None: past it.
        self._after_cr = False
        self._line_parts: list[bytes] = []  # The line that has no end yet.
        self._line_bytes = 0
        self._data_lines: list[bytes] = []
        self._event_name = ""
        self._event_bytes = 0

    def feed(self, chunk: bytes) -> SSEBatch:
        """Take the next bytes and return the events that they complete.

        Raises:
            SSELimitExceeded: an event outgrew the limit; the stream cannot be read any further.
        """
        batch = SSEBatch()
        if self._opening is not None:
            chunk = self._strip_byte_order_mark(self._opening + chunk)
        text = chunk
        if self._after_cr or b"\r" in chunk:
            if self._decode_uniform_crlf(chunk, batch):
                return batch
            text = self._with_line_feeds(chunk)
        if not text:
            return batch
        end_of_line = text.rfind(b"\n")
        if end_of_line < 0:
            self._keep(text)
            return batch
        if self._line_parts:
            text = self._take_line_parts() + text
            end_of_line = text.rfind(b"\n")
        if not self._decode_uniform(text, batch):
            self._decode_lines(text[:end_of_line], batch)
            self._keep(text[end_of_line + 1 :])
        if len(text) > self._limit_bytes:
            self._check_sizes(batch)
        return batch

    def flush(self) -> bytes | None:
        """End the stream and return the data of an event that had no blank line after it.

        The standard discards such an event. It is handed out so that the caller can tell a stream
        that was cut from one that ended.
        """
        line = self._take_line_parts()
        if line:
            self._take_line(line)
        if not self._data_lines:
            return None
        payload = b"\n".join(self._data_lines)
        self._reset_event()
        return payload

    def _strip_byte_order_mark(self, start: bytes) -> bytes:
        if len(start) < len(_BYTE_ORDER_MARK) and _BYTE_ORDER_MARK.startswith(start):
            self._opening = start
            return b""
        self._opening = None
        return start.removeprefix(_BYTE_ORDER_MARK)

    def _with_line_feeds(self, chunk: bytes) -> bytes:
        """Make every line end a single LF, also where CR and LF come in different chunks."""
        if not chunk:
            return chunk
        if self._after_cr:
            self._after_cr = False
            chunk = chunk.removeprefix(b"\n")
        if b"\r" in chunk:
            self._after_cr = chunk.endswith(b"\r")
            chunk = chunk.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return chunk

    def _decode_uniform(self, text: bytes, batch: SSEBatch) -> bool:
        """Split text that is nothing but whole one-line events; say whether it was.

        An unfinished line may follow them.
        """
        if self._data_lines or self._event_name or not text.startswith(_FRAME_START):
            return False
        end = text.rfind(b"\n\n")
        if end < 0:
            return False
        rest = text[end + 2 :]
        payloads = text[len(_FRAME_START) : end].split(_BETWEEN_FRAMES)
        # Any other line leaves a line feed where there should be none.
        if b"\n" in rest or b"\n" in b"".join(payloads):
            return False
        batch.payloads = payloads
        self._event_bytes = 0
        self._keep(rest)
        return True

    def _decode_uniform_crlf(self, chunk: bytes, batch: SSEBatch) -> bool:
        """Do the same for lines that end with CRLF, and what is kept of the last chunk.

        Making them LF first would take longer than all the rest.
        """
        if self._after_cr or self._data_lines or self._event_name:
            return False
        text = b"".join([*self._line_parts, chunk])
        end = text.rfind(_CRLF_END)
        if end < 0 or not text.startswith(_FRAME_START):
            return False
        rest = text[end + len(_CRLF_END) :]
        payloads = text[len(_FRAME_START) : end].split(_BETWEEN_CRLF_FRAMES)
        # Any other line leaves a line end where there should be none.
        said = b"".join([*payloads, rest])
        if b"\n" in said or b"\r" in said:
            return False
        self._take_line_parts()
        batch.payloads = payloads
        self._event_bytes = 0
        self._keep(rest)
        if len(text) > self._limit_bytes:
            self._check_sizes(batch)
        return True

    def _decode_lines(self, lines: bytes, batch: SSEBatch) -> None:
        for line in lines.split(b"\n"):
            if line:
                self._take_line(line)
            else:
                self._dispatch(batch)

    def _take_line(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data_lines.append(value.removeprefix(b" "))
        elif name == b"event":
            self._event_name = value.removeprefix(b" ").decode("utf-8", "replace")
        else:
            return
        self._event_bytes += len(line)
        if self._event_bytes > self._limit_bytes:
            raise SSELimitExceeded(self._limit_bytes)

    def _dispatch(self, batch: SSEBatch) -> None:
        if self._data_lines:
            if self._event_name:
                batch.names[len(batch.payloads)] = self._event_name
            batch.payloads.append(b"\n".join(self._data_lines))
        self._reset_event()

    def _reset_event(self) -> None:
        self._data_lines.clear()
        self._event_name = ""
        self._event_bytes = 0

    def _keep(self, rest: bytes) -> None:
        if not rest:
            return
        self._line_parts.append(rest)
        self._line_bytes += len(rest)
        if self._event_bytes + self._line_bytes > self._limit_bytes:
            raise SSELimitExceeded(self._limit_bytes)

    def _take_line_parts(self) -> bytes:
        line = b"".join(self._line_parts)
        self._line_parts.clear()
        self._line_bytes = 0
        return line

    def _check_sizes(self, batch: SSEBatch) -> None:
        if any(len(payload) > self._limit_bytes for payload in batch.payloads):
            raise SSELimitExceeded(self._limit_bytes)
