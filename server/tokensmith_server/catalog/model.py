"""The catalog's values: what one sold model costs, takes and is served by.

Everything here is frozen and holds no behaviour beyond reading itself. Prices are integer
micro-credits (``billing.rates``), sizes are tokens and whole seconds, dates are calendar days.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Final

from tokensmith_server.billing.rates import Rate

DEFAULT_OUTPUT_TOKENS: Final = 16_384
"""The output allowance of a caller who names no limit, unless the model's own maximum is lower."""


class Kind(StrEnum):
    """What a model makes, which decides its endpoint and how it is priced."""

    TEXT = "text"
    IMAGE = "image"
    VIDEO = "video"
    MOTION_CONTROL = "motion_control"


BUILT_IN_PROVIDERS: Final[Mapping[str, frozenset[Kind]]] = {
    "openai": frozenset({Kind.TEXT, Kind.IMAGE, Kind.VIDEO}),
    "anthropic": frozenset({Kind.TEXT}),
    "gemini": frozenset({Kind.TEXT, Kind.IMAGE, Kind.VIDEO}),
    "xai": frozenset({Kind.TEXT}),
    "together": frozenset({Kind.TEXT, Kind.IMAGE, Kind.VIDEO}),
    "fal": frozenset({Kind.VIDEO, Kind.MOTION_CONTROL}),
}
"""The providers that have an adapter of their own, and the kinds that each serves."""

EXTRA_PROVIDER_KINDS: Final = frozenset({Kind.TEXT})
"""What a host that the overlay file adds can serve."""


class LifecycleStatus(StrEnum):
    """Where a model stands upstream."""

    AVAILABLE = "available"
    DEPRECATED = "deprecated"
    RETIRED = "retired"


class Family(StrEnum):
    """Models whose prompts cost alike, for the input estimate that a hold rests on."""

    GPT = "gpt"
    CLAUDE = "claude"
    CLAUDE_DENSE = "claude_dense"
    """Claude from Opus 4.7 on: about 30 % more tokens for the same text."""
    GROK = "grok"
    GEMINI = "gemini"
    OPEN = "open"
    """Open-weight models, and any host that an operator adds."""


class Support(StrEnum):
    """Whether a model takes a request parameter."""

    YES = "yes"
    NO = "no"
    WITHOUT_REASONING = "without_reasoning"
    """Only in a request whose reasoning effort is ``none``, asked for or by default."""


class ReasoningEffort(StrEnum):
    """The values of OpenAI's ``reasoning_effort``, from least to most."""

    NONE = "none"
    MINIMAL = "minimal"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    XHIGH = "xhigh"
    MAX = "max"


class Thinking(StrEnum):
    """How reasoning is asked for at a provider that calls it thinking."""

    NONE = "none"
    """There is no switch of its own: the effort is sent as it is, or not at all."""
    ADAPTIVE = "adaptive"
    """By a level; the model decides how long."""
    BUDGET = "budget"
    """By a number of tokens within the output limit."""


class SecondsSource(StrEnum):
    """Which length a video is billed by."""

    REQUEST = "request"
    INPUT_VIDEO = "input_video"
    """The endpoint takes no duration: the result is as long as the video that is sent in."""


class Dialect(StrEnum):
    """Whose way of speaking a host has that the overlay file adds."""

    OPENAI = "openai"
    """Chat completions, taken as they come: ``ProviderQuirks`` says how a host departs."""
    ANTHROPIC = "anthropic"
    GEMINI = "gemini"
    XAI = "xai"
    TOGETHER = "together"


class TokenCapField(StrEnum):
    """The two spellings of the output limit among OpenAI-compatible hosts."""

    MAX_TOKENS = "max_tokens"
    MAX_COMPLETION_TOKENS = "max_completion_tokens"


@dataclass(frozen=True, slots=True)
class Route:
    """One way to serve a model: a provider, and the id that the model has there.

    Routes of one ``order`` share calls by ``weight``; the next order gets what they can't serve.
    ``None`` is the route's place in its list.
    """

    provider: str
    upstream_id: str
    order: int | None = None
    weight: int = 1

    @property
    def name(self) -> str:
        """``provider/upstream id``, for logs, metrics and circuit breakers."""
        return f"{self.provider}/{self.upstream_id}"


