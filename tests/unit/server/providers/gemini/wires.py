"""Bytes as Gemini sends them, for the tests of its converters."""

from typing import Any

import msgspec

USAGE: dict[str, Any] = {
    "promptTokenCount": 9,
    "candidatesTokenCount": 12,
    "totalTokenCount": 51,
    "thoughtsTokenCount": 30,
    "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 9}],
}
IDS = {"modelVersion": "gemini-3-flash-preview", "responseId": "resp-1"}
SIGNATURE = "EsMCCsACAXLI2nx/+w=="


def candidate(*parts: dict[str, Any], finish: str | None = None, **fields: Any) -> dict[str, Any]:
    content = {"parts": list(parts), "role": "model"} if parts else {"role": "model"}
    ending = {"finishReason": finish} if finish else {}
    return {"content": content, **ending, "index": 0, **fields}


def answer(*candidates: dict[str, Any], usage: Any = USAGE, **top: Any) -> bytes:
    metadata = {} if usage is None else {"usageMetadata": usage}
    return msgspec.json.encode({"candidates": list(candidates), **metadata, **IDS, **top})


def text(said: str, **fields: Any) -> dict[str, Any]:
    return {"text": said, **fields}


def thought(said: str) -> dict[str, Any]:
    return {"text": said, "thought": True}


def call(name: str = "look_up", args: Any = None, **fields: Any) -> dict[str, Any]:
    body = {"name": name} | ({} if args is None else {"args": args}) | fields
    signature = body.pop("signature", None)
    return {"functionCall": body} | ({"thoughtSignature": signature} if signature else {})


def counted_usage(output: int) -> dict[str, int]:
    return {
        "promptTokenCount": 9,
        "candidatesTokenCount": output,
        "totalTokenCount": 9 + output,
    }
