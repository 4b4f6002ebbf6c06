"""Reading one model or one capability profile from its table."""

import re
from collections.abc import Mapping
from typing import Final

from tokensmith_server.billing.rates import Rate, SecondRate, TokenRate
from tokensmith_server.catalog.model import (
    Capabilities,
    ExtraProvider,
    Family,
    ImageSpec,
    Kind,
    Lifecycle,
    LifecycleStatus,
    ModelSpec,
    ReasoningEffort,
    SecondsSource,
    Support,
    TextSpec,
    Thinking,
    VideoSpec,
)
from tokensmith_server.catalog.rate_reader import read_rate
from tokensmith_server.catalog.reader import Table
from tokensmith_server.catalog.route_reader import UNREAD_ROUTES, read_routes

MAX_TOKENS: Final = 100_000_000
_MAX_CHOICES: Final = 128
_MAX_SECONDS: Final = 3_600
_MODEL_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+/-]{0,199}")
_ID_RULE: Final = "must be letters, digits and . _ : @ + - in segments parted by /"
_MOTION_CONTROL_PATH: Final = re.compile(r"/v1(/[A-Za-z0-9][A-Za-z0-9._-]*)+/motioncontrol")
_RESOLUTION: Final = re.compile(r"[0-9]+[a-z]")

# Stands in for what could not be read; the noted problem keeps it from ever being served.
_UNREAD_RATE: Final = TokenRate(input_microcredits=1, output_microcredits=1)


def read_model(
    table: Table,
    profiles: Mapping[str, Capabilities],
    providers: Mapping[str, ExtraProvider],
) -> ModelSpec:
    """The model that a table describes; what is wrong with it is noted in the table.

    Args:
        table: One entry of ``models``.
        profiles: The capability profiles that it may name.
        providers: The extra providers that it may route to, besides the built-in ones.
    """
    model_id = table.text("id")
    if model_id and not _is_model_id(model_id):
        table.note("id", _ID_RULE)
    if not table.has("kind"):
        table.note("kind", "is missing")
        # Nothing else can be judged, and each key would be reported as unknown.
        return ModelSpec(model_id, Kind.TEXT, model_id, _UNREAD_RATE, UNREAD_ROUTES)
    kind = table.choice("kind", Kind)
    text = _read_text(table, profiles) if kind is Kind.TEXT else None
    image = _read_image(table) if kind is Kind.IMAGE else None
    video = _read_video(table, kind) if kind in {Kind.VIDEO, Kind.MOTION_CONTROL} else None
    spec = ModelSpec(
        id=model_id,
        kind=kind,
        name=table.text("name", default=model_id or "unnamed"),
        rate=_read_rate(table, kind, video),
        routes=read_routes(table, kind, providers),
        lifecycle=_read_lifecycle(table),
        text=text,
        image=image,
        video=video,
        aliases=_read_aliases(table),
    )
    table.close()
    return spec


def read_capabilities(table: Table, base: Capabilities) -> Capabilities:
    """What a table says of capabilities, on top of ``base``."""
    capabilities = Capabilities(
        image_input=table.flag("image_input", base.image_input),
        audio_input=table.flag("audio_input", base.audio_input),
        audio_output=table.flag("audio_output", base.audio_output),
        file_input=table.flag("file_input", base.file_input),
        tools=table.flag("tools", base.tools),
        tools_with_reasoning=table.flag("tools_with_reasoning", base.tools_with_reasoning),
        parallel_tool_calls=table.flag("parallel_tool_calls", base.parallel_tool_calls),
        custom_tools=table.flag("custom_tools", base.custom_tools),
        json_object=table.flag("json_object", base.json_object),
        json_schema=table.flag("json_schema", base.json_schema),
        temperature=table.choice("temperature", Support, base.temperature),
        top_p=table.choice("top_p", Support, base.top_p),
        temperature_with_top_p=table.flag("temperature_with_top_p", base.temperature_with_top_p),
        stop=table.choice("stop", Support, base.stop),
        penalties=table.choice("penalties", Support, base.penalties),
        logit_bias=table.choice("logit_bias", Support, base.logit_bias),
        logprobs=table.choice("logprobs", Support, base.logprobs),
        top_logprobs_max=(
            table.integer("top_logprobs_max", maximum=20, default=0)
            if table.has("top_logprobs_max")
            else base.top_logprobs_max
        ),
        seed=table.choice("seed", Support, base.seed),
        verbosity=table.choice("verbosity", Support, base.verbosity),
        n_max=table.integer("n_max", maximum=_MAX_CHOICES, default=base.n_max),
        reasoning_efforts=table.choices(
            "reasoning_efforts", ReasoningEffort, base.reasoning_efforts
        ),
        default_reasoning_effort=(
            table.choice("default_reasoning_effort", ReasoningEffort)
            if table.has("default_reasoning_effort")
            else base.default_reasoning_effort
        ),
        thinking=table.choice("thinking", Thinking, base.thinking),
        thinking_levels=table.choices("thinking_levels", ReasoningEffort, base.thinking_levels),
        signed_tool_calls=table.flag("signed_tool_calls", base.signed_tool_calls),
        ends_with_assistant=table.flag("ends_with_assistant", base.ends_with_assistant),
        output_cap_bounds_reasoning=table.flag(
            "output_cap_bounds_reasoning", base.output_cap_bounds_reasoning
        ),
    )
    table.close()
    return capabilities


