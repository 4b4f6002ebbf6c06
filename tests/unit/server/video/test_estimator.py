"""Videos by the second, under the conditions that their rates name."""

from typing import Any

import pytest

from tests.support.chat import BUILT_IN
from tests.support.clock import FakeClock
from tokensmith.v1 import video_service_pb2 as video_pb
from tokensmith_server.billing.estimation import Estimate, estimate
from tokensmith_server.billing.rates import SecondRate
from tokensmith_server.catalog.model import Kind, ModelSpec
from tokensmith_server.catalog.selection import ModelSelection
from tokensmith_server.errors import InvalidField, ModelKindMismatch, ModelRetired
from tokensmith_server.video.estimator import MotionControlEstimator, VideoEstimator

VIDEOS = [model for model in BUILT_IN.values() if model.kind is Kind.VIDEO]
MOTIONS = [model for model in BUILT_IN.values() if model.kind is Kind.MOTION_CONTROL]
EVERYBODY = frozenset(route.provider for model in BUILT_IN.values() for route in model.routes)
MODELS = ModelSelection(BUILT_IN, FakeClock(), EVERYBODY)
RICH = 10**12
CREDIT = 1_000_000

KLING = "fal-ai/kling-video/v2.6/pro"
O1 = "fal-ai/kling-video/o1"
IMAGE = video_pb.CHARACTER_ORIENTATION_IMAGE
VIDEO = video_pb.CHARACTER_ORIENTATION_VIDEO


def params(model: str, **fields: Any) -> video_pb.VideoParams:
    return video_pb.VideoParams(**({"model": model, "prompt": "A wave"} | fields))


def price(model: str, **fields: Any) -> Estimate:
    return estimate(VideoEstimator(MODELS).price(params(model, **fields)), RICH)


@pytest.mark.parametrize("model", VIDEOS, ids=lambda model: model.id)
def test_every_video_model_has_a_price_for_all_that_it_offers(model: ModelSpec) -> None:
    assert isinstance(model.rate, SecondRate)
    assert model.video is not None
    prices = {tier.second_microcredits for tier in model.rate.tiers}
    asked = [
        {"resolution": resolution, "seconds": seconds}
        for resolution in model.video.resolutions or (None,)
        for seconds in model.video.allowed_seconds(resolution)
    ]
    for fields in ({}, *asked):
        estimated = price(model.id, **fields)
        (line,) = estimated.lines
        assert line.unit == "second"
        assert line.unit_microcredits in prices
        assert estimated.held_microcredits == line.amount_microcredits


@pytest.mark.parametrize(
    ("model", "fields", "rate", "seconds", "words"),
    [
        ("sora-2", {}, 200, 4, "720p"),
        ("sora-2", {"size": "720x1280", "seconds": 12}, 200, 12, "720p"),
        ("veo-3.1-generate-preview", {}, 800, 8, "720p"),
        ("veo-3.1-generate-preview", {"resolution": "4k"}, 1_200, 8, "4k"),
        ("veo-3.1-fast-generate-preview", {"size": "1920x1080"}, 240, 8, "1080p"),
        (f"{KLING}/text-to-video", {"seconds": 10}, 280, 10, "with sound"),
        (f"{KLING}/text-to-video", {"generate_audio": False}, 140, 5, "without sound"),
        (f"{KLING}/image-to-video", {"voice_ids": ["v"]}, 336, 5, "with voices"),
        (f"{KLING}/image-to-video", {"generate_audio": False}, 140, 5, "without sound"),
        (f"{O1}/image-to-video", {"seconds": 7}, 224, 7, ""),
        ("ByteDance/Seedance-1.0-lite", {}, 80, 5, ""),
    ],
)
def test_price_is_the_rate_of_the_settings_times_the_seconds(
    model: str, fields: dict[str, Any], rate: int, seconds: int, words: str
) -> None:
    (line,) = price(model, **fields).lines
    assert (line.unit_microcredits, line.quantity) == (rate * CREDIT, seconds)
    assert line.description == words


