"""From requests for images and videos to the contract's.

The Structs were checked field by field when they were decoded; here are the rules between fields.
"""

import base64
import binascii
from typing import Any, Final

from tokensmith.v1 import image_service_pb2 as image
from tokensmith.v1 import media_service_pb2 as media
from tokensmith.v1 import video_service_pb2 as video
from tokensmith_bridge.openai import media_schema as schema
from tokensmith_bridge.openai.errors import Refusal

# Fields of the contract, and what REST calls them.
_IMAGE_FIELDS: Final = {
    "model": "model",
    "prompt": "prompt",
    "image_count": "n",
    "size": "size",
    "quality": "quality",
    "background": "background",
    "output_format": "output_format",
    "output_compression_percent": "output_compression",
    "moderation": "moderation",
    "seed": "seed",
    "negative_prompt": "negative_prompt",
    "aspect_ratio": "aspect_ratio",
    "resolution": "resolution",
    "step_count": "steps",
    "guidance_scale": "guidance_scale",
    "safety_identifier": "safety_identifier",
    "user": "user",
}
_VIDEO_FIELDS: Final = {
    "model": "model",
    "prompt": "prompt",
    "size": "size",
    "generate_audio": "generate_audio",
    "negative_prompt": "negative_prompt",
    "seed": "seed",
    "keep_audio": "keep_audio",
    "frames_per_second": "fps",
    "step_count": "steps",
    "output_format": "output_format",
    "output_quality": "output_quality",
    "person_generation": "person_generation",
    "safety_identifier": "safety_identifier",
}
_ORIENTATIONS: Final = {
    "image": video.CHARACTER_ORIENTATION_IMAGE,
    "video": video.CHARACTER_ORIENTATION_VIDEO,
}


def fill_image(params: image.ImageParams, request: schema.ImageSettings) -> None:
    """Write ``request`` into empty ``params``. Whether it streams is not part of them.

    Raises:
        Refusal: two fields contradict each other.
    """
    if request.partial_images and not request.stream:
        raise _invalid("partial_images", "'partial_images' is only allowed with 'stream'.")
    _copy(params, request, _IMAGE_FIELDS)
    params.inline_data = request.response_format == "b64_json"


def fill_image_edit(params: image.ImageEditParams, request: schema.ImageEditRequest) -> None:
    """Write ``request`` into empty ``params``.

    Raises:
        Refusal: two fields contradict each other, or an image is none.
    """
    fill_image(params.image, request)
    for index, reference in enumerate(request.images):
        _refer(params.input_images.add(), reference, f"images[{index}]")
    if request.mask is not None:
        _refer(params.mask, request.mask, "mask")
    if request.input_fidelity is not None:
        params.input_fidelity = request.input_fidelity


def fill_video(params: video.VideoParams, request: schema.VideoRequest) -> None:
    """Write ``request`` into empty ``params``.

    Raises:
        Refusal: two names of one setting differ, or a reference is none.
    """
    _copy(params, request, _VIDEO_FIELDS)
    google = request.parameters or schema.GeminiVideoParameters()
    settings: dict[str, dict[str, Any]] = {
        "seconds": {
            "seconds": _seconds(request.seconds),
            "duration": _seconds(request.duration),
            "parameters.durationSeconds": _seconds(google.durationSeconds),
        },
        "resolution": {
            "resolution": request.resolution,
            "parameters.resolution": google.resolution,
        },
        "aspect_ratio": {
            "aspect_ratio": request.aspect_ratio,
            "parameters.aspectRatio": google.aspectRatio,
        },
        "guidance_scale": {
            "guidance_scale": request.guidance_scale,
            "cfg_scale": request.cfg_scale,
        },
    }
    for field, names in settings.items():
        setting = _one_of(names)
        if setting is not None:
            setattr(params, field, setting)
    params.voice_ids.extend(request.voice_ids or ())
    params.metadata.update(request.metadata or {})
    _fill_video_media(params, request)


def _fill_video_media(params: video.VideoParams, request: schema.VideoRequest) -> None:
    first = {
        "input_reference": request.input_reference,
        "image_url": request.image_url,
        "start_image_url": request.start_image_url,
    }
    reference = _one_of(first)
    if reference is not None:
        _refer(params.first_frame, reference, "input_reference")
    if request.end_image_url is not None:
        _refer(params.last_frame, request.end_image_url, "end_image_url")
    if request.video_url is not None:
        _refer(params.source_video, request.video_url, "video_url")
    for index, url in enumerate(request.image_urls or ()):
        _refer(params.reference_images.add(), url, f"image_urls[{index}]")
    for index, element in enumerate(request.elements or ()):
        added, where = params.elements.add(), f"elements[{index}]"
        _refer(added.frontal_image, element.frontal_image_url, f"{where}.frontal_image_url")
        for url in element.reference_image_urls or ():
            _refer(added.reference_images.add(), url, f"{where}.reference_image_urls")


def fill_motion_control(
    params: video.MotionControlParams, request: schema.MotionControlRequest
) -> None:
    """Write ``request`` into empty ``params``.

    Raises:
        Refusal: a reference is none.
    """
    params.model = request.model
    params.character_orientation = _ORIENTATIONS[request.character_orientation]
    if request.video_url is not None:
        _refer(params.motion_video, request.video_url, "video_url")
    if request.image_url is not None:
        _refer(params.character_image, request.image_url, "image_url")
    for name in ("prompt", "keep_original_sound", "safety_identifier"):
        value = getattr(request, name)
        if value is not None:
            setattr(params, name, value)
    params.metadata.update(request.metadata or {})


def _copy(params: Any, request: Any, fields: dict[str, str]) -> None:
    for field, name in fields.items():
        value = getattr(request, name)
        if value is not None:
            setattr(params, field, value)


def _seconds(said: int | str | None) -> int | None:
    return None if said is None else int(said)


def _one_of(names: dict[str, Any]) -> Any:
    """What several names of one setting say together."""
    said = {name: value for name, value in names.items() if value is not None}
    if not said:
        return None
    (first, value), *others = said.items()
    for name, other in others:
        if other != value:
            raise _invalid(name, f"'{name}' and '{first}' are two names of one setting and differ.")
    return value


def _refer(reference: media.MediaReference, said: str | schema.ImageReference, where: str) -> None:
    """Name bytes: by an address, a data URL, or the id of stored media."""
    if isinstance(said, schema.ImageReference):
        if (said.image_url is None) == (said.file_id is None):
            raise _invalid(where, f"'{where}' needs either 'image_url' or 'file_id'.")
        if said.file_id is not None:
            reference.media_id = said.file_id
            return
        said = said.image_url or ""
    if said.startswith(("https://", "http://")):
        reference.url = said
        return
    head, comma, encoded = said.partition(",")
    if not (head.startswith("data:") and head.endswith(";base64") and comma):
        raise _invalid(where, f"'{where}' must be an http(s) address or a base64 data URL.")
    try:
        reference.inline.data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise _invalid(where, f"'{where}' is not valid base64.") from None
    reference.inline.content_type = head.removeprefix("data:").removesuffix(";base64")


def _invalid(param: str, message: str) -> Refusal:
    return Refusal("INVALID_ARGUMENT", message, param=param)
