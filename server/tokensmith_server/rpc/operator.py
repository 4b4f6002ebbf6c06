"""Knows the operator from everybody else, by a token that is no API key."""

import hmac
from typing import Final

from tokensmith_server.errors import InvalidAPIKey

_SCHEME: Final = "bearer "


class OperatorGate:
    """Lets the operator in. Without a token it lets nobody in."""

    def __init__(self, token: str | None) -> None:
        self._token = (token or "").encode()

    def check(self, authorization: str | None) -> None:
        """Compare what a call brings, in a time that says nothing about how near it came.

        Raises:
            InvalidAPIKey: it is not ``Bearer`` and the operator's token.
        """
        given = authorization or ""
        if given[: len(_SCHEME)].lower() != _SCHEME or not self._token:
            raise InvalidAPIKey("This is for the operator, whose token was not sent.")
        if not hmac.compare_digest(given[len(_SCHEME) :].strip().encode(), self._token):
            raise InvalidAPIKey("This is not the operator's token.")
