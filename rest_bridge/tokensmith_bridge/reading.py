"""Reading a request's JSON body: bounded in size, in time, and in what the process holds."""

import asyncio
from typing import Final

from aiohttp import StreamReader, web
from multidict import istr

from tokensmith_bridge.backend import Backend
from tokensmith_bridge.call import Metadata
from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.large_bodies import LARGE_BYTES, LargeBodies
from tokensmith_bridge.openai.errors import BridgeReason, Refusal

_CONTENT_TYPE: Final = istr("Content-Type")
_CONTENT_ENCODING: Final = istr("Content-Encoding")

# Room for a body of unknown size is made in such steps.
_STEP_BYTES: Final = 1024 * 1024


class BodyReader:
    """Reads the bodies of one process."""

    def __init__(self, backend: Backend, settings: BridgeSettings) -> None:
        self._large = LargeBodies(backend, settings)
        self._bytes_max = settings.body_bytes_max
        self._seconds_max = settings.body_seconds

    async def read_json(self, request: web.Request, metadata: Metadata) -> bytes:
        """The whole body, which is JSON by its head.

        Raises:
            Refusal: it is announced as something else, is too large, does not come in time, or is
                large and there is no room, or no key, for it.
        """
        _check_head(request)
        announced = request.content_length
        if announced is not None and announced > self._bytes_max:
            raise _too_large(self._bytes_max)
        content = request.content
        if content.is_eof():
            return _within(content.read_nowait(), self._bytes_max)
        held = 0
        if announced is not None and announced > LARGE_BYTES:
            await self._large.admit(metadata)
            self._large.hold(announced)
            held = announced
        try:
            async with asyncio.timeout(self._seconds_max):
                return await self._gather(content, metadata, held)
        except TimeoutError:
            raise Refusal(
                BridgeReason.BODY_TIMEOUT,
                f"The request's body did not arrive within {self._seconds_max:g} seconds.",
            ) from None
        except web.RequestPayloadError:
            raise Refusal(
                BridgeReason.MALFORMED_HTTP, "The request's body breaks the rules of HTTP."
            ) from None

    async def _gather(self, content: StreamReader, metadata: Metadata, held: int) -> bytes:
        """The chunks to the end. Room for a body that announces no size is made step by step."""
        chunks: list[bytes] = []
        size = 0
        while not content.at_eof():
            chunk = await content.readany()
            size += len(chunk)
            if size > self._bytes_max:
                raise _too_large(self._bytes_max)
            if size > LARGE_BYTES and size > held:
                if not held:
                    await self._large.admit(metadata)
                step = max(size - held, _STEP_BYTES)
                self._large.hold(step)
                held += step
            chunks.append(chunk)
        return b"".join(chunks)


def _check_head(request: web.Request) -> None:
    encoding = request.headers.get(_CONTENT_ENCODING)
    if encoding is not None and encoding.lower() != "identity":
        raise Refusal(
            BridgeReason.UNSUPPORTED_MEDIA_TYPE,
            "Compressed bodies are not taken. Send it without 'Content-Encoding'.",
        )
    kind = request.headers.get(_CONTENT_TYPE)
    if not kind or kind == "application/json":
        return
    media_type = kind.partition(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise Refusal(
            BridgeReason.UNSUPPORTED_MEDIA_TYPE,
            f"The body must be JSON, sent as 'Content-Type: application/json', "
            f"but is announced as '{media_type[:100]}'.",
        )


def _within(body: bytes, bytes_max: int) -> bytes:
    if len(body) > bytes_max:
        raise _too_large(bytes_max)
    return body


def _too_large(bytes_max: int) -> Refusal:
    return Refusal(
        "PAYLOAD_TOO_LARGE",
        f"The request's body is larger than {bytes_max} bytes, which is the most that is taken.",
        facts={"limit_bytes": str(bytes_max)},
    )
