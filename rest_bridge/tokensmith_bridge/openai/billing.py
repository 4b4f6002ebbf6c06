"""From the contract's money to JSON. Amounts are in credits, written exactly from integers."""

from typing import Any, Final

import msgspec
from google.protobuf.timestamp_pb2 import Timestamp

from tokensmith.v1 import billing_service_pb2 as billing
from tokensmith.v1 import model_service_pb2 as model
from tokensmith.v1 import usage_pb2
from tokensmith_bridge.openai.chat_response import FINISH_REASONS, usage_to_json
from tokensmith_bridge.openai.errors import credits_number

_encode: Final = msgspec.json.Encoder().encode


def balance_to_json(balance: billing.Balance) -> bytes:
    """The body of ``GET /v1/credits``. At every moment available + held + charged == granted."""
    return _encode(
        {
            "object": "credits",
            "available": credits_number(balance.available_microcredits),
            "held": credits_number(balance.held_microcredits),
            "granted": credits_number(balance.granted_microcredits),
            "charged": credits_number(balance.charged_microcredits),
        }
    )


def request_to_json(record: billing.RequestRecord) -> bytes:
    """The body of ``GET /v1/requests/{id}``: a call's receipt."""
    return _encode(_request_to_dict(record))


def request_list_to_json(page: billing.ListRequestsResponse) -> bytes:
    """The body of ``GET /v1/requests``: receipts, newest first."""
    return _page([_request_to_dict(record) for record in page.requests], page.next_page_token)


def hold_list_to_json(page: billing.ListHoldsResponse) -> bytes:
    """The body of ``GET /v1/billing/holds``, newest first."""
    return _page([_hold_to_dict(hold) for hold in page.holds], page.next_page_token)


def entry_list_to_json(page: billing.ListEntriesResponse) -> bytes:
    """The body of ``GET /v1/billing/entries``, newest first."""
    return _page([_entry_to_dict(entry) for entry in page.entries], page.next_page_token)


def current_key_to_json(found: billing.GetCurrentKeyResponse) -> bytes:
    """The body of ``GET /v1/key``: the key that the request was made with."""
    key = found.key
    return _encode(
        {
            "object": "key",
            "id": key.id,
            "name": key.display_name,
            "hint": key.hint,
            "account": {"id": found.account_id, "name": found.account_display_name},
            "created_at": _seconds(key, "create_time"),
            "expires_at": _seconds(key, "expire_time"),
            "last_used_at": _seconds(key, "last_use_time"),
        }
    )


def _page(data: list[dict[str, Any]], next_page_token: str) -> bytes:
    """A page of a list, as OpenAI's usage API has it: ``next_page`` is what to ask for next."""
    return _encode(
        {
            "object": "list",
            "data": data,
            "has_more": bool(next_page_token),
            "next_page": next_page_token or None,
        }
    )


def _hold_to_dict(hold: billing.Hold) -> dict[str, Any]:
    ended = hold.HasField("charged_microcredits")
    return {
        "id": hold.id,
        "object": "hold",
        "request_id": hold.log_request_id,
        "model": hold.model,
        "state": _word(billing.Hold.State, hold.state, "STATE_"),
        "held": credits_number(hold.held_microcredits),
        "charged": credits_number(hold.charged_microcredits) if ended else None,
        "shortfall": credits_number(hold.shortfall_microcredits),
        "catalog_version": hold.catalog_version,
        "created_at": _seconds(hold, "create_time"),
        "expires_at": _seconds(hold, "expire_time"),
        "resolved_at": _seconds(hold, "resolve_time"),
    }


def _entry_to_dict(entry: billing.Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "object": "entry",
        "kind": _word(billing.Entry.Kind, entry.kind, "KIND_"),
        "hold_id": entry.hold_id or None,
        "request_id": entry.log_request_id or None,
        "available_delta": credits_number(entry.available_delta_microcredits),
        "held_delta": credits_number(entry.held_delta_microcredits),
        "charged_delta": credits_number(entry.charged_delta_microcredits),
        "granted_delta": credits_number(entry.granted_delta_microcredits),
        "created_at": _seconds(entry, "create_time"),
        "description": entry.description or None,
    }


def _request_to_dict(record: billing.RequestRecord) -> dict[str, Any]:
    hold = record.hold
    ended = hold.HasField("charged_microcredits")
    body: dict[str, Any] = {
        "id": record.id,
        "object": "request",
        "created_at": record.create_time.seconds,
        "completed_at": _seconds(record, "end_time"),
        "idempotency_key": record.client_request_id or None,
        "key_id": record.key_id,
        "kind": _word(model.ModelKind, record.kind, "MODEL_KIND_"),
        "model": record.model,
        "stream": record.stream,
        "state": _word(billing.Hold.State, hold.state, "STATE_"),
        "outcome": _word(usage_pb2.Outcome, record.outcome, "OUTCOME_"),
        "error": record.error_reason.lower() or None,
        "finish_reason": FINISH_REASONS.get(record.finish_reason),
        "held": credits_number(hold.held_microcredits),
        "charged": credits_number(hold.charged_microcredits) if ended else None,
        "shortfall": credits_number(hold.shortfall_microcredits),
        "catalog_version": hold.catalog_version,
        "usage": _usage(record),
        "price_lines": [price_line_to_dict(line) for line in record.price_lines],
        "attempts": [_attempt(attempt) for attempt in record.attempts],
    }
    if record.video_id:
        body["video_id"] = record.video_id
    return body


def _usage(record: billing.RequestRecord) -> dict[str, Any] | None:
    usage: dict[str, Any] = {}
    if record.HasField("usage"):
        charge = usage_pb2.Charge(charged_microcredits=record.hold.charged_microcredits)
        usage = usage_to_json(record.usage, charge)
    if record.HasField("image_count"):
        usage["images"] = record.image_count
    if record.HasField("video_seconds"):
        usage["seconds"] = record.video_seconds
    return usage or None


def price_line_to_dict(line: billing.PriceLine) -> dict[str, Any]:
    """One row of a price."""
    return {
        "unit": _word(billing.PriceUnit, line.unit, "PRICE_UNIT_"),
        "quantity": line.quantity,
        "unit_price": credits_number(line.unit_microcredits),
        "amount": credits_number(line.amount_microcredits),
        "description": line.description or None,
    }


def _attempt(attempt: billing.Attempt) -> dict[str, Any]:
    latency = attempt.first_byte_latency
    return {
        "number": attempt.number,
        "provider": attempt.provider,
        "upstream_model": attempt.upstream_model or None,
        "state": _word(billing.Attempt.State, attempt.state, "STATE_"),
        "started_at": _seconds(attempt, "start_time"),
        "ended_at": _seconds(attempt, "end_time"),
        "http_status": attempt.http_status if attempt.HasField("http_status") else None,
        "error": attempt.error or None,
        "first_byte_ms": (
            latency.ToMilliseconds() if attempt.HasField("first_byte_latency") else None
        ),
    }


def _seconds(message: Any, field: str) -> int | None:
    if not message.HasField(field):
        return None
    when: Timestamp = getattr(message, field)
    return when.seconds


def _word(enum: Any, value: int, prefix: str) -> str | None:
    """An enum value in lower case without its prefix; None where it is unspecified or newer."""
    if not value or value not in enum.values():
        return None
    name: str = enum.Name(value)
    return name.removeprefix(prefix).lower()
