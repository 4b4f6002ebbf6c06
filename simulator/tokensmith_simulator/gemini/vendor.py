"""Google as a vendor: its keys, errors and list of models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tokensmith_simulator.config import SimulatorConfig
from tokensmith_simulator.errors import RefusalError
from tokensmith_simulator.faults import Fault, FaultKind
from tokensmith_simulator.gemini.faults import (
    GEMINI_REFUSING,
    STATUSES,
    gemini_fault,
    gemini_in_band_error,
)
from tokensmith_simulator.gemini.models import RULES, find_gemini
from tokensmith_simulator.models import ModelSpec, models_of

_CODES: Final = {status: code for code, status in STATUSES.items() if code != 413}
_BROKEN: Final = b'{"candidates": [{"content": {"parts": [{"te'


class Gemini:
    """The vendor Google, at `/gemini`.

    Args:
        array: Whether the answer is a stream without `alt=sse`, which is one JSON array.
    """

    name = "gemini"
    prefix = "/gemini/{version:v1|v1beta}"  # SDKs from 3.0 on ask for `v1` by default.
    refusing_kinds = GEMINI_REFUSING

    def __init__(self, *, array: bool = False) -> None:
        self._array = array
        self.broken_frame = b"," + _BROKEN if array else b"data: " + _BROKEN + b"\r\n\r\n"

    def check_key(
        self, headers: Mapping[str, str], query: Mapping[str, str], config: SimulatorConfig
    ) -> str:
        """Return the caller's key, from its header or its query parameter.

        Raises:
            RefusalError: 403 for none at all, 401 for a bearer token, 400 for a wrong key.
        """
        key = headers.get("x-goog-api-key") or query.get("key")
        if not key and "authorization" in headers:
            raise RefusalError(
                "Request had invalid authentication credentials. Expected OAuth 2 access token, "
                "login cookie or other valid authentication credential. See "
                "https://developers.google.com/identity/sign-in/web/devconsole-project.",
                status=401,
            )
        if not key:
            raise RefusalError(
                "Method doesn't allow unregistered callers (callers without established "
                "identity). Please use API Key or other form of API consumer identity to call "
                "this API.",
                status=403,
            )
        if not config.accepts_key(key):
            raise self.fault_error(Fault(kind=FaultKind.INVALID_KEY), "", key)
        return key

    def fault_error(self, fault: Fault, model: str, key: str) -> RefusalError:
        """Return what a refusing fault looks like at Google, which shows no part of a key."""
        return gemini_fault(fault, model)

    def in_band_error(self, fault: Fault) -> RefusalError:
        """Return the error that comes under status 200."""
        return gemini_in_band_error(fault)

    def error_body(self, error: RefusalError, request_id: str) -> bytes:
        """Render Google's error object; in a list of one where the answer is an array."""
        rendered = msgspec.json.encode(_error_to_json(error))
        return b"[" + rendered + b"\n]\n" if self._array else rendered

    def error_frame(self, error: RefusalError, request_id: str) -> bytes:
        """Render an error as a chunk of a stream that has begun."""
        rendered = msgspec.json.encode(_error_to_json(error))
        return b"," + rendered + b"]" if self._array else b"data: " + rendered + b"\r\n\r\n"

    def response_headers(self, request_id: str) -> dict[str, str]:
        """Return Google's headers; there is neither a request id nor limits among them."""
        return {"vary": "Origin", "x-content-type-options": "nosniff"}

    def models_body(self, page_size: int, page_token: str) -> Any:
        """Render a page of the list of models; a page token is the number of models before it."""
        start = int(page_token) if page_token.isdecimal() else 0
        models = models_of("gemini")
        page = {"models": [_model_to_json(model) for model in models[start : start + page_size]]}
        end = start + page_size
        return page | ({"nextPageToken": str(end)} if end < len(models) else {})

    def model_body(self, model_id: str) -> Any:
        """Render one model.

        Raises:
            RefusalError: 404, for an unknown one.
        """
        return _model_to_json(find_gemini(model_id, "getModel"))


def _error_to_json(error: RefusalError) -> dict[str, Any]:
    status = STATUSES.get(error.status, "INTERNAL")
    if error.status == 200 or error.kind == "FAILED_PRECONDITION":
        status = error.kind
    code = _CODES.get(status, 500) if error.status == 200 else error.status
    details = {"details": list(error.details)} if error.details else {}
    return {"error": {"code": code, "message": error.message, "status": status, **details}}


def _model_to_json(model: ModelSpec) -> dict[str, Any]:
    return {
        "name": f"models/{model.id}",
        "version": "3-preview",
        "displayName": RULES[model.id].display_name,
        "inputTokenLimit": model.context_tokens,
        "outputTokenLimit": model.output_limit_tokens,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
        "temperature": 1,
        "topP": 0.95,
        "topK": 64,
        "maxTemperature": 2,
        "thinking": True,
    }
