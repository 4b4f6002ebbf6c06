"""The body of ``POST /v1/images/generations`` for one model, as JSON Schema. Pure."""

from typing import Final

from tokensmith_server.catalog.model import ModelSpec
from tokensmith_server.catalog.parameter_terms import (
    INT32_MAX,
    Json,
    boolean,
    choice,
    integer,
    model_name,
    number,
    text,
)

TEXT_LENGTH_MAX: Final = 32_000

_SETTINGS: Final[dict[str, Json]] = {
    "size": text(
        "Pixels as WIDTHxHEIGHT, or auto. Left out: the model's own.",
        pattern="^(auto|[1-9][0-9]{0,4}x[1-9][0-9]{0,4})$",
        examples=["auto", "1024x1024", "1536x1024", "1024x1536"],
    ),
    "quality": text(
        "How fine, in the model's words. Left out: the model's own.",
        examples=["auto", "low", "medium", "high"],
    ),
    "background": choice(
        ("auto", "opaque", "transparent"), "What is behind the subject.", default="auto"
    ),
    "output_format": choice(("png", "jpeg", "webp"), "Format of the bytes."),
    "output_compression": integer(0, 100, "For jpeg and webp: from smallest to best.", default=100),
    "moderation": choice(("auto", "low"), "How strictly the provider looks.", default="auto"),
    "response_format": choice(
        ("url", "b64_json"), "Links, or with them the bytes in base64.", default="url"
    ),
    "stream": boolean("Whether to send partial images on the way.", default=False),
    "partial_images": integer(0, 3, "Partial images of each image. Needs `stream`.", default=0),
    "seed": integer(-(2**63), 2**63 - 1, "For repeatable images, as far as the provider can."),
    "negative_prompt": text("What to avoid.", maxLength=TEXT_LENGTH_MAX),
    "aspect_ratio": text("Shape, for models that take no size.", examples=["1:1", "16:9"]),
    "resolution": text("For models that take no size.", examples=["1K", "2K", "4K"]),
    "steps": integer(1, INT32_MAX, "Diffusion steps."),
    "guidance_scale": number("How closely to follow the prompt."),
    "safety_identifier": text("Stable id of your end user.", maxLength=128),
    "user": text("Former name of `safety_identifier`.", deprecated=True),
}


def image_parameters(model: ModelSpec) -> Json:
    """The properties of a body, the required ones, and the rules between them."""
    if model.image is None:
        raise ValueError(f"{model.id} is not an image model")
    properties = {
        "model": model_name(model.id, model.aliases),
        "prompt": text("What to draw.", minLength=1, maxLength=TEXT_LENGTH_MAX),
        "n": integer(1, model.image.n_max, "Images to make; each is billed.", default=1),
        **_SETTINGS,
    }
    streams = {"properties": {"stream": {"const": True}}, "required": ["stream"]}
    partial = {"properties": {"partial_images": {"minimum": 1}}, "required": ["partial_images"]}
    return {
        "properties": properties,
        "required": ["model", "prompt"],
        "if": partial,
        "then": streams,
    }