def _read_aliases(table: Table) -> tuple[str, ...]:
    aliases = table.texts("aliases")
    if not all(map(_is_model_id, aliases)):
        table.note("aliases", _ID_RULE)
    return aliases


def _read_rate(table: Table, kind: Kind, video: VideoSpec | None) -> Rate:
    rate_table = table.required_table("rate")
    if rate_table is None:
        return _UNREAD_RATE
    rate = read_rate(rate_table, kind, video)
    if (
        isinstance(rate, SecondRate)
        and video is not None
        and video.seconds_source is SecondsSource.REQUEST
        and rate.default_seconds not in video.allowed_seconds(video.default_resolution)
    ):
        rate_table.note("default_seconds", "is not among the seconds on offer")
    return rate


def _read_lifecycle(table: Table) -> Lifecycle:
    entry = table.table("lifecycle")
    if entry is None:
        return Lifecycle()
    lifecycle = Lifecycle(
        status=entry.choice("status", LifecycleStatus, LifecycleStatus.AVAILABLE),
        shutdown_on=entry.day("shutdown_on"),
        replacement=entry.optional_text("replacement"),
        note=entry.optional_text("note"),
        confirmed=entry.flag("confirmed", default=True),
    )
    if lifecycle.status is LifecycleStatus.AVAILABLE:
        if entry.has("shutdown_on"):
            entry.note("shutdown_on", "belongs to a deprecated or retired model")
    elif not entry.has("shutdown_on"):
        entry.note("shutdown_on", f"is missing for a {lifecycle.status} model")
    entry.close()
    return lifecycle


def _read_text(table: Table, profiles: Mapping[str, Capabilities]) -> TextSpec:
    context_tokens = table.integer("context_tokens", maximum=MAX_TOKENS)
    return TextSpec(
        context_tokens=context_tokens,
        family=table.choice("family", Family, Family.OPEN),
        capabilities=read_model_capabilities(table, profiles, Capabilities()),
        max_output_tokens=table.optional_integer("max_output_tokens", maximum=MAX_TOKENS),
    )


def read_model_capabilities(
    table: Table, profiles: Mapping[str, Capabilities], base: Capabilities
) -> Capabilities:
    """What a model's or a route's table says: its ``profile``, else ``base``, and single ones."""
    capabilities = base
    profile = table.optional_text("profile")
    if profile is not None and profile in profiles:
        capabilities = profiles[profile]
    elif profile:
        table.note("profile", f"unknown profile {profile}; known: {', '.join(profiles)}")
    own = table.table("capabilities")
    if own is not None:
        capabilities = read_capabilities(own, capabilities)
    default = capabilities.default_reasoning_effort
    if default is not None and default not in capabilities.reasoning_efforts:
        table.note("capabilities", "default_reasoning_effort is not among reasoning_efforts")
    if (capabilities.logprobs is Support.NO) != (capabilities.top_logprobs_max == 0):
        table.note("capabilities", "logprobs and top_logprobs_max go together")
    if (capabilities.thinking is Thinking.ADAPTIVE) != bool(capabilities.thinking_levels):
        table.note("capabilities", "thinking adaptive and thinking_levels go together")
    return capabilities


