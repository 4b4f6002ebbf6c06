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
        "price_lines": [_price_line(line) for line in record.price_lines],
        "attempts": [_attempt(attempt) for attempt in record.attempts],
    }
    if record.video_id:
        body["video_id"] = record.video_id
    return _encode(body)


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


def _price_line(line: billing.PriceLine) -> dict[str, Any]:
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
