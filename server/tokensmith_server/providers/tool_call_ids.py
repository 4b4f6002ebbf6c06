"""Carries a provider's thought signature inside the id of a tool call, and gets it out again. Pure.

Gemini signs its tool calls and refuses an earlier call that comes back without its signature.
OpenAI's wire format has no place for one, but every client sends a call's id back unchanged, since
that is how results find their calls. So the id carries it, and nothing has to be stored: it works
across processes, restarts and months, and with clients that have never heard of it.

The form is ``<id>__ts_<crc32><signature>``: 8 hexadecimal digits and unpadded base64url, so that
the whole is letters, digits, ``-`` and ``_``, which every client and provider takes in an id. The
checksum tells a cut or changed signature from a whole one; such a one counts as none. What is
longer than ``SIGNATURE_BYTES_MAX`` is not carried.

Providers other than the one that signed get the plain id.
"""

import base64
import binascii
import re
import zlib
from typing import Final

SIGNATURE_BYTES_MAX: Final = 12 * 1024
"""The largest signature that is carried; the id is then about 16 KiB long."""

_MARK: Final = "__ts_"
_CHECKSUM_DIGITS: Final = 8
_PLAIN_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


def with_signature(call_id: str, signature: str | None) -> str:
    """Return an id that carries a signature in base64; the same id if it can't be carried."""
    if not signature or _PLAIN_ID.fullmatch(call_id) is None:
        return call_id
    if plain_id(call_id + _MARK) != call_id:
        return call_id  # It has the mark in it, or ends with its beginning.
    raw = _decoded(signature)
    if raw is None or not 0 < len(raw) <= SIGNATURE_BYTES_MAX:
        return call_id
    carried = base64.urlsafe_b64encode(raw).decode("ascii").rstrip("=")
    return f"{call_id}{_MARK}{zlib.crc32(raw):08x}{carried}"


def plain_id(call_id: str) -> str:
    """Return the id without what it carries."""
    return call_id.partition(_MARK)[0] or call_id


def signature_of(call_id: str) -> str | None:
    """Return the signature that an id carries, in standard base64; ``None`` for none or a part."""
    carried = call_id.partition(_MARK)[2]
    checksum, payload = carried[:_CHECKSUM_DIGITS], carried[_CHECKSUM_DIGITS:]
    raw = _decoded(payload)
    if not raw or f"{zlib.crc32(raw):08x}" != checksum:
        return None
    return base64.b64encode(raw).decode("ascii")


def _decoded(text: str) -> bytes | None:
    """Decode base64 in either alphabet, padded or not."""
    standard = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return binascii.a2b_base64(standard + "=" * (-len(standard) % 4), strict_mode=True)
    except ValueError:
        return None
