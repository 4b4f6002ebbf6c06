"""Makes a provider's text fit to be shown: no keys, no addresses, no account names. Pure.

Providers echo credentials ("Incorrect API key provided: sk-ab***yz") and name the operator's team
or organisation. What passes here is still untrusted text, only without those.
"""

import re
from collections.abc import Iterable
from typing import Final

from tokensmith_server.ids import may_be_name

SHOWN_CHARACTERS: Final = 400
_REVEALING_CHARACTERS: Final = 8
_MASK: Final = "[redacted]"

_PATTERNS: Final = re.compile(
    r"""
    \bbearer\s+\S+
    | \b(?:sk|pk|rk|xai|tgp|gsk|key|org|proj|team|acct)[-_][\w*.-]{4,}
    | \bAIza[\w-]{4,}
    | \b[\w.+-]+@[\w-]+\.\w+
    | \bhttps?://\S+
    | \b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b
    | \b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b
    | \S*\*{3,}\S*
    """,
    re.IGNORECASE | re.VERBOSE,
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_SLUG: Final = re.compile(r"[A-Za-z][\w.:-]{0,63}")
_PARAM: Final = re.compile(r"[A-Za-z_][\w.\[\]-]{0,127}")
_REQUEST_ID: Final = re.compile(r"[\w.:/+=-]{1,128}")


class Redactor:
    """Removes known secrets, whole or in part, and whatever looks like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(secret for secret in secrets if secret)

    def __call__(self, text: str) -> str:
        """Return the text on one line, at most 400 characters long, without what reveals."""
        shown = _CONTROL.sub(" ", text[: 4 * SHOWN_CHARACTERS])
        for secret in self._secrets:
            shown = _without_pieces(shown, secret)
        shown = _PATTERNS.sub(_MASK, shown).strip()
        if len(shown) > SHOWN_CHARACTERS:
            shown = shown[: SHOWN_CHARACTERS - 1] + "…"
        return shown

    def code_or_none(self, value: object) -> str | None:
        """Return an error code if it is a plain word that reveals nothing, else ``None``."""
        return self._harmless(slug_or_none(value))

    def param_or_none(self, value: object) -> str | None:
        """Return a field path if it looks like one and reveals nothing, else ``None``."""
        return self._harmless(param_or_none(value))

    def _harmless(self, word: str | None) -> str | None:
        return word if word is not None and self(word) == word else None


REDACT_PATTERNS: Final = Redactor()
"""Removes what looks like a secret, for those who know none."""


def _without_pieces(text: str, secret: str) -> str:
    size = min(_REVEALING_CHARACTERS, len(secret))
    kept: list[str] = []
    start = 0
    while start < len(text):
        end = start
        while end + size <= len(text) and text[end : end + size] in secret:
            end += 1
        if end > start:
            start = end + size - 1
            kept.append(_MASK)
        else:
            kept.append(text[start])
            start += 1
    return "".join(kept)


def slug_or_none(value: object) -> str | None:
    """Return an upstream error code if it is a plain word, else ``None``."""
    return value if isinstance(value, str) and _SLUG.fullmatch(value) else None


def param_or_none(value: object) -> str | None:
    """Return an upstream field path if it looks like one, else ``None``."""
    return value if isinstance(value, str) and _PARAM.fullmatch(value) else None


def request_id_or_none(value: str | None) -> str | None:
    """Return an upstream request id if it is safe to log and show, else ``None``."""
    return value if value is not None and _REQUEST_ID.fullmatch(value) else None


def model_or_none(value: str | None) -> str | None:
    """Return the model that an upstream says it served if that is safe to keep, else ``None``."""
    return value if value is not None and may_be_name(value) else None
