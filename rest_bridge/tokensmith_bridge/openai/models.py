"""From the catalog to OpenAI's model objects, with what OpenAI's lack: price, limits, lifecycle.

Prices are in credits: of text per 1M tokens, of images each, of video per second.
"""

from typing import Any, Final

import msgspec

from tokensmith.v1 import model_service_pb2 as model
from tokensmith_bridge.openai.errors import credits_number
from tokensmith_bridge.openai.unbuilt import is_unbuilt

_encode: Final = msgspec.json.Encoder().encode

_TOKENS_PER_PRICE: Final = 1_000_000

_KINDS: Final[dict[int, str]] = {
    model.MODEL_KIND_TEXT: "text",
    model.MODEL_KIND_IMAGE: "image",
    model.MODEL_KIND_VIDEO: "video",
    model.MODEL_KIND_MOTION_CONTROL: "motion_control",
}
_STATUSES: Final[dict[int, str]] = {
    model.ModelLifecycle.STATUS_AVAILABLE: "available",
    model.ModelLifecycle.STATUS_DEPRECATED: "deprecated",
    model.ModelLifecycle.STATUS_RETIRED: "retired",
}
_TEXT_ABILITIES: Final = (
    "image_input",
    "audio_input",
    "file_input",
    "audio_output",
    "tools",
    "parallel_tool_calls",
    "custom_tools",
    "json_object",
    "json_schema",
    "logprobs",
)
_IMAGE_ABILITIES: Final = ("image_input", "partial_images", "responses", "price_is_minimum")
_VIDEO_ABILITIES: Final = ("generate_audio", "voice_control")


def model_list_to_json(models: list[model.Model], catalog_version: str) -> bytes:
    """The body of ``GET /v1/models``."""
    return _encode(
        {
            "object": "list",
            "data": [_model_to_dict(item) for item in models],
            "catalog_version": catalog_version,
        }
    )


def model_to_json(item: model.Model) -> bytes:
    """The body of ``GET /v1/models/{id}``, its parameter schema included."""
    rendered = _model_to_dict(item)
    if item.parameter_schema_json:
        rendered["parameter_schema"] = msgspec.Raw(item.parameter_schema_json.encode())
    return _encode(rendered)


def _model_to_dict(item: model.Model) -> dict[str, Any]:
    return {
        "id": item.id,
        "object": "model",
        "aliases": list(item.aliases),
        "created": item.create_time.seconds,
        "owned_by": item.owned_by,
        "shutdown_date": item.lifecycle.shutdown_date or None,
        "kind": _KINDS.get(item.kind),
        "display_name": item.display_name,
        "provider": item.provider,
        "endpoint": item.endpoint,
        "served": not is_unbuilt(item.endpoint),
        "context_length": item.context_tokens if item.HasField("context_tokens") else None,
        "max_output_tokens": item.max_output_tokens if item.HasField("max_output_tokens") else None,
        "status": _STATUSES.get(item.lifecycle.status),
        "replacement": item.lifecycle.replacement or None,
        "note": item.lifecycle.note or None,
        "pricing": _pricing(item),
        "capabilities": _capabilities(item),
    }


def _pricing(item: model.Model) -> dict[str, Any]:
    match item.WhichOneof("rate"):
        case "token_rate":
            return _token_pricing(item.token_rate)
        case "image_rate":
            priced: dict[str, Any] = {
                "unit": "image",
                "image": credits_number(item.image_rate.image_microcredits),
            }
            if item.image_rate.HasField("token_rate"):
                priced["or_if_larger"] = _token_pricing(item.image_rate.token_rate)
            return priced
        case "second_rate":
            return {
                "unit": "second",
                "default_seconds": item.second_rate.default_seconds,
                "tiers": [_second_tier(tier) for tier in item.second_rate.tiers],
            }
    return {}


def _token_pricing(rate: model.TokenRate) -> dict[str, Any]:
    priced: dict[str, Any] = {
        "unit": "1M tokens",
        "input": credits_number(rate.input_microcredits * _TOKENS_PER_PRICE),
        "output": credits_number(rate.output_microcredits * _TOKENS_PER_PRICE),
    }
    if rate.HasField("cached_input_microcredits"):
        priced["cached_input"] = credits_number(rate.cached_input_microcredits * _TOKENS_PER_PRICE)
    return priced


def _second_tier(tier: model.SecondTier) -> dict[str, Any]:
    priced: dict[str, Any] = {"second": credits_number(tier.second_microcredits)}
    for condition in ("resolution", "generate_audio", "voice_control"):
        if tier.HasField(condition):
            priced[condition] = getattr(tier, condition)
    return priced


def _capabilities(item: model.Model) -> dict[str, Any]:
    match item.WhichOneof("capabilities"):
        case "text":
            text = item.text
            return {name: getattr(text, name) for name in _TEXT_ABILITIES} | {
                "default_output_tokens": text.default_output_tokens,
                "max_n": text.max_choice_count,
                "reasoning_efforts": list(text.reasoning_efforts),
                "restricted_fields": list(text.restricted_fields),
            }
        case "image":
            image = item.image
            return {name: getattr(image, name) for name in _IMAGE_ABILITIES} | {
                "max_n": image.max_image_count
            }
        case "video":
            video = item.video
            return {name: getattr(video, name) for name in _VIDEO_ABILITIES} | {
                "allowed_seconds": list(video.allowed_seconds),
                "resolutions": [option.resolution for option in video.resolutions],
            }
    return {}
