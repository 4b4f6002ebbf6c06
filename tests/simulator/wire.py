"""Raw HTTP to a simulator: bytes as they are, without a client library's kindness."""

from __future__ import annotations

import io
from typing import Any

import aiohttp
import msgspec

KEY = "sk-simulator-0123456789abcdef"

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Current weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "unit": {"enum": ["c", "f"]}},
            "required": ["city"],
        },
    },
}


PNG: Any = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJg"
    "gg=="
)
"""A picture of one pixel, in base64."""


def user(text: str) -> Any:
    return [{"role": "user", "content": text}]


CONNECTION_BROKE = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionResetError)


class Answered(msgspec.Struct):
    """An answer read to its end."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return msgspec.json.decode(self.raw)

    @property
    def frames(self) -> list[bytes]:
        """The payloads of a stream, checking its framing."""
        *events, rest = self.raw.split(b"\n\n")
        assert rest == b""
        assert all(event.startswith(b"data: ") and b"\n" not in event for event in events)
        return [event.removeprefix(b"data: ") for event in events]

    @property
    def events(self) -> list[tuple[str, Any]]:
        """The named events of a stream, checking that name and type agree."""
        *events, rest = self.raw.split(b"\n\n")
        assert rest == b""
        found = []
        for event in events:
            name, data = event.split(b"\n")
            value = msgspec.json.decode(data.removeprefix(b"data: "))
            assert name == b"event: " + value["type"].encode()
            found.append((value["type"], value))
        return found

    @property
    def responses(self) -> list[Any]:
        """The chunks of Google's streams: neither names nor an end marker."""
        *events, rest = self.raw.split(b"\r\n\r\n")
        assert rest == b""
        return [msgspec.json.decode(event.removeprefix(b"data: ")) for event in events]

    @property
    def chunks(self) -> list[Any]:
        """The JSON chunks of a stream that ends with [DONE]."""
        *chunks, done = self.frames
        assert done == b"[DONE]"
        return [msgspec.json.decode(chunk) for chunk in chunks]


class Caller:
    """Posts chats to one provider's base URL."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self._base_url = base_url

    async def chat(self, *, key: str = KEY, **body: Any) -> Answered:
        raw = io.BytesIO(msgspec.json.encode(body))
        headers = {"content-type": "application/json"}
        return await self.send("POST", "/chat/completions", key=key, data=raw, headers=headers)

    async def send(self, method: str, path: str, *, key: str = KEY, **kwargs: Any) -> Answered:
        headers = kwargs.pop("headers", {})
        if key:
            headers = {"Authorization": f"Bearer {key}", **headers}
        request = self._session.request(method, self._base_url + path, headers=headers, **kwargs)
        async with request as response:
            raw = await response.read()
            lowered = {name.lower(): value for name, value in response.headers.items()}
            return Answered(response.status, lowered, raw)

    def open(self, **body: Any) -> Any:
        """Begin a chat and leave the reading to the caller."""
        return self._session.post(
            f"{self._base_url}/chat/completions",
            json=body,
            headers={"Authorization": f"Bearer {KEY}"},
        )


class AnthropicCaller(Caller):
    """Posts messages to Anthropic's base URL."""

    version = "2023-06-01"

    async def chat(self, *, key: str = KEY, **body: Any) -> Answered:
        return await self.post("/v1/messages", key=key, **body)

    async def post(self, path: str, *, key: str = KEY, version: str = "", **body: Any) -> Answered:
        headers = {"x-api-key": key, "anthropic-version": version or self.version}
        raw = io.BytesIO(msgspec.json.encode(body))
        headers["content-type"] = "application/json"
        return await self.send("POST", path, key="", data=raw, headers=headers)

    def open(self, **body: Any) -> Any:
        headers = {"x-api-key": KEY, "anthropic-version": self.version}
        return self._session.post(f"{self._base_url}/v1/messages", json=body, headers=headers)


class GeminiCaller(Caller):
    """Generates content at Google's base URL."""

    async def chat(self, *, key: str = KEY, **body: Any) -> Answered:
        model, stream = body.pop("model"), body.pop("stream", False)
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return await self.post(f"/v1beta/models/{model}:{method}", key=key, **body)

    async def post(self, path: str, *, key: str = KEY, **body: Any) -> Answered:
        headers = {"x-goog-api-key": key, "content-type": "application/json"}
        raw = io.BytesIO(msgspec.json.encode(body))
        return await self.send("POST", path, key="", data=raw, headers=headers)

    def open(self, **body: Any) -> Any:
        model, stream = body.pop("model"), body.pop("stream", False)
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        url = f"{self._base_url}/v1beta/models/{model}:{method}"
        return self._session.post(url, json=body, headers={"x-goog-api-key": KEY})


async def read_until_broken(opened: Any) -> tuple[bytes, bool]:
    """Read an answer; tell what came and whether the connection broke before a clean end."""
    received = b""
    async with opened as response:
        try:
            async for data in response.content.iter_any():
                received += data
        except (aiohttp.ClientPayloadError, *CONNECTION_BROKE):
            return received, True
    return received, False
