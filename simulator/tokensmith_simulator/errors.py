"""The one way in which the simulated providers refuse a request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class RefusalError(Exception):
    """A request that the provider answers with an error status.

    Most fields are OpenAI's error object; each provider renders them in its own shape.

    Attributes:
        status: HTTP status code.
        message: Text for a person.
        kind: `type` of OpenAI's and Anthropic's error objects, `status` of Gemini's.
        param: The offending field, for example `messages[0].role`.
        code: Machine-readable reason.
        headers: Further response headers, such as `retry-after`.
        details: Further objects of an error body, at the vendors that have them.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
        details: Sequence[Mapping[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.kind = kind
        self.param = param
        self.code = code
        self.headers = dict(headers or {})
        self.details = details
