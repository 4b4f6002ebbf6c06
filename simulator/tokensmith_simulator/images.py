"""What the first bytes of a picture or a document tell: its type, and a picture's size."""

from __future__ import annotations

from typing import Final

_MAGIC: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
)


def sniff_type(data: bytes) -> str | None:
    """Return the MIME type that a file's beginning shows, if it is a known one."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in _MAGIC if data.startswith(magic)), None)


def png_size(data: bytes) -> tuple[int, int] | None:
    """Return a PNG's width and height; None for anything else."""
    if sniff_type(data) != "image/png" or len(data) < 24:
        return None
    return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
