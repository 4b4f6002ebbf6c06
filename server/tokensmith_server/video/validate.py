"""What decides a video's price, read from a request and checked against its model.

Fields are named as REST names them. Media are not looked at here.
"""

import re
from typing import Final

from tokensmith.v1 import video_service_pb2 as video_pb
from tokensmith_server.billing.rates import SecondRate
from tokensmith_server.billing.value import value
from tokensmith_server.catalog.model import ModelSpec, SecondsSource, VideoSpec
from tokensmith_server.errors import InvalidField, UnsupportedField

TEXT_LENGTH_MAX: Final = 32_000
VOICES_MAX: Final = 2

_SIZE = re.compile(r"([1-9][0-9]{1,4})x([1-9][0-9]{1,4})", re.ASCII)
# By the shorter side, as vendors name them.
_RESOLUTIONS: Final = {720: "720p", 1080: "1080p", 2160: "4k"}
_ORIENTATIONS: Final = {
    video_pb.CHARACTER_ORIENTATION_IMAGE: "image",
    video_pb.CHARACTER_ORIENTATION_VIDEO: "video",
}


@value
class Footage:
    """What is billed of a video: whole seconds, under the conditions that a rate may name.

    ``None`` means that the model has no such choice. ``longest`` says that the length is not known
    before it is made, and that ``seconds`` is the most that the model takes.
    """

    seconds: int
    resolution: str | None = None
    generate_audio: bool | None = None
    voice_control: bool | None = None
    longest: bool = False


def check_video(
    params: video_pb.VideoParams, model: ModelSpec, video: VideoSpec, rate: SecondRate
) -> Footage:
    """Check what a video is asked for with, and say what of it is billed.

    Raises:
        InvalidField: a field is missing, out of range, or contradicts another.
        UnsupportedField: the model has no such choice.
    """
    if not params.prompt:
        raise InvalidField("prompt", "`prompt` is required: what to show.")
    _check_length("prompt", params.prompt)
    _check_length("negative_prompt", params.negative_prompt)
    resolution = _resolution(params, model, video)
    generate_audio = _generate_audio(params, model, video)
    return Footage(
        seconds=_seconds(params, model, video, rate, resolution),
        resolution=resolution,
        generate_audio=generate_audio,
        voice_control=_voice_control(params, model, video, generate_audio=generate_audio),
        longest=video.seconds_source is SecondsSource.INPUT_VIDEO,
    )


def check_motion_control(params: video_pb.MotionControlParams, video: VideoSpec) -> Footage:
    """Check what a motion-control video is asked for with; billed is the motion video's length.

    Raises:
        InvalidField: the orientation is missing, or a text is too long.
    """
    _check_length("prompt", params.prompt)
    orientation = _ORIENTATIONS.get(params.character_orientation)
    if orientation is None:
        raise InvalidField(
            "character_orientation",
            "`character_orientation` is required: which of the two the character faces like.",
            allowed="image, video",
        )
    seconds = video.longest_seconds
    if orientation == "image" and video.max_input_seconds_image_orientation is not None:
        seconds = video.max_input_seconds_image_orientation
    return Footage(seconds, longest=True)


def _check_length(name: str, text: str) -> None:
    if len(text) > TEXT_LENGTH_MAX:
        allowed = f"at most {TEXT_LENGTH_MAX} characters"
        raise InvalidField(
            name, f"`{name}` has {len(text)} characters; {allowed} are allowed.", allowed=allowed
        )


def _resolution(params: video_pb.VideoParams, model: ModelSpec, video: VideoSpec) -> str | None:
    name, asked = "resolution", params.resolution if params.HasField("resolution") else None
    if params.HasField("size"):
        for other in ("resolution", "aspect_ratio"):
            if params.HasField(other):
                raise InvalidField("size", f"`size` excludes `{other}`: it says both.")
        name, asked = "size", _resolution_of(params.size)
    if asked is None:
        return video.default_resolution
    if asked not in video.resolutions:
        allowed = ", ".join(video.resolutions)
        choice = f"makes {allowed}" if allowed else "has no choice of resolution"
        raise UnsupportedField(name, f"This model {choice}.", model=model.id, allowed=allowed)
    return asked


def _resolution_of(size: str) -> str:
    sides = _SIZE.fullmatch(size)
    resolution = _RESOLUTIONS.get(min(int(sides[1]), int(sides[2]))) if sides else None
    if resolution is None:
        allowed = "1280x720, 720x1280, 1920x1080, 1080x1920, 3840x2160, 2160x3840"
        raise InvalidField(
            "size", "`size` must be WIDTHxHEIGHT of 720p, 1080p or 4k.", allowed=allowed
        )
    return resolution


def _seconds(
    params: video_pb.VideoParams,
    model: ModelSpec,
    video: VideoSpec,
    rate: SecondRate,
    resolution: str | None,
) -> int:
    if video.seconds_source is SecondsSource.INPUT_VIDEO:
        if params.HasField("seconds"):
            raise UnsupportedField(
                "seconds",
                "This model's videos are as long as the video that is sent in.",
                model=model.id,
            )
        return video.longest_seconds
    if not params.HasField("seconds"):
        return rate.default_seconds
    allowed_seconds = video.allowed_seconds(resolution)
    if params.seconds not in allowed_seconds:
        allowed = ", ".join(map(str, allowed_seconds))
        where = f" in {resolution}" if resolution else ""
        raise UnsupportedField(
            "seconds",
            f"This model makes videos of {allowed} seconds{where}.",
            model=model.id,
            allowed=allowed,
        )
    return params.seconds


def _generate_audio(
    params: video_pb.VideoParams, model: ModelSpec, video: VideoSpec
) -> bool | None:
    if not params.HasField("generate_audio"):
        return True if video.generate_audio else None
    if not video.generate_audio:
        raise UnsupportedField(
            "generate_audio", "This model has no switch for sound.", model=model.id
        )
    return params.generate_audio


def _voice_control(
    params: video_pb.VideoParams,
    model: ModelSpec,
    video: VideoSpec,
    *,
    generate_audio: bool | None,
) -> bool | None:
    if not params.voice_ids:
        return False if video.voice_control else None
    if not video.voice_control:
        raise UnsupportedField("voice_ids", "This model takes no voices.", model=model.id)
    if len(params.voice_ids) > VOICES_MAX:
        allowed = f"at most {VOICES_MAX}"
        raise InvalidField("voice_ids", f"A video has {allowed} voices.", allowed=allowed)
    if generate_audio is False:
        raise InvalidField("voice_ids", "Voices need sound, and `generate_audio` is false.")
    return True
