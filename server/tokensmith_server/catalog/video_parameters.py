"""The bodies of ``POST /v1/videos`` and of motion control for one model, as JSON Schema. Pure."""

from collections.abc import Iterable
from typing import Any, Final

from tokensmith_server.billing.rates import SecondRate
from tokensmith_server.catalog.model import ModelSpec, SecondsSource, VideoSpec
from tokensmith_server.catalog.parameter_terms import (
    INT32_MAX,
    Json,
    array,
    boolean,
    choice,
    either,
    integer,
    metadata_pairs,
    model_name,
    nullable,
    number,
    record,
    text,
)

TEXT_LENGTH_MAX: Final = 32_000
VOICES_MAX: Final = 2

_SIDES: Final = {"720p": 720, "1080p": 1_080, "4k": 2_160}
_EXAMPLES: Final = {
    "720p": ("1280x720", "720x1280"),
    "1080p": ("1920x1080", "1080x1920"),
    "4k": ("3840x2160", "2160x3840"),
}
_LINK: Final[dict[str, Any]] = {"minLength": 1, "pattern": "^(https?://|data:)"}
_USER: Final = text("Stable id of your end user.", maxLength=128)


def _link(description: str = "") -> Json:
    return text(description, **_LINK)


def _other_name(name: str) -> Json:
    """Marks a field that says what another says, so that a form need not show both."""
    return {"description": f"Another name of `{name}`.", "deprecated": True}


_REFERENCE: Final = either(
    [
        _link(),
        record({"image_url": _link()}, {"file_id": {"type": "null"}}),
        record(
            {"file_id": text("Id of stored media.", minLength=1)}, {"image_url": {"type": "null"}}
        ),
    ],
    "Image to begin with.",
)
_ELEMENT: Final = record(
    {"frontal_image_url": _link()}, {"reference_image_urls": array(_link(), maxItems=3)}
)
_SETTINGS: Final[dict[str, Json]] = {
    "negative_prompt": text("What to avoid.", maxLength=TEXT_LENGTH_MAX),
    "seed": integer(-(2**63), 2**63 - 1, "For repeatable videos, as far as the provider can."),
    "guidance_scale": number("How closely to follow the prompt."),
    "cfg_scale": number() | _other_name("guidance_scale"),
    "input_reference": _REFERENCE,
    "image_url": _link() | _other_name("input_reference"),
    "start_image_url": _link() | _other_name("input_reference"),
    "end_image_url": _link("Image to end with."),
    "image_urls": array(_link(), "Images to take things from.", maxItems=7),
    "video_url": _link("Video to edit, to extend, or to take things from."),
    "elements": array(_ELEMENT, "Things or people, shown from several sides.", maxItems=7),
    "keep_audio": boolean("Whether the sound of `video_url` stays."),
    "fps": integer(1, INT32_MAX, "Pictures per second."),
    "steps": integer(1, INT32_MAX, "Diffusion steps."),
    "output_format": text("File format.", examples=["mp4", "webm"]),
    "output_quality": integer(1, INT32_MAX, "Encoder quality; lower is better."),
    "person_generation": text(
        "Who may be shown.", examples=["allow_all", "allow_adult", "dont_allow"]
    ),
    "metadata": metadata_pairs("Labels of your own."),
    "safety_identifier": _USER,
}


