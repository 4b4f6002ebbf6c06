"""Prices before the call, over gRPC."""

from typing import Any

import grpc
import pytest

from tests.integration.server.rig import KEY, KINDS, ServerRig, failure_of, open_server
from tests.support.chat import BUILT_IN, params
from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import image_service_pb2 as image_pb
from tokensmith.v1 import video_service_pb2 as video_pb
from tokensmith_server.rate_limits import RatePolicy

CREDIT = 1_000_000


def estimate(rig: ServerRig, **asked: Any) -> Any:
    return rig.billing.Estimate(billing_pb.EstimateRequest(**asked), metadata=(KEY,))


@pytest.mark.parametrize("kind", KINDS)
async def test_estimate_of_a_chat_is_its_hold_line_by_line(kind: str) -> None:
    async with open_server(kind) as rig:
        told = await estimate(rig, chat=params(max_output_tokens=500, choice_count=2))
        assert rig.chat.journal == []
        answer = await rig.complete(params=params(max_output_tokens=500, choice_count=2))
        assert told.held_microcredits == answer.charge.held_microcredits
        assert told.catalog_version == answer.charge.catalog_version == BUILT_IN.version
        assert told.affordable
        assert (told.max_output_tokens, told.required_microcredits) == (500, told.held_microcredits)
        read, written = told.held_lines
        assert (read.unit, read.quantity) == (billing_pb.PRICE_UNIT_INPUT_TOKEN, told.input_tokens)
        assert (written.unit, written.quantity) == (billing_pb.PRICE_UNIT_OUTPUT_TOKEN, 1_000)
        assert read.amount_microcredits + written.amount_microcredits == told.held_microcredits


@pytest.mark.parametrize("kind", KINDS)
async def test_short_balance_lowers_the_estimate_as_it_lowers_the_hold(kind: str) -> None:
    async with open_server(kind, microcredits=30 * CREDIT) as rig:
        told = await estimate(rig, chat=params())
        assert told.affordable
        assert told.required_microcredits < told.held_microcredits <= 30 * CREDIT
        answer = await rig.complete()
        assert answer.charge.held_microcredits == told.held_microcredits


async def test_estimate_beyond_the_balance_says_what_is_missing_and_is_no_error() -> None:
    async with open_server("inprocess", microcredits=5) as rig:
        told = await estimate(rig, chat=params())
        assert not told.affordable
        assert told.available_microcredits == 5 < told.required_microcredits
        refused = await failure_of(rig.complete())
        assert int(refused.facts["required_microcredits"]) == told.required_microcredits


@pytest.mark.parametrize(
    ("asked", "held"),
    [
        ({"image": image_pb.ImageParams(model="gpt-image-2", prompt="A dot", image_count=3)}, 300),
        (
            {
                "image_edit": image_pb.ImageEditParams(
                    image=image_pb.ImageParams(model="gpt-image-2", prompt="A dot"),
                    input_images=[{"media_id": "media_1"}],
                )
            },
            100,
        ),
        (
            {
                "video": video_pb.VideoParams(
                    model="fal-ai/kling-video/v2.6/pro/text-to-video",
                    prompt="A wave",
                    seconds=10,
                    generate_audio=False,
                )
            },
            1_400,
        ),
        (
            {
                "motion_control": video_pb.MotionControlParams(
                    model="fal-ai/kling-video/v2.6/pro/motion-control",
                    character_orientation=video_pb.CHARACTER_ORIENTATION_IMAGE,
                )
            },
            2_240,
        ),
    ],
)
async def test_other_kinds_are_priced_by_the_list(asked: dict[str, Any], held: int) -> None:
    async with open_server("inprocess") as rig:
        told = await estimate(rig, **asked)
        assert told.held_microcredits == told.likely_microcredits == held * CREDIT
        assert told.required_microcredits == sum(
            line.amount_microcredits for line in told.held_lines
        )
        assert not told.HasField("max_output_tokens")
        assert not told.HasField("input_tokens")


@pytest.mark.parametrize(
    ("asked", "code", "reason", "facts"),
    [
        ({}, "INVALID_ARGUMENT", "INVALID_ARGUMENT", {"param": "params"}),
        (
            {"chat": params(temperature=3)},
            "INVALID_ARGUMENT",
            "INVALID_ARGUMENT",
            {"param": "temperature", "allowed": "0 to 2"},
        ),
        (
            {"image": image_pb.ImageParams(model="gpt-image-2", prompt="A dot", image_count=99)},
            "INVALID_ARGUMENT",
            "UNSUPPORTED_PARAMETER",
            {"param": "n", "allowed": "1 to 10"},
        ),
        (
            {"chat": params(model="gpt-5.4-minii")},
            "NOT_FOUND",
            "MODEL_NOT_FOUND",
            {"model": "gpt-5.4-minii"},
        ),
        (
            {"video": video_pb.VideoParams(model="gpt-5.4", prompt="A wave")},
            "INVALID_ARGUMENT",
            "MODEL_KIND_MISMATCH",
            {"use": "/v1/chat/completions"},
        ),
        (
            {"video": video_pb.VideoParams(model="sora-2", prompt="A wave")},
            "NOT_FOUND",
            "MODEL_RETIRED",
            {"model": "sora-2"},
        ),
    ],
)
async def test_what_cannot_be_priced_is_refused_as_the_call_would_be(
    asked: dict[str, Any], code: str, reason: str, facts: dict[str, str]
) -> None:
    async with open_server("inprocess") as rig:
        told = await failure_of(estimate(rig, **asked))
        assert (told.code, told.reason) == (grpc.StatusCode[code], reason)
        assert told.facts.items() >= facts.items()


@pytest.mark.parametrize("kind", KINDS)
async def test_estimates_count_towards_the_keys_requests(kind: str) -> None:
    async with open_server(kind, rates=RatePolicy(2, 1_000_000)) as rig:
        call = estimate(rig, chat=params())
        await call
        headers = dict(await call.initial_metadata())
        assert headers["x-ratelimit-remaining-requests"] == "1"
        assert headers["x-ratelimit-remaining-tokens"] == "1000000"
        await estimate(rig, chat=params())
        told = await failure_of(estimate(rig, chat=params()))
        assert (told.reason, told.facts["limit"]) == ("RATE_LIMIT_EXCEEDED", "requests")
