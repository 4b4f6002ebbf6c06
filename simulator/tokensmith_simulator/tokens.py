"""The simulator's token counter.

A token is three characters and up to three further lower-case letters (`Hel` + `lo`, ` wo` +
`rld`); a character of three or more UTF-8 bytes ends a token of at most two characters before it.
Every token but the last of a text therefore covers at least three bytes: `count_tokens(text)` is
at most `bytes / 3 + 1`, so that a hold of bytes ÷ 3 plus a small overhead covers any prompt.
Joining the tokens of a text gives the text back.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import TYPE_CHECKING, Any

import msgspec

from tokensmith_simulator.images import png_size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_WIDE = "\u0800-\U0010ffff"
_TOKEN = re.compile(
    rf"[^{_WIDE}]{{3}}[a-z]{{0,3}}|[^{_WIDE}]{{0,2}}[{_WIDE}]|[^{_WIDE}]{{1,2}}", re.DOTALL
)


class TokenRules(msgspec.Struct, frozen=True, kw_only=True):
    """How one provider counts what is around the text of a prompt."""

    per_request: int
    per_message: int
    per_tool: int
    image_base: int
    image_tile: int
    image_tile_pixels: int
    image_tile_limit: int


def split_tokens(text: str) -> list[str]:
    """Cut a text into its tokens; joined, they are the text."""
    return _TOKEN.findall(text)


def count_tokens(text: str) -> int:
    """Count a text's tokens without keeping them."""
    return sum(1 for _ in _TOKEN.finditer(text))


def count_json_tokens(value: object) -> int:
    """Count the tokens of a value's compact JSON text."""
    return count_tokens(msgspec.json.encode(value).decode())


class PromptCount(msgspec.Struct, frozen=True):
    """Tokens of one prompt, text and images apart."""

    text: int
    image: int

    @property
    def total(self) -> int:
        """All tokens of the prompt."""
        return self.text + self.image


def count_prompt(body: Mapping[str, Any], rules: TokenRules) -> PromptCount:
    """Count a valid chat request as a provider with these rules does."""
    messages: Sequence[Mapping[str, Any]] = body["messages"]
    text = rules.per_request + rules.per_message * len(messages)
    image = 0
    for message in messages:
        counted = _count_message(message, rules)
        text += counted.text
        image += counted.image
    tools = [tool[tool["type"]] for tool in body.get("tools") or ()]
    for tool in [*tools, *(body.get("functions") or ())]:
        text += rules.per_tool + _count_definition(tool, "parameters")
    wanted = (body.get("response_format") or {}).get("json_schema")
    if wanted:
        text += rules.per_tool + _count_definition(wanted, "schema")
    return PromptCount(text, image)


def _count_definition(defined: Mapping[str, Any], schema_field: str) -> int:
    """Count a tool or an answer's format by its words, not by the JSON around them."""
    words = count_tokens(defined["name"]) + count_tokens(defined.get("description") or "")
    schema = defined.get(schema_field)
    return words + (count_json_tokens(schema) if schema else 0)


def _count_message(message: Mapping[str, Any], rules: TokenRules) -> PromptCount:
    text = count_tokens(message.get("name") or "")
    image = 0
    content = message.get("content")
    if isinstance(content, str):
        text += count_tokens(content)
    for part in content if isinstance(content, list) else ():
        if part["type"] == "image_url":
            image += count_image(part["image_url"], rules)
        else:
            text += _count_part(part)
    for field in ("reasoning", "reasoning_content", "refusal"):
        text += count_tokens(message.get(field) or "")
    calls = [call[call["type"]] for call in message.get("tool_calls") or ()]
    if message.get("function_call"):
        calls.append(message["function_call"])
    for call in calls:
        said = call["input"] if "input" in call else call["arguments"]
        text += 2 + count_tokens(call["name"]) + count_tokens(said)
    return PromptCount(text, image)


def _count_part(part: Mapping[str, Any]) -> int:
    if part["type"] in {"text", "refusal"}:
        return count_tokens(part[part["type"]])
    return count_json_tokens(part) // 8  # Files and media: far fewer tokens than base64 letters.


def count_image(image: Mapping[str, Any] | str, rules: TokenRules) -> int:
    """Count an image: a base and one price per tile, `detail: low` being the base alone.

    The size is read from a PNG data URL; anything else counts as 1024 by 1024, since the
    simulator fetches nothing.
    """
    url, detail = (image, "auto") if isinstance(image, str) else (image["url"], image.get("detail"))
    if detail == "low":
        return rules.image_base
    width, height = _png_size(url) or (1024, 1024)
    scale = min(1.0, 2048 / max(width, height, 1))
    columns = max(1, -(-int(width * scale) // rules.image_tile_pixels))
    rows = max(1, -(-int(height * scale) // rules.image_tile_pixels))
    return rules.image_base + rules.image_tile * min(columns * rows, rules.image_tile_limit)


def _png_size(url: str) -> tuple[int, int] | None:
    if not url.startswith("data:image/png;base64,"):
        return None
    try:
        head = base64.b64decode(url[22:54], validate=True)
    except (binascii.Error, ValueError):
        return None
    return png_size(head)