def test_edit_is_held_at_the_longest_video_that_can_be_sent_in() -> None:
    (line,) = price(f"{O1}/video-to-video/edit").lines
    assert (line.unit_microcredits, line.quantity) == (336 * CREDIT, 11)
    assert "longest" in line.description


@pytest.mark.parametrize(
    ("model", "fields", "param", "allowed"),
    [
        ("sora-2", {"prompt": ""}, "prompt", ""),
        ("sora-2", {"prompt": "x" * 32_001}, "prompt", "at most 32000 characters"),
        ("sora-2", {"seconds": 5}, "seconds", "4, 8, 12"),
        ("sora-2", {"resolution": "1080p"}, "resolution", "720p"),
        ("sora-2", {"size": "1920x1080"}, "size", "720p"),
        ("sora-2", {"size": "1280x720", "resolution": "720p"}, "size", ""),
        ("sora-2", {"generate_audio": True}, "generate_audio", ""),
        ("sora-2", {"voice_ids": ["v"]}, "voice_ids", ""),
        ("veo-3.1-generate-preview", {"resolution": "4k", "seconds": 4}, "seconds", "8"),
        (f"{O1}/video-to-video/edit", {"seconds": 5}, "seconds", ""),
        (f"{O1}/image-to-video", {"resolution": "720p"}, "resolution", ""),
        (f"{KLING}/image-to-video", {"voice_ids": ["a", "b", "c"]}, "voice_ids", "at most 2"),
        (
            f"{KLING}/image-to-video",
            {"voice_ids": ["a"], "generate_audio": False},
            "voice_ids",
            "",
        ),
    ],
)
def test_setting_that_cannot_be_is_named_with_what_is_allowed(
    model: str, fields: dict[str, Any], param: str, allowed: str
) -> None:
    with pytest.raises(InvalidField) as caught:
        price(model, **fields)
    assert (caught.value.param, caught.value.allowed) == (param, allowed)


@pytest.mark.parametrize("size", ["big", "1280", "0x0", "800x600", "1280X720"])
def test_size_that_is_none_is_refused(size: str) -> None:
    with pytest.raises(InvalidField) as caught:
        price("sora-2", size=size)
    assert "1280x720" in caught.value.allowed


@pytest.mark.parametrize("model", MOTIONS, ids=lambda model: model.id)
@pytest.mark.parametrize(("orientation", "seconds"), [(IMAGE, 10), (VIDEO, 30)])
def test_motion_control_is_held_at_the_longest_of_its_orientation(
    model: ModelSpec, orientation: video_pb.CharacterOrientation, seconds: int
) -> None:
    assert isinstance(model.rate, SecondRate)
    asked = video_pb.MotionControlParams(model=model.id, character_orientation=orientation)
    estimated = estimate(MotionControlEstimator(MODELS).price(asked), RICH)
    assert estimated.held_microcredits == model.rate.tiers[0].second_microcredits * seconds


def test_motion_control_needs_its_orientation() -> None:
    with pytest.raises(InvalidField) as caught:
        MotionControlEstimator(MODELS).price(video_pb.MotionControlParams(model=MOTIONS[0].id))
    assert (caught.value.param, caught.value.allowed) == ("character_orientation", "image, video")


def test_video_model_at_the_wrong_endpoint_is_told_the_right_one() -> None:
    with pytest.raises(ModelKindMismatch) as caught:
        price(MOTIONS[0].id)
    assert caught.value.endpoint == MOTIONS[0].endpoint
    assert "makes motion-control videos" in str(caught.value)


def test_withdrawn_model_has_no_price_where_its_provider_is_real() -> None:
    with pytest.raises(ModelRetired):
        VideoEstimator(ModelSelection(BUILT_IN, FakeClock())).price(params("sora-2"))
