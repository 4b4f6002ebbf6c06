"""What each endpoint is for, takes and gives: the part of its description that no type has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from tokensmith_bridge.anthropic.schema import CountRequest, MessagesRequest
from tokensmith_bridge.openai.list_query import (
    ENTRY_PARAMETERS,
    HOLD_PARAMETERS,
    REQUEST_PARAMETERS,
    Parameter,
)
from tokensmith_bridge.openai.responses_schema import Includable, ResponseRequest
from tokensmith_bridge.openai.schema import ChatRequest


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path. ``body`` is the type that the bridge decodes it into."""

    summary: str
    tag: str
    body: Any = None
    query: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    streams: bool = False
    repeatable: bool = False
    """Whether an ``Idempotency-Key`` makes a repeat safe."""
    needs_key: bool = True
    media_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class PricedBody:
    """Stands for the body of an estimate, which is another endpoint's."""


def _query(parameters: Mapping[str, Parameter]) -> dict[str, Mapping[str, Any]]:
    return {name: parameter.schema for name, parameter in parameters.items()}


_ITEM_QUERY: Final[dict[str, Mapping[str, Any]]] = {
    "limit": {"type": "integer", "minimum": 1, "maximum": 100},
    "order": {"enum": ["asc", "desc"]},
    "after": {"type": "string"},
    "include": {"type": "array", "items": {"enum": list(get_args(Includable))}},
}

OPERATIONS: Final[Mapping[tuple[str, str], Operation]] = {
    ("POST", "/v1/chat/completions"): Operation(
        "Complete a chat", "Text", ChatRequest, streams=True, repeatable=True
    ),
    ("POST", "/v1/responses"): Operation(
        "Make a response", "Text", ResponseRequest, streams=True, repeatable=True
    ),
    ("POST", "/v1/responses/input_tokens"): Operation(
        "Count a response's input tokens", "Text", ResponseRequest
    ),
    ("GET", "/v1/responses/{response_id}"): Operation("Get a kept response", "Text"),
    ("DELETE", "/v1/responses/{response_id}"): Operation("Delete a kept response", "Text"),
    ("POST", "/v1/responses/{response_id}/cancel"): Operation("Cancel a response", "Text"),
    ("GET", "/v1/responses/{response_id}/input_items"): Operation(
        "List what a kept response was made from", "Text", query=_ITEM_QUERY
    ),
    ("POST", "/v1/messages"): Operation(
        "Answer a conversation, in Anthropic's shape",
        "Text",
        MessagesRequest,
        streams=True,
        repeatable=True,
    ),
    ("POST", "/v1/messages/count_tokens"): Operation(
        "Count a conversation's tokens, in Anthropic's shape", "Text", CountRequest
    ),
    ("GET", "/v1/models"): Operation("List every model with its price", "Models"),
    ("GET", "/v1/models/{model_id}"): Operation(
        "Get a model with its price and the schema of its calls", "Models"
    ),
    ("GET", "/v1/credits"): Operation("Get the balance", "Money"),
    ("GET", "/v1/key"): Operation("Describe the key that asks", "Money"),
    ("POST", "/v1/estimate"): Operation("Price a call before it is made", "Money", PricedBody),
    ("GET", "/v1/requests"): Operation(
        "List the receipts of calls", "Money", query=_query(REQUEST_PARAMETERS)
    ),
    ("GET", "/v1/requests/{request_id}"): Operation("Get the receipt of a call", "Money"),
    ("GET", "/v1/billing/holds"): Operation("List holds", "Money", query=_query(HOLD_PARAMETERS)),
    ("GET", "/v1/billing/entries"): Operation(
        "List the ledger's lines", "Money", query=_query(ENTRY_PARAMETERS)
    ),
    ("GET", "/healthz"): Operation("Say that the process answers", "Health", needs_key=False),
    ("GET", "/readyz"): Operation("Say whether calls are taken", "Health", needs_key=False),
    ("GET", "/openapi.json"): Operation("Describe this API", "Description", needs_key=False),
    ("GET", "/docs"): Operation(
        "Describe this API to people", "Description", needs_key=False, media_type="text/html"
    ),
}
"""By method and path as ``routes.py`` names them."""