def video_parameters(model: ModelSpec) -> Json:
    """The properties of a video's body, the required ones, and the rules between them."""
    video, rate = model.video, model.rate
    if video is None or not isinstance(rate, SecondRate):
        raise ValueError(f"{model.id} is not a video model")
    google: dict[str, Json] = {}
    properties = {
        "model": model_name(model.id, model.aliases),
        "prompt": text("What to show.", minLength=1, maxLength=TEXT_LENGTH_MAX),
    }
    if video.seconds_source is SecondsSource.REQUEST:
        seconds = _seconds(video.seconds)
        properties["seconds"] = seconds | {
            "description": "Length; billed by the second.",
            "default": rate.default_seconds,
        }
        properties["duration"] = seconds | _other_name("seconds")
        google["durationSeconds"] = seconds
    if video.resolutions:
        resolution = choice(video.resolutions, "How fine.", default=video.default_resolution)
        properties["resolution"] = resolution
        google["resolution"] = choice(video.resolutions)
        sizes = [name for name in video.resolutions if name in _SIDES]
        properties["size"] = _size(sizes)
    properties["aspect_ratio"] = text("Shape.", examples=["16:9", "9:16", "1:1"])
    google["aspectRatio"] = text()
    properties["parameters"] = record({}, google, "Google's names of these settings.") | {
        "deprecated": True
    }
    if video.generate_audio:
        properties["generate_audio"] = boolean("Whether to make sound.", default=True)
    if video.voice_control:
        properties["voice_ids"] = array(
            text(), "Voices made at the provider. They need sound.", maxItems=VOICES_MAX
        )
    return {
        "properties": properties | _SETTINGS,
        "required": ["model", "prompt"],
        **_rules(video),
    }


def motion_parameters(model: ModelSpec) -> Json:
    """The fields of a motion-control call; what they link to may be sent as files instead."""
    video = model.video
    if video is None:
        raise ValueError(f"{model.id} is not a motion-control model")
    longest = f"At most {video.max_input_seconds} seconds"
    if video.max_input_seconds_image_orientation is not None:
        longest += f', {video.max_input_seconds_image_orientation} with the orientation "image"'
    properties = {
        "model": model_name(model.id, model.aliases)
        | {"description": "This model. The path says it; only an estimate needs it."},
        "character_orientation": choice(
            ("image", "video"), "Which of the two the character faces like."
        ),
        "video_url": _link(f"The motion to take over. {longest}; billed by its length."),
        "image_url": _link("The character that shall move so."),
        "prompt": text("What else to show.", maxLength=TEXT_LENGTH_MAX),
        "keep_original_sound": boolean("Whether the motion video's sound stays.", default=True),
        "metadata": metadata_pairs("Labels of your own."),
        "safety_identifier": _USER,
    }
    return {"properties": properties, "required": ["character_orientation"]}


def _seconds(allowed: Iterable[int]) -> Json:
    """Lengths, as numbers or, which is how OpenAI's clients send them, as text."""
    numbers = list(allowed)
    return either([{"type": "integer", "enum": numbers}, choice(map(str, numbers))])


def _size(resolutions: list[str]) -> Json:
    return text(
        "Pixels as WIDTHxHEIGHT, which says resolution and shape in one.",
        pattern="|".join(map(_size_pattern, resolutions)) or "^$",
        examples=[size for name in resolutions for size in _EXAMPLES[name]],
    )


def _size_pattern(resolution: str) -> str:
    side = _SIDES[resolution]
    return f"^{side}x[1-9][0-9]{{1,4}}$|^[1-9][0-9]{{1,4}}x{side}$"


def _rules(video: VideoSpec) -> Json:
    needs: Json = {}
    if video.resolutions:
        needs["size"] = {"properties": {"resolution": False, "aspect_ratio": False}}
    if video.generate_audio and video.voice_control:
        needs["voice_ids"] = {
            "if": {"properties": {"voice_ids": {"minItems": 1}}},
            "then": {"properties": {"generate_audio": {"const": True}}},
        }
    rules = [_narrowed(resolution, allowed) for resolution, allowed in video.seconds_at]
    return {
        **({"dependentSchemas": needs} if needs else {}),
        **({"allOf": rules} if rules else {}),
    }


def _narrowed(resolution: str, allowed: tuple[int, ...]) -> Json:
    """Fewer lengths at one resolution, by whichever names the two are said."""
    said = [
        _said("resolution", {"const": resolution}),
        _said("parameters", _said("resolution", {"const": resolution})),
    ]
    if resolution in _SIDES:
        said.append(_said("size", {"pattern": _size_pattern(resolution)}))
    lengths = _seconds(allowed)
    google = {"properties": {"durationSeconds": nullable(lengths)}}
    lengths_by_name = {"seconds": lengths, "duration": lengths, "parameters": google}
    return {"if": {"anyOf": said}, "then": {"properties": lengths_by_name}}


def _said(name: str, term: Json) -> Json:
    return {"properties": {name: term}, "required": [name]}
