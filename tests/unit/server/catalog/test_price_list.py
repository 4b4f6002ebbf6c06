"""The catalog against the published price list, written down here a second time by hand."""

from collections import Counter
from datetime import date

import pytest

from tokensmith_server.billing.estimates import FAMILIES
from tokensmith_server.billing.rates import (
    MICROCREDITS_PER_CREDIT,
    ImageRate,
    SecondRate,
    SecondTier,
    TokenRate,
)
from tokensmith_server.catalog.catalog import Catalog
from tokensmith_server.catalog.loader import load_catalog
from tokensmith_server.catalog.model import Family, Kind, LifecycleStatus, ReasoningEffort, Support

# Model, provider, credits per 1M tokens in and out, context in thousands of tokens.
TEXT = [
    ("gpt-5.4", "openai", 5_000, 30_000, 270),
    ("gpt-5.4-mini", "openai", 1_500, 9_000, 270),
    ("gpt-5.4-nano", "openai", 400, 2_500, 270),
    ("claude-opus-4-7", "anthropic", 10_000, 50_000, 200),
    ("claude-sonnet-4-6", "anthropic", 6_000, 30_000, 200),
    ("claude-haiku-4-5", "anthropic", 2_000, 10_000, 200),
    ("grok-4.20-0309-reasoning", "xai", 4_000, 12_000, 2_000),
    ("grok-4.20-0309-non-reasoning", "xai", 4_000, 12_000, 2_000),
    ("grok-4-1-fast-reasoning", "xai", 400, 1_000, 2_000),
    ("gemini-3.1-pro", "gemini", 4_000, 24_000, 200),
    ("gemini-3-flash", "gemini", 1_000, 6_000, 1_000),
    ("openai/gpt-oss-120b", "together", 300, 1_200, 128),
    ("OpenAI/gpt-oss-20B", "together", 100, 400, 128),
    ("google/gemma-4-31B-it", "together", 400, 1_000, 256),
    ("google/gemma-3n-E4B-it", "together", 120, 240, 32),
    ("Qwen/Qwen3-Coder-480B-A35B-Instruct-FP8", "together", 4_000, 4_000, 256),
    ("Qwen/Qwen3-Coder-Next-FP8", "together", 1_000, 2_400, 262),
    ("Qwen/Qwen2.5-7B-Instruct-Turbo", "together", 600, 600, 32),
    ("zai-org/GLM-5.1", "together", 2_800, 8_800, 200),
    ("zai-org/GLM-5", "together", 2_000, 6_400, 202),
    ("moonshotai/Kimi-K2.5", "together", 1_000, 5_600, 262),
    ("MiniMaxAI/MiniMax-M2.7", "together", 600, 2_400, 229),
    ("MiniMaxAI/MiniMax-M2.5", "together", 600, 2_400, 192),
    ("deepseek-ai/DeepSeek-V3.1", "together", 1_200, 3_400, 128),
    ("deepseek-ai/DeepSeek-R1", "together", 6_000, 14_000, 160),
    ("meta-llama/Llama-3.3-70B-Instruct-Turbo", "together", 1_760, 1_760, 128),
    ("deepcogito/cogito-v2-1-671b", "together", 2_500, 2_500, 32),
    ("LiquidAI/LFM2-24B-A2B", "together", 60, 240, 32),
    ("essentialai/rnj-1-instruct", "together", 300, 300, 32),
]

# Model, provider, credits per image.
IMAGES = [
    ("ByteDance-Seed/Seedream-3.0", "together", 36),
    ("black-forest-labs/FLUX.2-pro", "together", 60),
    ("openai/gpt-image-1.5", "together", 68),
    ("gpt-image-2", "openai", 100),
    ("google/flash-image-3.1", "together", 89),
    ("Qwen/Qwen-Image-2.0-Pro", "together", 150),
    ("google/gemini-3-pro-image", "together", 250),
]

KLING = "fal-ai/kling-video"

