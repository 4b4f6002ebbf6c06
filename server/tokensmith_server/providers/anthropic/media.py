"""From images and files of a chat to Anthropic's ``image`` and ``document`` blocks. Pure.

Nothing is fetched here: Anthropic fetches https addresses itself. Data is passed on as it came,
and what is in it is Anthropic's to judge, at no charge. Only an image's type is read from its first
bytes, because Anthropic refuses one that is called what it is not, and OpenAI does not.
"""

import base64
import binascii
import re
from typing import Any, Final

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.providers.capabilities import refuse
from tokensmith_server.providers.media_types import SNIFFED_BYTES, sniff_image

Json = dict[str, Any]

_IMAGE_TYPES: Final = {
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/png": "image/png",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
}
_PDF: Final = "application/pdf"
_PLAIN: Final = "text/plain"
_DATA_URL: Final = re.compile(
    r"data:([\w.+-]+/[\w.+-]+)?((?:;[\w-]+=[^;,]*)*)(;base64)?,", re.ASCII | re.IGNORECASE
)
_SNIFFED_CHARACTERS: Final = -(-SNIFFED_BYTES // 3) * 4
_PDF_START: Final = "JVBERi"
"""How "%PDF-" begins in base64."""


def _split(url: str) -> tuple[str, str] | None:
    """Return the media type and the base64 of a data URL; ``None`` for any other text."""
    head = _DATA_URL.match(url)
    if head is None or not head[3]:
        return None
    return (head[1] or _PLAIN).lower(), url[head.end() :]


def image_block(image: chat_pb.ChatImage, where: str) -> Json:
    """Return the block of an image. ``where`` is the part's path, for errors.

    Raises:
        ProviderError: kind INVALID_REQUEST: an image type or an address that Anthropic does not
            take.
    """
    url = image.url
    if not url.startswith("data:"):
        if not url.startswith("https://"):
            refuse(
                "The provider fetches images from https addresses only.",
                f"{where}.image_url.url",
                allowed="https://..., data:image/png;base64,...",
                value=True,
            )
        return {"type": "image", "source": {"type": "url", "url": url}}
    declared, data = _split(url) or ("", "")
    media_type = _type_by_content(data) or declared
    if media_type not in _IMAGE_TYPES or not data:
        refuse(
            "The provider takes images as JPEG, PNG, GIF or WebP in base64.",
            f"{where}.image_url.url",
            allowed="image/jpeg, image/png, image/gif, image/webp",
            value=True,
        )
    source = {"type": "base64", "media_type": _IMAGE_TYPES[media_type], "data": data}
    return {"type": "image", "source": source}


def _type_by_content(data: str) -> str | None:
    """Return the type of an image by its first bytes; ``None`` for none that we know."""
    try:
        start = base64.b64decode(data[:_SNIFFED_CHARACTERS])
    except ValueError:
        return None
    return sniff_image(start)


def file_block(file: chat_pb.ChatFile, where: str) -> Json:
    """Return the block of a file: a PDF, or plain text.

    Raises:
        ProviderError: kind INVALID_REQUEST: another kind of file, or only a file's id.
    """
    if file.file_id:
        refuse(
            "A `file_id` can't be used in a chat; send the file itself.",
            f"{where}.file.file_id",
            allowed="file_data",
        )
    given = file.file_data
    media_type, data = _split(given) or (_PDF if given.startswith(_PDF_START) else "", given)
    if media_type == _PDF and data:
        source = {"type": "base64", "media_type": _PDF, "data": data}
    else:
        text = _plain_text(data) if media_type == _PLAIN else None
        if not text:
            refuse(
                "The provider takes files that are PDF or plain text, in base64.",
                f"{where}.file.file_data",
                allowed="application/pdf, text/plain",
                value=True,
            )
        source = {"type": "text", "media_type": _PLAIN, "data": text}
    titled = {"title": file.filename} if file.filename else {}
    return {"type": "document", "source": source, **titled}


def _plain_text(data: str) -> str | None:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
