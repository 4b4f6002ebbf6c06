"""The catalog's version: a hash of everything that affects a price or a route."""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from tokensmith_server.catalog.model import ExtraProvider, ModelSpec, Route, TextSpec, VideoSpec
from tokensmith_server.catalog.rate_snapshot import rate_to_json

_HEX_DIGITS = 16


def catalog_version(models: Iterable[ModelSpec], providers: Iterable[ExtraProvider]) -> str:
    """``cat_`` and 16 hexadecimal digits; equal content has one version on every machine.

    The order of the models, their names, notes and comments don't count. The order of a model's
    routes does, and so does every limit that a hold is computed from.
    """
    content = {
        "models": {model.id: _model(model) for model in models},
        "providers": {provider.name: _provider(provider) for provider in providers},
    }
    canonical = msgspec.json.encode(content, order="sorted")
    return f"cat_{hashlib.sha256(canonical).hexdigest()[:_HEX_DIGITS]}"


def _model(model: ModelSpec) -> dict[str, Any]:
    return {
        "kind": model.kind,
        "rate": rate_to_json(model.rate),
        "routes": [_route(route, model) for route in model.routes],
        "status": model.lifecycle.status,
        "shutdown_on": model.lifecycle.shutdown_on,
        "text": _text(model.text) if model.text else None,
        "image": {"n_max": model.image.n_max} if model.image else None,
        "video": _video(model.video) if model.video else None,
        **({"aliases": sorted(model.aliases)} if model.aliases else {}),
    }


def _route(route: Route, model: ModelSpec) -> list[Any]:
    """What is not written out does not count: versions recorded before it existed stay true."""
    shares = [] if route.order is None else [route.order, route.weight]
    text = model.on(route).text
    upstream = [_text(text)] if text is not None and text != model.text else []
    return [route.provider, route.upstream_id, *shares, *upstream]


def _text(text: TextSpec) -> dict[str, Any]:
    return {
        "context_tokens": text.context_tokens,
        "max_output_tokens": text.max_output_tokens,
        "family": text.family,
        "n_max": text.capabilities.n_max,
        "output_cap_bounds_reasoning": text.capabilities.output_cap_bounds_reasoning,
    }


def _video(video: VideoSpec) -> dict[str, Any]:
    return {
        "seconds_source": video.seconds_source,
        "resolutions": video.resolutions,
        "seconds": video.seconds,
        "seconds_at": dict(video.seconds_at),
        "generate_audio": video.generate_audio,
        "voice_control": video.voice_control,
        "max_input_seconds": video.max_input_seconds,
        "max_input_seconds_image_orientation": video.max_input_seconds_image_orientation,
        "motion_control_path": video.motion_control_path,
    }


def _provider(provider: ExtraProvider) -> dict[str, Any]:
    return {
        "base_url": provider.base_url,
        "dialect": provider.dialect,
        "token_cap_field": provider.quirks.token_cap_field,
        "stream_options": provider.quirks.stream_options,
        "developer_role": provider.quirks.developer_role,
    }
