"""What every image request must be, whatever the model: presence, ranges, words.

Fields are named as REST names them. What a provider does not take is its adapter's to say.
"""

import re
from collections.abc import Sequence
from typing import Final

from tokensmith.v1 import image_service_pb2 as image_pb
from tokensmith_server.catalog.model import ImageSpec, ModelSpec
from tokensmith_server.errors import InvalidField, UnsupportedField

TEXT_LENGTH_MAX: Final = 32_000
INPUT_IMAGES_MAX: Final = 16

_SIZE = re.compile(r"auto|[1-9][0-9]{0,4}x[1-9][0-9]{0,4}", re.ASCII)
_WORDS: Final = {
    "background": ("auto", "opaque", "transparent"),
    "output_format": ("png", "jpeg", "webp"),
    "moderation": ("auto", "low"),
}


def check_params(params: image_pb.ImageParams, model: ModelSpec, image: ImageSpec) -> int:
    """Check what images are asked for with; returns how many there are to be.

    Raises:
        InvalidField: a field is missing or out of range.
        UnsupportedField: the model does not make so many images at once.
    """
    _check_text("prompt", params.prompt)
    if not params.prompt:
        raise InvalidField("prompt", "`prompt` is required: what to draw.")
    _check_text("negative_prompt", params.negative_prompt)
    if params.HasField("size") and _SIZE.fullmatch(params.size) is None:
        raise InvalidField(
            "size", "`size` must be auto or WIDTHxHEIGHT.", allowed="auto, 1024x1024, ..."
        )
    for name, words in _WORDS.items():
        if params.HasField(name):
            _check_word(name, getattr(params, name), words)
    if params.HasField("output_compression_percent"):
        _check_range("output_compression", params.output_compression_percent, 0, 100)
    count = params.image_count if params.HasField("image_count") else 1
    if not 1 <= count <= image.n_max:
        raise UnsupportedField(
            "n",
            f"This model makes 1 to {image.n_max} images at once.",
            model=model.id,
            allowed=f"1 to {image.n_max}",
        )
    return count


def check_edit(params: image_pb.ImageEditParams, model: ModelSpec, image: ImageSpec) -> int:
    """Check what an edit is asked for with; returns how many images there are to be.

    Raises:
        InvalidField: a field is missing or out of range.
        UnsupportedField: the model takes no images, or does not make so many at once.
    """
    if not image.image_input:
        raise UnsupportedField("image", "This model makes images from words alone.", model=model.id)
    if not 1 <= len(params.input_images) <= INPUT_IMAGES_MAX:
        allowed = f"1 to {INPUT_IMAGES_MAX}"
        raise InvalidField("image", f"An edit starts from {allowed} images.", allowed=allowed)
    if params.HasField("input_fidelity"):
        _check_word("input_fidelity", params.input_fidelity, ("high", "low"))
    return check_params(params.image, model, image)


def _check_text(name: str, text: str) -> None:
    if len(text) > TEXT_LENGTH_MAX:
        allowed = f"at most {TEXT_LENGTH_MAX} characters"
        raise InvalidField(
            name, f"`{name}` has {len(text)} characters; {allowed} are allowed.", allowed=allowed
        )


def _check_word(name: str, word: str, words: Sequence[str]) -> None:
    if word not in words:
        allowed = ", ".join(words)
        raise InvalidField(name, f"`{name}` must be one of {allowed}.", allowed=allowed)


def _check_range(name: str, number: int, low: int, high: int) -> None:
    if not low <= number <= high:
        allowed = f"{low} to {high}"
        raise InvalidField(name, f"`{name}` must be {allowed}.", allowed=allowed)
