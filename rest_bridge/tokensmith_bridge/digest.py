"""What tells a repeat from another request: a hash over what the client sent.

Two requests may come to the same chat and still be two: of another endpoint, with other metadata,
or one of them not to be kept. So the server is told what the client asked, as a hash.
"""

import hashlib
from typing import Any, Final

import msgspec
from aiohttp import web

from tokensmith_bridge.call import may_be_repeated

# How the answer travels makes no other request of it.
_TRAVEL: Final = ("stream", "stream_options")

_decoder: Final = msgspec.json.Decoder(dict[str, Any])
_encoder: Final = msgspec.json.Encoder(order="sorted")


def request_digest(request: web.Request, body: bytes) -> bytes:
    """SHA-256 over the endpoint and the body but for its streaming; empty where nobody asks for it.

    How the body, which was found good before, is spaced and ordered does not matter, unless there
    are numbers in it that no computer has.
    """
    if not may_be_repeated(request.headers):
        return b""
    try:
        fields = _decoder.decode(body)
        for name in _TRAVEL:
            fields.pop(name, None)
        told = _encoder.encode(fields)
    except (msgspec.MsgspecError, RecursionError):
        told = body
    return hashlib.sha256(b"%s\n%s" % (request.path.encode(), told)).digest()
