"""What bytes are, by their first few; and data URLs. Pure.

A name or a declared type is a claim, and what goes to a provider is labelled by what it is.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

SNIFFED_BYTES: Final = 32
"""How much of a file's start ``sniff_image`` looks at."""

PDF: Final = "application/pdf"

_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"})
_HEIF_BRANDS: Final = frozenset({b"mif1", b"msf1"})
_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)
_DATA_URL: Final = re.compile(r"data:([\w.+/-]*)(?:;[\w.+=-]*)*?;base64,", re.IGNORECASE | re.ASCII)


class MediaRefused(Exception):
    """Media in a request that can't be used. ``reason`` is fit to be shown to the client.

    It is a sentence about "the image", "the address" and so on, and repeats nothing of either.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class InlineMedia:
    """Media that travels inside a request: its type, and its bytes in standard base64."""

    mime_type: str
    base64_text: str


def is_data_url(url: str) -> bool:
    """Whether an image is in the request itself."""
    return url[:5].lower() == "data:"


def sniff_image(start: bytes) -> str | None:
    """Return the media type of a PNG, JPEG, GIF, WebP or HEIF image by its first bytes."""
    for signature, mime_type in _SIGNATURES:
        if start.startswith(signature):
            return mime_type
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return "image/webp"
    if start[4:8] == b"ftyp":
        brand = start[8:12]
        if brand in _HEIC_BRANDS:
            return "image/heic"
        return "image/heif" if brand in _HEIF_BRANDS else None
    return None


def is_pdf(start: bytes) -> bool:
    """Whether a file is a PDF; a little may stand before the mark."""
    return b"%PDF-" in start


def inline_image(data: bytes) -> InlineMedia:
    """Label the bytes of an image.

    Raises:
        MediaRefused: they are none that we know.
    """
    mime_type = sniff_image(data[:SNIFFED_BYTES])
    if mime_type is None:
        raise MediaRefused("The image is none that we know by its content.")
    return InlineMedia(mime_type, base64.b64encode(data).decode("ascii"))


def read_image_data_url(url: str) -> InlineMedia:
    """Read the data URL of an image; the type is the one that the content has.

    Raises:
        MediaRefused: it is no base64 data URL, or no image that we know.
    """
    text, start = _read(url, must_be_url=True)
    mime_type = sniff_image(start)
    if mime_type is None:
        raise MediaRefused("The image is none that we know by its content.")
    return InlineMedia(mime_type, text)


def read_pdf(data: str) -> InlineMedia:
    """Read a document that is a data URL, or base64 alone.

    Raises:
        MediaRefused: it is not base64, or no PDF.
    """
    text, start = _read(data, must_be_url=False)
    if not is_pdf(start):
        raise MediaRefused("The file is not a PDF.")
    return InlineMedia(PDF, text)


def _read(data: str, *, must_be_url: bool) -> tuple[str, bytes]:
    """Return the base64 text and the start of what it stands for."""
    text = data
    if must_be_url or is_data_url(data):
        head = _DATA_URL.match(data)
        if head is None:
            raise MediaRefused("A data URL must have a media type and be in base64.")
        text = data[head.end() :]
    try:
        decoded = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise MediaRefused("The content is not valid base64.") from None
    if not decoded:
        raise MediaRefused("The content is empty.")
    return text, decoded[: 32 * SNIFFED_BYTES]