@dataclass(frozen=True, slots=True)
class Lifecycle:
    """What is known about the model's future upstream.

    ``shutdown_on`` is the announced day for a deprecated model and the past one for a retired
    model, else ``None``. ``replacement`` is the provider's name for the successor, which need not
    be sold here. ``confirmed`` is false where no source says that the provider still serves it.
    """

    status: LifecycleStatus = LifecycleStatus.AVAILABLE
    shutdown_on: date | None = None
    replacement: str | None = None
    note: str | None = None
    confirmed: bool = True

    def status_on(self, today: date) -> LifecycleStatus:
        """The status on a day: a deprecated model is retired once its last day has come."""
        if (
            self.status is LifecycleStatus.DEPRECATED
            and self.shutdown_on is not None
            and today >= self.shutdown_on
        ):
            return LifecycleStatus.RETIRED
        return self.status


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a chat request to the model may hold.

    The list is what a caller may ask of the gateway; how a value is spelt upstream, or which
    level a provider has for an effort, is the adapter's business.
    """

    image_input: bool = False
    audio_input: bool = False
    audio_output: bool = False
    file_input: bool = False

    tools: bool = True
    tools_with_reasoning: bool = True
    """Whether function tools go together with a reasoning effort other than ``none``."""
    parallel_tool_calls: bool = False
    """Whether the provider has the switch that limits a turn to one call."""
    custom_tools: bool = False

    json_object: bool = True
    json_schema: bool = True

    temperature: Support = Support.YES
    top_p: Support = Support.YES
    temperature_with_top_p: bool = True
    """Whether one request may set both."""
    stop: Support = Support.YES
    penalties: Support = Support.YES
    """Presence and frequency penalty; no provider takes one of them alone."""
    logit_bias: Support = Support.YES
    logprobs: Support = Support.NO
    top_logprobs_max: int = 0
    seed: Support = Support.YES
    verbosity: Support = Support.NO
    n_max: int = 1

    reasoning_efforts: tuple[ReasoningEffort, ...] = ()
    """The efforts that may be asked for; none at all when the parameter itself is refused."""
    default_reasoning_effort: ReasoningEffort | None = None
    """The effort of a request that names none, where the provider documents it."""
    thinking: Thinking = Thinking.NONE
    thinking_levels: tuple[ReasoningEffort, ...] = ()
    """The levels that the provider itself has where thinking is adaptive; any other effort is
    sent as the nearest one below it, or as the lowest."""
    signed_tool_calls: bool = False
    """Whether the model signs its tool calls, and refuses earlier ones without a signature."""
    ends_with_assistant: bool = True
    """Whether a conversation may end with the assistant's own message."""
    output_cap_bounds_reasoning: bool = True
    """Whether the output limit bounds the billed output.

    False for xAI: its limit counts visible text alone, so reasoning tokens and function calls
    come on top and a hold must leave room for them.
    """

    def accepts_effort(self, effort: ReasoningEffort) -> bool:
        """Whether a request may ask for this effort."""
        return effort in self.reasoning_efforts


@dataclass(frozen=True, slots=True)
class TextSpec:
    """The limits of a chat model.

    ``context_tokens`` is what the price list sells, which can be less than the provider's window.
    ``max_output_tokens`` is the provider's ceiling, ``None`` where it is not known.
    """

    context_tokens: int
    family: Family
    capabilities: Capabilities
    max_output_tokens: int | None = None

    @property
    def default_output_tokens(self) -> int:
        """The output allowance of a request that names no limit."""
        return min(self.output_ceiling_tokens, DEFAULT_OUTPUT_TOKENS)

    @property
    def output_ceiling_tokens(self) -> int:
        """The highest limit that a request may name."""
        if self.max_output_tokens is None:
            return self.context_tokens
        return min(self.max_output_tokens, self.context_tokens)


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """The limits of an image model.

    ``price_is_minimum`` marks the price list's "100+": the model is billed by tokens upstream, and
    a large image of high quality may cost more than the listed price.
    """

    n_max: int
    image_input: bool = False
    responses: bool = False
    """Whether ``POST /v1/responses`` serves it too."""
    price_is_minimum: bool = False