def _read_image(table: Table) -> ImageSpec:
    entry = table.required_table("image")
    if entry is None:
        return ImageSpec(n_max=1)
    image = ImageSpec(
        n_max=entry.integer("n_max", maximum=_MAX_CHOICES),
        image_input=entry.flag("image_input", default=False),
        responses=entry.flag("responses", default=False),
        price_is_minimum=entry.flag("price_is_minimum", default=False),
    )
    entry.close()
    return image


def _read_video(table: Table, kind: Kind) -> VideoSpec | None:
    entry = table.required_table("video")
    if entry is None:
        return None
    problems_before = len(table.problems)
    video = VideoSpec(
        seconds_source=entry.choice("seconds_source", SecondsSource, SecondsSource.REQUEST),
        resolutions=entry.texts("resolutions"),
        seconds=entry.integers("seconds", maximum=_MAX_SECONDS),
        seconds_at=_read_seconds_at(entry),
        generate_audio=entry.flag("generate_audio", default=False),
        voice_control=entry.flag("voice_control", default=False),
        max_input_seconds=entry.optional_integer("max_input_seconds", maximum=_MAX_SECONDS),
        max_input_seconds_image_orientation=entry.optional_integer(
            "max_input_seconds_image_orientation", maximum=_MAX_SECONDS
        ),
        motion_control_path=entry.optional_text("motion_control_path"),
    )
    entry.close()
    if len(table.problems) > problems_before:
        return None
    _check_lengths(entry, video)
    _check_choices(entry, video)
    _check_motion_control(entry, video, kind)
    return video if len(table.problems) == problems_before else None


def _read_seconds_at(table: Table) -> tuple[tuple[str, tuple[int, ...]], ...]:
    entry = table.table("seconds_at")
    if entry is None:
        return ()
    return tuple((key, entry.integers(key, maximum=_MAX_SECONDS)) for key in entry.keys())  # noqa: SIM118


def _check_lengths(entry: Table, video: VideoSpec) -> None:
    if video.seconds_source is SecondsSource.REQUEST:
        if not video.seconds:
            entry.note("seconds", "is missing: the lengths that may be asked for")
        if video.max_input_seconds is not None:
            entry.note("max_input_seconds", "belongs to seconds_source input_video")
    else:
        if video.seconds:
            entry.note("seconds", "belongs to seconds_source request")
        if video.max_input_seconds is None:
            entry.note("max_input_seconds", "is missing: the longest video that may be sent in")
    for resolution, seconds in video.seconds_at:
        if resolution not in video.resolutions:
            entry.note("seconds_at", f"{resolution} is not among the resolutions")
        if not seconds or not set(seconds) <= set(video.seconds):
            entry.note("seconds_at", f"{resolution} must hold some of the seconds")


def _check_choices(entry: Table, video: VideoSpec) -> None:
    for resolution in video.resolutions:
        if not _RESOLUTION.fullmatch(resolution):
            entry.note("resolutions", f'{resolution} must look like "720p" or "4k"')
    if video.voice_control and not video.generate_audio:
        entry.note("voice_control", "needs generate_audio")


def _check_motion_control(entry: Table, video: VideoSpec, kind: Kind) -> None:
    if kind is not Kind.MOTION_CONTROL:
        if video.motion_control_path is not None:
            entry.note("motion_control_path", "belongs to kind motion_control")
        return
    if video.seconds_source is not SecondsSource.INPUT_VIDEO:
        entry.note("seconds_source", "must be input_video for motion control")
    if video.motion_control_path is None:
        entry.note("motion_control_path", "is missing")
    elif not _MOTION_CONTROL_PATH.fullmatch(video.motion_control_path):
        entry.note("motion_control_path", 'must look like "/v1/.../motioncontrol"')


def _is_model_id(model_id: str) -> bool:
    return _MODEL_ID.fullmatch(model_id) is not None and not any(
        segment in {"", ".", ".."} for segment in model_id.split("/")
    )
