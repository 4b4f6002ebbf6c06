"""Pictures and documents in Anthropic's blocks: what is taken, and how many tokens it is."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from tokensmith_simulator.anthropic.checks import refuse
from tokensmith_simulator.anthropic.conversation import blocks_of
from tokensmith_simulator.anthropic.models import ClaudeRules
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.images import png_size, sniff_type
from tokensmith_simulator.tokens import count_tokens

Block = Mapping[str, Any]

_IMAGE_LIMIT_BYTES: Final = 10 * 1024 * 1024
_PIXELS_PER_TOKEN: Final = 750
_UNKNOWN_SIZE: Final = (1024, 1024)  # Nothing is fetched to find out.
_PDF_BYTES_PER_TOKEN: Final = 8


def check_media(messages: Sequence[Block], rules: ClaudeRules) -> None:
    """Check every picture and document of a conversation.

    Raises:
        RefusalError: One is not what it says, too large or out of reach, or there are too many.
    """
    images = 0
    for path, block in _media(messages):
        images += block["type"] == "image"
        source = block["source"]
        where = f"{path}.{block['type']}.source"
        if source["type"] == "base64":
            _check_data(source, f"{where}.base64", picture=block["type"] == "image")
        elif source["type"] == "url" and not source["url"].startswith("https://"):
            refuse(f"{where}.url.url", "Only HTTPS URLs are supported.")
        elif source["type"] == "file":
            raise RefusalError(f"File not found: {source['file_id']}", status=404)
    if images > rules.image_limit:
        refuse("messages", f"too many images: {images} > {rules.image_limit}")


def _media(messages: Sequence[Block]) -> Iterator[tuple[str, Block]]:
    for index, message in enumerate(messages):
        for at, block in enumerate(blocks_of(message["content"])):
            path = f"messages.{index}.content.{at}"
            if block["type"] in {"image", "document"}:
                yield path, block
            elif block["type"] == "tool_result":
                for inside, inner in enumerate(blocks_of(block.get("content"))):
                    if inner["type"] in {"image", "document"}:
                        yield f"{path}.tool_result.content.{inside}", inner


def _check_data(source: Block, where: str, *, picture: bool) -> None:
    try:
        data = base64.b64decode(source["data"], validate=True)
    except (binascii.Error, ValueError):
        refuse(f"{where}.data", "Invalid base64 data")
    if picture and len(source["data"]) > _IMAGE_LIMIT_BYTES:
        size = len(source["data"])
        refuse(where, f"image exceeds 10 MB maximum: {size} bytes > {_IMAGE_LIMIT_BYTES} bytes")
    found = sniff_type(data)
    if found is None:
        raise RefusalError("Could not process image" if picture else "The PDF is not valid.")
    if found != source["media_type"]:
        refuse(
            f"{where}.data",
            f"The file was specified using the {source['media_type']} media type, but it appears "
            f"to be a {found} file",
        )


def count_image(block: Block, rules: ClaudeRules) -> int:
    """Count a picture by its pixels, up to the size that the model scales it to."""
    source = block["source"]
    size = None
    if source["type"] == "base64":
        size = png_size(base64.b64decode(source["data"][:44]))
    width, height = size or _UNKNOWN_SIZE
    return min(rules.image_token_limit, max(1, width * height // _PIXELS_PER_TOKEN))


def count_document(block: Block) -> int:
    """Count a document: its text where it is one, else by its size."""
    source = block["source"]
    words = count_tokens(block.get("title") or "") + count_tokens(block.get("context") or "")
    if source["type"] == "text":
        return words + count_tokens(source["data"])
    if source["type"] == "content":
        inner = blocks_of(source["content"])
        return words + sum(count_tokens(part.get("text") or "") for part in inner)
    size = len(source.get("data") or "") * 3 // 4
    return words + size // _PDF_BYTES_PER_TOKEN
