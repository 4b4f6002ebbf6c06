"""Signatures of thinking: issued with each block, and verified when the block comes back.

A signature seals the text that was shown and its subject (the model that thought, the call that
was thought of), so that a changed text, an invented signature and a signature in the wrong place
are told from an unmodified one.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from typing import Literal

_SECRET = b"tokensmith-simulator-thinking"
_SIZE = 16

Verdict = Literal["genuine", "modified", "invalid"]


def sign(subject: str, text: str, salt: str) -> str:
    """Return the signature of a block; the same salt gives the same signature."""
    salted = _digest(b"salt", salt.encode())
    shown = _digest(b"text", text.encode())
    return base64.b64encode(salted + shown + _seal(subject, salted, shown)).decode()


def verify(subject: str, text: str, signature: str) -> Verdict:
    """Tell a block as it was issued from one whose text was changed, or that never was ours."""
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return "invalid"
    salted, shown, seal = raw[:_SIZE], raw[_SIZE : 2 * _SIZE], raw[2 * _SIZE :]
    if not hmac.compare_digest(seal, _seal(subject, salted, shown)):
        return "invalid"
    return "genuine" if shown == _digest(b"text", text.encode()) else "modified"


def _seal(subject: str, salted: bytes, shown: bytes) -> bytes:
    return _digest(_SECRET, subject.encode() + b"\x1f" + salted + shown)


def _digest(key: bytes, data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=_SIZE, key=key).digest()