# Model, provider, default seconds, and each price: credits per second, resolution, audio, voice.
VIDEOS: list[tuple[str, str, int, list[tuple[int, str | None, bool | None, bool | None]]]] = [
    ("sora-2", "openai", 4, [(200, "720p", None, None)]),
    (
        "veo-3.1-generate-preview",
        "gemini",
        8,
        [(800, "720p", None, None), (800, "1080p", None, None), (1_200, "4k", None, None)],
    ),
    (
        "veo-3.1-fast-generate-preview",
        "gemini",
        8,
        [(200, "720p", None, None), (240, "1080p", None, None), (600, "4k", None, None)],
    ),
    (
        "veo-3.1-lite-generate-preview",
        "gemini",
        8,
        [(100, "720p", None, None), (160, "1080p", None, None)],
    ),
    (
        f"{KLING}/v2.6/pro/text-to-video",
        "fal",
        5,
        [(280, None, True, None), (140, None, False, None)],
    ),
    (
        f"{KLING}/v2.6/pro/image-to-video",
        "fal",
        5,
        [(280, None, True, False), (140, None, False, False), (336, None, True, True)],
    ),
    (f"{KLING}/v2.5-turbo/standard/image-to-video", "fal", 5, [(84, None, None, None)]),
    (f"{KLING}/o1/image-to-video", "fal", 5, [(224, None, None, None)]),
    (f"{KLING}/o1/standard/image-to-video", "fal", 5, [(168, None, None, None)]),
    (f"{KLING}/o1/standard/reference-to-video", "fal", 5, [(168, None, None, None)]),
    (f"{KLING}/o1/video-to-video/reference", "fal", 5, [(336, None, None, None)]),
    (f"{KLING}/o1/video-to-video/edit", "fal", 5, [(336, None, None, None)]),
    (f"{KLING}/o1/standard/video-to-video/edit", "fal", 5, [(252, None, None, None)]),
    ("ByteDance/Seedance-1.0-lite", "together", 5, [(80, None, None, None)]),
]

# Model, credits per second, path.
MOTION_CONTROL = [
    (
        f"{KLING}/v2.6/standard/motion-control",
        140,
        "/v1/fal-ai/kling-video/v2.6/standard/motioncontrol",
    ),
    (f"{KLING}/v2.6/pro/motion-control", 224, "/v1/fal-ai/kling-video/v2.6/pro/motioncontrol"),
    (
        f"{KLING}/v3/standard/motion-control",
        252,
        "/v1/fal-ai/kling-video/v3/standard/motioncontrol",
    ),
]


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


def test_the_catalog_sells_exactly_the_53_models_of_the_price_list(catalog: Catalog) -> None:
    listed = [row[0] for table in (TEXT, IMAGES, VIDEOS, MOTION_CONTROL) for row in table]
    assert list(catalog) == listed
    assert len(catalog) == 53
    assert Counter(model.kind for model in catalog.values()) == {
        Kind.TEXT: 29,
        Kind.IMAGE: 7,
        Kind.VIDEO: 14,
        Kind.MOTION_CONTROL: 3,
    }


@pytest.mark.parametrize("row", TEXT, ids=lambda row: row[0])
def test_text_model_has_the_listed_price_context_and_endpoint(
    catalog: Catalog, row: tuple[str, str, int, int, int]
) -> None:
    model_id, provider, credits_in, credits_out, context = row
    model = catalog[model_id]
    assert model.kind is Kind.TEXT
    assert model.provider == provider
    # Credits per 1M tokens are micro-credits per token.
    assert model.rate == TokenRate(credits_in, credits_out, None)
    assert model.context_tokens == context * 1_000
    assert model.endpoint == "/v1/chat/completions"


@pytest.mark.parametrize(("model_id", "provider", "credits_per_image"), IMAGES)
def test_image_model_has_the_listed_price_and_endpoint(
    catalog: Catalog, model_id: str, provider: str, credits_per_image: int
) -> None:
    model = catalog[model_id]
    assert model.kind is Kind.IMAGE
    assert model.provider == provider
    assert model.rate == ImageRate(credits_per_image * 1_000_000, None)
    assert model.context_tokens is None
    assert model.endpoint == "/v1/images/generations"


