"""Files in Gemini's parts: what is taken, and how many tokens it is."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.images import sniff_type
from tokensmith_simulator.tokens import PromptCount, count_tokens

Part = Mapping[str, Any]

_IMAGES: Final = frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"})
_OTHERS: Final = ("audio/", "video/", "text/")
_MEDIA_BYTES_PER_TOKEN: Final = 100
_PDF_BYTES_PER_TOKEN: Final = 8
_IMAGE_TOKENS: Final = {
    "MEDIA_RESOLUTION_LOW": 280,
    "MEDIA_RESOLUTION_MEDIUM": 560,
    "MEDIA_RESOLUTION_HIGH": 1120,
}
_IMAGE_USUAL_TOKENS: Final = 1120


def check_files(contents: Sequence[Mapping[str, Any]]) -> None:
    """Check every file of a conversation.

    Raises:
        RefusalError: Its type is not supported, it is not what it says, or it is out of reach.
    """
    for content in contents:
        for part in content.get("parts") or ():
            if "inlineData" in part:
                _check_blob(part["inlineData"])
            if "fileData" in part:
                _check_uri(part["fileData"])


def _check_type(kind: str) -> None:
    if kind not in _IMAGES and kind != "application/pdf" and not kind.startswith(_OTHERS):
        raise RefusalError(f"Unsupported MIME type: {kind}")


def _check_blob(blob: Part) -> None:
    kind = blob.get("mimeType", "")
    _check_type(kind)
    raw = base64.b64decode(blob.get("data", ""))
    if not raw:
        raise RefusalError("Unable to process input: inline_data.data is empty.")
    recognised = {"image/png", "image/jpeg", "image/webp", "application/pdf"}
    if kind in recognised and sniff_type(raw) != kind:
        noun = "image. Please retry or report in" if kind in _IMAGES else "document. See"
        raise RefusalError(
            f"Unable to process input {noun} "
            "https://developers.generativeai.google/guide/troubleshooting"
        )


def _check_uri(file: Part) -> None:
    uri = file.get("fileUri", "")
    if "mimeType" in file:
        _check_type(file["mimeType"])
    if "/v1beta/files/" in uri:
        name = uri.rpartition("/")[2]
        raise RefusalError(
            f"You do not have permission to access the File {name} or it may not exist.",
            status=403,
        )
    if not uri.startswith("https://"):
        raise RefusalError(f"Unsupported file uri: {uri}")


def count_file(part: Part, resolution: str | None) -> PromptCount:
    """Count a file: a picture by the resolution asked for, all else by its size."""
    if "fileData" in part:
        kind, raw = part["fileData"].get("mimeType", "image/png"), b""
    else:
        kind, raw = part["inlineData"]["mimeType"], base64.b64decode(part["inlineData"]["data"])
    if kind in _IMAGES:
        return PromptCount(0, _IMAGE_TOKENS.get(resolution or "", _IMAGE_USUAL_TOKENS))
    if kind.startswith("text/"):
        return PromptCount(count_tokens(raw.decode("utf-8", "replace")), 0)
    size = _PDF_BYTES_PER_TOKEN if kind == "application/pdf" else _MEDIA_BYTES_PER_TOKEN
    return PromptCount(len(raw) // size, 0)
