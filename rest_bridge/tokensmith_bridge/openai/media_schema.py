"""Requests for images and videos, typed: what a body may contain, and within which bounds.

Images after ``types/image_generate_params.py`` and ``image_edit_params.py`` of openai 3.52, videos
after ``video_create_params.py``; what other vendors' models take besides is named as they name it.
What a model takes of it, and its own limits, is the server's to say.
"""

from typing import Annotated, Literal

from msgspec import Meta

from tokensmith_bridge.openai.message_schema import Object
from tokensmith_bridge.openai.schema import INT32_MAX, MetadataKey, MetadataValue

ModelId = Annotated[str, Meta(min_length=1, max_length=256)]
Prompt = Annotated[str, Meta(min_length=1, max_length=32_000)]
Text = Annotated[str, Meta(max_length=32_000)]
Count = Annotated[int, Meta(ge=1, le=INT32_MAX)]
Seed = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
UserId = Annotated[str, Meta(max_length=128)]
Link = Annotated[str, Meta(min_length=1)]
Digits = Annotated[str, Meta(pattern=r"^[0-9]{1,4}\Z")]
Pairs = Annotated[dict[MetadataKey, MetadataValue], Meta(max_length=16)]


class ImageSettings(Object, kw_only=True):
    """What generating and editing have in common. ``style`` is DALL-E's, which is not sold."""

    model: ModelId
    prompt: Prompt
    n: Count | None = None
    size: str | None = None
    quality: str | None = None
    background: str | None = None
    output_format: str | None = None
    output_compression: Annotated[int, Meta(ge=0, le=100)] | None = None
    moderation: str | None = None
    response_format: Literal["url", "b64_json"] | None = None
    stream: bool | None = None
    partial_images: Annotated[int, Meta(ge=0, le=3)] | None = None
    seed: Seed | None = None
    negative_prompt: Text | None = None
    aspect_ratio: str | None = None
    resolution: str | None = None
    steps: Count | None = None
    guidance_scale: float | None = None
    safety_identifier: UserId | None = None
    user: str | None = None


class ImageRequest(ImageSettings, kw_only=True):
    """The body of ``POST /v1/images/generations``."""


class ImageReference(Object):
    """An image: an address or a data URL, or the id of stored media."""

    image_url: Link | None = None
    file_id: Link | None = None


class ImageEditRequest(ImageSettings, kw_only=True):
    """The body of ``POST /v1/images/edits``, as JSON."""

    images: Annotated[list[ImageReference], Meta(min_length=1, max_length=16)]
    mask: ImageReference | None = None
    input_fidelity: str | None = None


class GeminiVideoParameters(Object):
    """Google's own spelling of what decides a Veo video's price."""

    durationSeconds: Count | Digits | None = None  # noqa: N815 - Google's name
    resolution: str | None = None
    aspectRatio: str | None = None  # noqa: N815 - Google's name


class VideoElement(Object):
    """A thing or person, shown from several sides."""

    frontal_image_url: Link
    reference_image_urls: Annotated[list[Link], Meta(max_length=3)] | None = None


class VideoRequest(Object, kw_only=True):
    """The body of ``POST /v1/videos``, as JSON.

    ``duration`` is Kling's name for ``seconds``, and ``cfg_scale`` for ``guidance_scale``.
    """

    model: ModelId
    prompt: Prompt
    seconds: Count | Digits | None = None
    duration: Count | Digits | None = None
    size: str | None = None
    resolution: str | None = None
    aspect_ratio: str | None = None
    parameters: GeminiVideoParameters | None = None
    generate_audio: bool | None = None
    voice_ids: Annotated[list[str], Meta(max_length=8)] | None = None
    negative_prompt: Text | None = None
    seed: Seed | None = None
    guidance_scale: float | None = None
    cfg_scale: float | None = None
    input_reference: Link | ImageReference | None = None
    image_url: Link | None = None
    start_image_url: Link | None = None
    end_image_url: Link | None = None
    image_urls: Annotated[list[Link], Meta(max_length=7)] | None = None
    video_url: Link | None = None
    elements: Annotated[list[VideoElement], Meta(max_length=7)] | None = None
    keep_audio: bool | None = None
    fps: Count | None = None
    steps: Count | None = None
    output_format: str | None = None
    output_quality: Count | None = None
    person_generation: str | None = None
    metadata: Pairs | None = None
    safety_identifier: UserId | None = None


class MotionControlRequest(Object, kw_only=True):
    """The fields of ``POST /v1/{fal-model-path}/motioncontrol``, and the model that is its path."""

    model: ModelId
    character_orientation: Literal["image", "video"]
    video_url: Link | None = None
    image_url: Link | None = None
    prompt: Text | None = None
    keep_original_sound: bool | None = None
    metadata: Pairs | None = None
    safety_identifier: UserId | None = None