@pytest.mark.parametrize(("model_id", "provider", "default_seconds", "prices"), VIDEOS)
def test_video_model_has_the_listed_prices_default_length_and_endpoint(
    catalog: Catalog,
    model_id: str,
    provider: str,
    default_seconds: int,
    prices: list[tuple[int, str | None, bool | None, bool | None]],
) -> None:
    model = catalog[model_id]
    assert model.kind is Kind.VIDEO
    assert model.provider == provider
    assert model.endpoint == "/v1/videos"
    assert isinstance(model.rate, SecondRate)
    assert model.rate.default_seconds == default_seconds
    for credits_per_second, resolution, audio, voice in prices:
        tier = first_tier(model.rate, resolution, audio, voice)
        assert tier.second_microcredits == credits_per_second * MICROCREDITS_PER_CREDIT
    assert {tier.second_microcredits for tier in model.rate.tiers} == {
        price * MICROCREDITS_PER_CREDIT for price, *_ in prices
    }
    assert model.video is not None
    assert set(model.video.resolutions) == {price[1] for price in prices} - {None}


@pytest.mark.parametrize(("model_id", "credits_per_second", "path"), MOTION_CONTROL)
def test_motion_control_model_has_the_listed_price_and_path(
    catalog: Catalog, model_id: str, credits_per_second: int, path: str
) -> None:
    model = catalog[model_id]
    assert model.kind is Kind.MOTION_CONTROL
    assert model.provider == "fal"
    assert model.rate == SecondRate((SecondTier(credits_per_second * 1_000_000),), 5)
    assert model.endpoint == path
    assert catalog.find_motion_control(path) is model


def first_tier(
    rate: SecondRate, resolution: str | None, audio: bool | None, voice: bool | None
) -> SecondTier:
    return next(
        tier
        for tier in rate.tiers
        if tier.resolution in (None, resolution)
        and tier.generate_audio in (None, audio)
        and tier.voice_control in (None, voice)
    )


def test_only_gpt_image_2_is_priced_from_a_minimum(catalog: Catalog) -> None:
    assert [
        model.id for model in catalog.values() if model.image and model.image.price_is_minimum
    ] == ["gpt-image-2"]


# What the providers said until November 2026.
LIFECYCLE = {
    "gpt-5.4-nano": (LifecycleStatus.DEPRECATED, date(2027, 4, 1)),
    "openai/gpt-image-1.5": (LifecycleStatus.DEPRECATED, date(2026, 12, 1)),
    "grok-4-1-fast-reasoning": (LifecycleStatus.RETIRED, date(2026, 5, 15)),
    "sora-2": (LifecycleStatus.RETIRED, date(2026, 9, 24)),
    "veo-3.1-generate-preview": (LifecycleStatus.RETIRED, date(2026, 10, 22)),
    "veo-3.1-fast-generate-preview": (LifecycleStatus.RETIRED, date(2026, 10, 22)),
    "veo-3.1-lite-generate-preview": (LifecycleStatus.RETIRED, date(2026, 10, 22)),
}


def test_every_model_that_is_ending_upstream_says_when(catalog: Catalog) -> None:
    ending = {
        model.id: (model.lifecycle.status, model.lifecycle.shutdown_on)
        for model in catalog.values()
        if model.lifecycle.status is not LifecycleStatus.AVAILABLE
    }
    assert ending == LIFECYCLE


def test_deprecated_model_counts_as_retired_from_its_last_day(catalog: Catalog) -> None:
    lifecycle = catalog["gpt-5.4-nano"].lifecycle
    assert lifecycle.status_on(date(2027, 3, 31)) is LifecycleStatus.DEPRECATED
    assert lifecycle.status_on(date(2027, 4, 1)) is LifecycleStatus.RETIRED


# Where the id that is sold is not the id upstream, or there is a second route.
ROUTES = {
    "gemini-3.1-pro": ["gemini/gemini-3.1-pro-preview"],
    "gemini-3-flash": ["gemini/gemini-3-flash-preview"],
    "OpenAI/gpt-oss-20B": ["together/openai/gpt-oss-20b"],
    "openai/gpt-image-1.5": ["together/openai/gpt-image-1.5", "openai/gpt-image-1.5"],
    "google/flash-image-3.1": [
        "together/google/flash-image-3.1",
        "gemini/gemini-3.1-flash-image",
    ],
    "google/gemini-3-pro-image": [
        "together/google/gemini-3-pro-image",
        "gemini/gemini-3-pro-image",
    ],
}


def test_every_other_model_has_one_route_under_its_own_id(catalog: Catalog) -> None:
    for model in catalog.values():
        expected = ROUTES.get(model.id, [f"{model.provider}/{model.id}"])
        assert [route.name for route in model.routes] == expected