@dataclass(frozen=True, slots=True)
class VideoSpec:
    """The choices that a video or motion-control model offers, as far as they decide its price.

    ``resolutions`` is empty where the endpoint has no such parameter; else the first one is what
    a request that names none gets. ``seconds`` are the lengths that may be asked for, and
    ``seconds_at`` narrows them for some resolutions. ``generate_audio`` and ``voice_control`` say
    whether the switch exists; audio is on unless a request turns it off.
    """

    seconds_source: SecondsSource
    resolutions: tuple[str, ...] = ()
    seconds: tuple[int, ...] = ()
    seconds_at: tuple[tuple[str, tuple[int, ...]], ...] = ()
    generate_audio: bool = False
    voice_control: bool = False
    max_input_seconds: int | None = None
    max_input_seconds_image_orientation: int | None = None
    """Motion control: the shorter limit that holds with ``character_orientation`` "image"."""
    motion_control_path: str | None = None
    """The REST path of a motion-control model, which is not derived from its id."""

    @property
    def default_resolution(self) -> str | None:
        """What a request that names no resolution gets; ``None`` where there is no choice."""
        return self.resolutions[0] if self.resolutions else None

    @property
    def longest_seconds(self) -> int:
        """The most that one request can be billed for: what to hold when the length is unknown."""
        return max((*self.seconds, self.max_input_seconds or 0))

    def allowed_seconds(self, resolution: str | None) -> tuple[int, ...]:
        """The lengths that may be asked for at a resolution."""
        return dict(self.seconds_at).get(resolution or "", self.seconds)


_ENDPOINTS: Final = {
    Kind.TEXT: "/v1/chat/completions",
    Kind.IMAGE: "/v1/images/generations",
    Kind.VIDEO: "/v1/videos",
}


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model that we sell.

    Exactly one of ``text``, ``image`` and ``video`` is set, by ``kind``; motion control has
    ``video``. ``rate`` is of the matching class: tokens, images or seconds. ``routes`` holds at
    least one, the preferred first. ``aliases`` are further names that a call may use.
    ``on_routes`` has the model as it is on those routes, by name, whose upstream model has other
    limits or capabilities than it has itself.
    """

    id: str
    kind: Kind
    name: str
    rate: Rate
    routes: tuple[Route, ...]
    lifecycle: Lifecycle = field(default_factory=Lifecycle)
    text: TextSpec | None = None
    image: ImageSpec | None = None
    video: VideoSpec | None = None
    aliases: tuple[str, ...] = ()
    on_routes: Mapping[str, "ModelSpec"] = field(default_factory=dict, hash=False)

    def on(self, route: Route) -> "ModelSpec":
        """The model with the limits and capabilities of a route's upstream model."""
        return self.on_routes.get(route.name, self) if self.on_routes else self

    @property
    def provider(self) -> str:
        """The provider of the preferred route."""
        return self.routes[0].provider

    @property
    def context_tokens(self) -> int | None:
        """The context window as sold; ``None`` for what is not text."""
        return self.text.context_tokens if self.text else None

    @property
    def max_output_tokens(self) -> int | None:
        """The provider's output ceiling, where there is one and it is known."""
        return self.text.max_output_tokens if self.text else None

    @property
    def endpoint(self) -> str:
        """The REST path that serves the model."""
        if self.video is not None and self.video.motion_control_path is not None:
            return self.video.motion_control_path
        return _ENDPOINTS[self.kind]


@dataclass(frozen=True, slots=True)
class ProviderQuirks:
    """How an operator's OpenAI-compatible host departs from OpenAI."""

    token_cap_field: TokenCapField = TokenCapField.MAX_TOKENS
    stream_options: bool = True
    """Whether ``stream_options`` is sent; without it most hosts report no usage on streams."""
    developer_role: bool = False
    """Whether the host knows the role "developer"; otherwise it is sent as "system"."""


@dataclass(frozen=True, slots=True)
class ExtraProvider:
    """A host that the overlay file adds; one of OpenAI's dialect, unless it says otherwise.

    ``api_key_env`` names the environment variable that holds the key, ``None`` for a host that
    wants none. The key itself never enters the catalog.
    """

    name: str
    base_url: str
    api_key_env: str | None = None
    dialect: Dialect = Dialect.OPENAI
    quirks: ProviderQuirks = field(default_factory=ProviderQuirks)
