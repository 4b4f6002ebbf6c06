"""From the catalog to Anthropic's model objects, for its clients. Pure.

They can call text models alone, so there are no others in their list.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from tokensmith.v1 import model_service_pb2 as model
from tokensmith_bridge.openai.errors import Refusal

_encode: Final = msgspec.json.Encoder().encode

_DEFAULT_LIMIT: Final = 20
_LIMIT_MAX: Final = 1_000
_LIFECYCLES: Final[dict[int, str]] = {
    model.ModelLifecycle.STATUS_DEPRECATED: "deprecated",
    model.ModelLifecycle.STATUS_RETIRED: "retired",
}


def model_page_to_json(models: Sequence[model.Model], query: Mapping[str, str]) -> bytes:
    """One page of ``GET /v1/models``, by the query's ``limit``, ``after_id`` and ``before_id``.

    Raises:
        Refusal: the limit is no number from 1 to 1000, or there is no such model to go on from.
    """
    limit = _limit(query)
    backward = "before_id" in query
    if backward and "after_id" in query:
        message = "Only one of 'after_id' and 'before_id' can be given."
        raise Refusal("INVALID_ARGUMENT", message, param="before_id")
    begin = _position(models, query, "after_id") + 1 if "after_id" in query else 0
    end = _position(models, query, "before_id") if backward else len(models)
    callables = [
        item
        for item in models[begin:end]
        if item.kind == model.MODEL_KIND_TEXT
        and item.lifecycle.status != model.ModelLifecycle.STATUS_RETIRED
    ]
    shown = callables[-limit:] if backward else callables[:limit]
    return _encode(
        {
            "data": [_model_to_dict(item) for item in shown],
            "has_more": len(shown) < len(callables),
            "first_id": shown[0].id if shown else None,
            "last_id": shown[-1].id if shown else None,
        }
    )


def model_info_to_json(item: model.Model) -> bytes:
    """The body of ``GET /v1/models/{id}``."""
    return _encode(_model_to_dict(item))


def _position(models: Sequence[model.Model], query: Mapping[str, str], name: str) -> int:
    """Where the model is that a page is next to; it may have been retired since the last page."""
    for position, item in enumerate(models):
        if item.id == query[name]:
            return position
    raise Refusal("INVALID_ARGUMENT", f"'{name}' is not a model of this list.", param=name)


def _limit(query: Mapping[str, str]) -> int:
    text = query.get("limit", str(_DEFAULT_LIMIT))
    limit = int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0
    if not 1 <= limit <= _LIMIT_MAX:
        raise Refusal("INVALID_ARGUMENT", f"'limit' must be 1 to {_LIMIT_MAX}.", param="limit")
    return limit


def _model_to_dict(item: model.Model) -> dict[str, Any]:
    return {
        "type": "model",
        "id": item.id,
        "display_name": item.display_name,
        "created_at": item.create_time.ToJsonString(),
        "lifecycle": _LIFECYCLES.get(item.lifecycle.status, "active"),
        "deprecated_at": None,
        "retires_at": _day(item.lifecycle.shutdown_date),
        "line": None,
        "max_input_tokens": item.context_tokens if item.HasField("context_tokens") else None,
        "max_tokens": item.max_output_tokens if item.HasField("max_output_tokens") else None,
        "capabilities": None,
    }


def _day(date: str) -> str | None:
    return f"{date}T00:00:00Z" if date else None
