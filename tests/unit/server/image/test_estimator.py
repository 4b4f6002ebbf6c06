"""Images at the list price, and what they are refused for."""

from typing import Any

import pytest

from tests.support.chat import BUILT_IN
from tests.support.clock import FakeClock
from tokensmith.v1 import image_service_pb2 as image_pb
from tokensmith.v1 import media_service_pb2 as media_pb
from tokensmith_server.billing.estimation import estimate
from tokensmith_server.billing.rates import ImageRate
from tokensmith_server.catalog.model import Kind, ModelSpec
from tokensmith_server.catalog.selection import ModelSelection
from tokensmith_server.errors import (
    InvalidField,
    ModelKindMismatch,
    ModelNotFound,
    UnsupportedField,
)
from tokensmith_server.image.estimator import ImageEditEstimator, ImageEstimator

IMAGES = [model for model in BUILT_IN.values() if model.kind is Kind.IMAGE]
EVERYBODY = frozenset(route.provider for model in BUILT_IN.values() for route in model.routes)
MODELS = ModelSelection(BUILT_IN, FakeClock(), EVERYBODY)
RICH = 10**12


def params(**fields: Any) -> image_pb.ImageParams:
    return image_pb.ImageParams(**({"model": "gpt-image-2", "prompt": "A dot"} | fields))


def edit(count: int = 1, fidelity: str | None = None, **fields: Any) -> image_pb.ImageEditParams:
    pictures = [media_pb.MediaReference(media_id=f"media_{n}") for n in range(count)]
    return image_pb.ImageEditParams(
        image=params(**fields), input_images=pictures, input_fidelity=fidelity
    )


@pytest.mark.parametrize("model", IMAGES, ids=lambda model: model.id)
def test_every_image_model_costs_its_rate_times_the_images(model: ModelSpec) -> None:
    assert isinstance(model.rate, ImageRate)
    assert model.image is not None
    for count in (None, 1, model.image.n_max):
        priced = ImageEstimator(MODELS).price(params(model=model.id, image_count=count))
        estimated = estimate(priced, RICH)
        price = model.rate.image_microcredits * (count or 1)
        assert estimated.held_microcredits == estimated.likely_microcredits == price
        assert estimated.required_microcredits == price
        (line,) = estimated.lines
        assert (line.unit, line.quantity) == ("image", count or 1)


@pytest.mark.parametrize("model", IMAGES, ids=lambda model: model.id)
def test_edit_costs_the_same_where_the_model_takes_images(model: ModelSpec) -> None:
    assert model.image is not None
    estimator = ImageEditEstimator(MODELS)
    if model.image.image_input:
        priced = estimator.price(edit(model=model.id, image_count=2))
        same = ImageEstimator(MODELS).price(params(model=model.id, image_count=2))
        assert priced == same
    else:
        with pytest.raises(UnsupportedField) as caught:
            estimator.price(edit(model=model.id))
        assert caught.value.param == "image"


@pytest.mark.parametrize(
    ("fields", "param", "allowed"),
    [
        ({"prompt": ""}, "prompt", ""),
        ({"prompt": "x" * 32_001}, "prompt", "at most 32000 characters"),
        ({"image_count": 0}, "n", "1 to 10"),
        ({"image_count": 11}, "n", "1 to 10"),
        ({"size": "big"}, "size", "auto, 1024x1024, ..."),
        ({"background": "red"}, "background", "auto, opaque, transparent"),
        ({"output_format": "gif"}, "output_format", "png, jpeg, webp"),
        ({"output_compression_percent": 101}, "output_compression", "0 to 100"),
        ({"moderation": "none"}, "moderation", "auto, low"),
        ({"negative_prompt": "x" * 32_001}, "negative_prompt", "at most 32000 characters"),
    ],
)
def test_field_out_of_range_is_named_with_what_is_allowed(
    fields: dict[str, Any], param: str, allowed: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        ImageEstimator(MODELS).price(params(**fields))
    assert (caught.value.param, caught.value.allowed) == (param, allowed)


@pytest.mark.parametrize(
    ("asked", "param"),
    [(edit(0), "image"), (edit(17), "image"), (edit(fidelity="some"), "input_fidelity")],
)
def test_edit_that_cannot_be_is_refused_by_its_field(
    asked: image_pb.ImageEditParams, param: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        ImageEditEstimator(MODELS).price(asked)
    assert caught.value.param == param


def test_model_that_is_not_there_or_makes_something_else() -> None:
    with pytest.raises(ModelNotFound) as unknown:
        ImageEstimator(MODELS).price(params(model="gpt-image-3"))
    assert "gpt-image-2" in unknown.value.near_matches
    with pytest.raises(ModelKindMismatch) as other:
        ImageEstimator(MODELS).price(params(model="gpt-5.4"))
    assert str(other.value) == "The model `gpt-5.4` writes text; use /v1/chat/completions."
