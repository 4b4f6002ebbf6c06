"""Reading a request's JSON body: bounded in size and in time."""

import asyncio
from typing import Final

from aiohttp import web
from multidict import istr

from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.openai.errors import BridgeReason, Refusal

_CONTENT_TYPE: Final = istr("Content-Type")
_CONTENT_ENCODING: Final = istr("Content-Encoding")


async def read_json_body(request: web.Request, settings: BridgeSettings) -> bytes:
    """The whole body, which is JSON by its head.

    Raises:
        Refusal: it is announced as something else, is too large, or does not come in time.
    """
    bytes_max, seconds_max = settings.body_bytes_max, settings.body_seconds
    _check_head(request)
    announced = request.content_length
    if announced is not None and announced > bytes_max:
        raise _too_large(bytes_max)
    content = request.content
    if content.is_eof():
        return _within(content.read_nowait(), bytes_max)
    try:
        async with asyncio.timeout(seconds_max):
            chunks: list[bytes] = []
            size = 0
            while not content.at_eof():
                chunk = await content.readany()
                size += len(chunk)
                if size > bytes_max:
                    raise _too_large(bytes_max)
                chunks.append(chunk)
    except TimeoutError:
        raise Refusal(
            BridgeReason.BODY_TIMEOUT,
            f"The request's body did not arrive within {seconds_max:g} seconds.",
        ) from None
    except web.RequestPayloadError:
        raise Refusal(
            BridgeReason.MALFORMED_HTTP, "The request's body breaks the rules of HTTP."
        ) from None
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
