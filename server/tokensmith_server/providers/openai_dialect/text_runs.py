"""Runs of frames that differ in nothing but one text, read without decoding each of them. Pure.

Most hosts send a stream's text in frames that are equal byte for byte but for one JSON string. What
stands before and after that string, its *halves*, is learnt from one frame. From then on a run of
frames is cut down to those strings, and the strings are decoded together as a single one.

That this reads exactly what decoding each frame would is proved in two steps.

*The halves hold the text and nothing else.* They are believed once two probes, put between them,
were read as themselves by the dialect's own decoder. The text that was read thus depends on what is
between the halves, so the place is within the string token of the text; and since each text was the
probe to the letter, no character of that token is in either half. Every body of a JSON string may
stand there, and the frame then differs in that one value.

*A run is its bodies between the halves, and the bodies are decoded as each would be.* A frame is
cut by the lengths of the halves alone; joined to them again the bodies must give the frames' own
bytes. (A frame shorter than its halves makes that longer than the frames are, so equality means
that all lengths agree, and then all bytes.) The bodies are joined by DEL, which JSON lets stand in
a string as it is. After a body that ends within an escape, a surrogate pair or a UTF-8 sequence,
DEL is an error. So where decoding succeeds, each body ended where a character ended, and cutting
the text at DEL undoes the joining unless a body has a DEL of its own, which the number of parts
gives away. Whatever is odd gives ``None``: it is for the dialect to decode, accept or refuse.
"""

import re
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Final

import msgspec

_SEPARATOR: Final = "\x7f"
_ENCODED_SEPARATOR: Final = b"\x7f"
_PROBES: Final = ("probe", "other")
RUN_MIN: Final = 8
"""Fewer frames are decoded about as fast as they are compared."""
# How often halves are learnt in vain before that is given up: some hosts pad each frame anew.
_LESSONS: Final = 3

_decode_text: Final = msgspec.json.Decoder(str).decode

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not what they should be."""


def text_place(key: str) -> re.Pattern[bytes]:
    """Where a frame has a member of that name whose value is a string; group 1 is its body."""
    return re.compile(rb'"%b"\s*+:\s*+"([^"\\]*+(?:\\.[^"\\]*+)*+)"' % key.encode(), re.DOTALL)


class _Halves:
    """What stands before and after the text in frames that are otherwise equal."""

    __slots__ = ("_after", "_before", "_between", "_cut")

    def __init__(self, before: bytes, after: bytes) -> None:
        self._before = before
        self._after = after
        self._between = after + before
        self._cut = itemgetter(slice(len(before), -len(after)))

    def fit(self, frame: bytes) -> bool:
        """Whether a frame looks like one of these; only ``texts`` is sure."""
        return frame.startswith(self._before) and frame.endswith(self._after)

    def around(self, body: bytes) -> bytes:
        """The frame that has this between the halves."""
        return self._before + body + self._after

    def texts(self, frames: Sequence[bytes]) -> list[str] | None:
        """The text of each frame; ``None`` if they are not all of this kind."""
        bodies = list(map(self._cut, frames))
        if self.around(self._between.join(bodies)) != b"".join(frames):
            return None
        try:
            joined = _decode_text(b'"%b"' % _ENCODED_SEPARATOR.join(bodies))
        except UNREADABLE:
            return None
        texts = joined.split(_SEPARATOR)
        return texts if len(texts) == len(frames) else None


class TextRuns:
    """What is known of the frames of one stream. Make one per stream.

    ``place`` is where a frame should have its text (``text_place``). ``read`` decodes one frame and
    returns its text if the frame is nothing but text; it raises one of ``UNREADABLE`` otherwise.
    """

    __slots__ = ("_halves", "_lessons", "_place", "_read")

    def __init__(self, place: re.Pattern[bytes], read: Callable[[bytes], str]) -> None:
        self._place = place
        self._read = read
        self._halves: _Halves | None = None
        self._lessons = _LESSONS

    def texts_of(self, frames: Sequence[bytes]) -> list[str] | None:
        """The text of each frame; ``None`` if they have to be decoded to know. One at least."""
        halves = self._halves
        if halves is None or not halves.fit(frames[-1]):
            halves = self._learn(frames)
        texts = None if halves is None else halves.texts(frames)
        if texts is not None:
            self._lessons = _LESSONS
        return texts

    def _learn(self, frames: Sequence[bytes]) -> _Halves | None:
        """Learn the halves anew, from the first frame, if the last one is like it."""
        self._halves = None
        if not self._lessons:
            return None
        self._lessons -= 1
        place = self._place.search(frames[0])
        if place is None:
            return None
        halves = _Halves(frames[0][: place.start(1)], frames[0][place.end(1) :])
        if halves.fit(frames[-1]) and self._are_proved(halves):
            self._halves = halves
        return self._halves

    def _are_proved(self, halves: _Halves) -> bool:
        try:
            return all(self._read(halves.around(probe.encode())) == probe for probe in _PROBES)
        except UNREADABLE:
            return False
