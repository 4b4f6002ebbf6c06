"""``POST /v1/estimate``: the body of another endpoint in, its price before the call out."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from tokensmith.v1 import billing_service_pb2 as billing
from tokensmith_bridge.openai import media_schema
from tokensmith_bridge.openai.billing import price_line_to_dict
from tokensmith_bridge.openai.bodies import (
    chat_request_from_json,
    decode_body,
    decode_body_in_parts,
)
from tokensmith_bridge.openai.chat_request import fill_params
from tokensmith_bridge.openai.errors import credits_number
from tokensmith_bridge.openai.media_request import (
    fill_image,
    fill_image_edit,
    fill_motion_control,
    fill_video,
)

CHAT: Final = "/v1/chat/completions"
RESPONSES: Final = "/v1/responses"
MESSAGES: Final = "/v1/messages"
IMAGES: Final = "/v1/images/generations"
IMAGE_EDITS: Final = "/v1/images/edits"
VIDEOS: Final = "/v1/videos"
MOTION_CONTROL: Final = "/v1/{fal-model-path}/motioncontrol"

_encode: Final = msgspec.json.Encoder().encode
_fields_decoder: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])

Reader = Callable[[bytes], billing.EstimateRequest]


class Outline(msgspec.Struct, gc=False):
    """What tells whose body it is. ``endpoint`` is the estimate's own; all else is the body's."""

    endpoint: str | None = None
    model: str | None = None
    messages: msgspec.Raw = msgspec.Raw()
    input: msgspec.Raw = msgspec.Raw()
    previous_response_id: msgspec.Raw = msgspec.Raw()


_outline_decoder: Final = msgspec.json.Decoder(Outline)


def outline_from_json(body: bytes) -> Outline:
    """Read what decides how the rest is read.

    Raises:
        Refusal: it is no JSON object, names a field twice, or one of these has another type.
    """
    return decode_body_in_parts(_outline_decoder, body)


def body_of_endpoint(body: bytes, outline: Outline) -> bytes:
    """The body as the endpoint itself takes it."""
    if outline.endpoint is None:
        return body
    fields = _fields_decoder.decode(body)
    del fields["endpoint"]
    return _encode(fields)


def reader_name(endpoint: str) -> str:
    """An endpoint's key among the readers: motion control has a path for each model."""
    return MOTION_CONTROL if endpoint.endswith("/motioncontrol") else endpoint


def _read_chat(body: bytes) -> billing.EstimateRequest:
    message = billing.EstimateRequest()
    fill_params(message.chat, chat_request_from_json(body))
    return message


def _reader(kind: str, request_type: Any, fill: Callable[[Any, Any], None]) -> Reader:
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(request_type)

    def read(body: bytes) -> billing.EstimateRequest:
        message = billing.EstimateRequest()
        fill(getattr(message, kind), decode_body(decoder, body))
        return message

    return read


READERS: Final[dict[str, Reader]] = {
    CHAT: _read_chat,
    IMAGES: _reader("image", media_schema.ImageRequest, fill_image),
    IMAGE_EDITS: _reader("image_edit", media_schema.ImageEditRequest, fill_image_edit),
    VIDEOS: _reader("video", media_schema.VideoRequest, fill_video),
    MOTION_CONTROL: _reader(
        "motion_control", media_schema.MotionControlRequest, fill_motion_control
    ),
}
"""For each endpoint whose body says all: from it to the question. Each raises ``Refusal``."""


def estimate_to_json(
    estimate: billing.EstimateResponse, *, model: str | None, endpoint: str
) -> bytes:
    """The body of ``POST /v1/estimate``. Amounts are in credits."""
    body: dict[str, Any] = {
        "object": "estimate",
        "endpoint": endpoint,
        "model": model,
        "max_cost": credits_number(estimate.held_microcredits),
        "likely_cost": credits_number(estimate.likely_microcredits),
        "required": credits_number(estimate.required_microcredits),
        "available": credits_number(estimate.available_microcredits),
        "affordable": estimate.affordable,
        "price_lines": [price_line_to_dict(line) for line in estimate.held_lines],
        "catalog_version": estimate.catalog_version,
    }
    for name in ("input_tokens", "max_output_tokens"):
        if estimate.HasField(name):
            body[name] = getattr(estimate, name)
    return _encode(body)