def test_output_ceilings_are_those_that_the_providers_document(catalog: Catalog) -> None:
    known = {
        model.id: model.max_output_tokens for model in catalog.values() if model.max_output_tokens
    }
    assert known == {
        "gpt-5.4": 128_000,
        "gpt-5.4-mini": 128_000,
        "gpt-5.4-nano": 128_000,
        "claude-opus-4-7": 128_000,
        "claude-sonnet-4-6": 128_000,
        "claude-haiku-4-5": 64_000,
        "gemini-3.1-pro": 65_536,
        "gemini-3-flash": 65_536,
    }


def test_a_request_without_a_limit_is_allowed_16384_tokens(catalog: Catalog) -> None:
    for model in catalog.values():
        if model.text is not None:
            assert model.text.default_output_tokens == 16_384


def test_only_xai_counts_visible_text_alone_against_the_output_limit(catalog: Catalog) -> None:
    unbounded = {
        model.provider
        for model in catalog.values()
        if model.text and not model.text.capabilities.output_cap_bounds_reasoning
    }
    bounded = {
        model.provider
        for model in catalog.values()
        if model.text and model.text.capabilities.output_cap_bounds_reasoning
    }
    assert unbounded == {"xai"}
    assert "xai" not in bounded


def test_gpt_5_4_takes_sampling_parameters_and_tools_only_without_reasoning(
    catalog: Catalog,
) -> None:
    for model_id in ("gpt-5.4", "gpt-5.4-mini", "gpt-5.4-nano"):
        text = catalog[model_id].text
        assert text is not None
        can = text.capabilities
        assert (can.temperature, can.top_p, can.logprobs) == (Support.WITHOUT_REASONING,) * 3
        assert can.tools
        assert not can.tools_with_reasoning
        assert can.default_reasoning_effort is ReasoningEffort.NONE
        assert not can.accepts_effort(ReasoningEffort.MINIMAL)


def test_grok_refuses_every_effort_and_its_reasoning_ids_refuse_stop_and_penalties(
    catalog: Catalog,
) -> None:
    for model_id, refuses in {
        "grok-4.20-0309-reasoning": True,
        "grok-4.20-0309-non-reasoning": False,
        "grok-4-1-fast-reasoning": True,
    }.items():
        text = catalog[model_id].text
        assert text is not None
        can = text.capabilities
        assert can.reasoning_efforts == ()
        expected = Support.NO if refuses else Support.YES
        assert (can.stop, can.penalties) == (expected, expected)


def test_opus_refuses_sampling_and_haiku_has_no_max_effort(catalog: Catalog) -> None:
    opus, haiku = catalog["claude-opus-4-7"].text, catalog["claude-haiku-4-5"].text
    assert opus is not None
    assert haiku is not None
    assert (opus.capabilities.temperature, opus.capabilities.top_p) == (Support.NO, Support.NO)
    assert haiku.capabilities.temperature is Support.WITHOUT_REASONING
    assert opus.capabilities.accepts_effort(ReasoningEffort.MAX)
    assert not haiku.capabilities.accepts_effort(ReasoningEffort.MAX)


def test_veo_offers_its_higher_resolutions_at_8_seconds_only(catalog: Catalog) -> None:
    video = catalog["veo-3.1-generate-preview"].video
    assert video is not None
    assert video.default_resolution == "720p"
    assert video.allowed_seconds("720p") == (4, 6, 8)
    assert video.allowed_seconds("1080p") == (8,)
    assert video.allowed_seconds("4k") == (8,)


def test_motion_control_and_edits_are_billed_by_the_video_sent_in(catalog: Catalog) -> None:
    edit = catalog[f"{KLING}/o1/video-to-video/edit"].video
    motion = catalog[f"{KLING}/v2.6/pro/motion-control"].video
    assert edit is not None
    assert motion is not None
    assert (edit.seconds_source, edit.longest_seconds) == ("input_video", 11)
    assert (motion.seconds_source, motion.longest_seconds) == ("input_video", 30)
    assert motion.max_input_seconds_image_orientation == 10


def test_every_family_has_an_input_estimate() -> None:
    assert set(FAMILIES) == set(Family)
