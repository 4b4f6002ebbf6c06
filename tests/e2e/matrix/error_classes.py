"""The second table: each class of error, tried with the adapter of each provider.

Whatever the provider, the client is told the same. Each case has a host of its own in the overlay,
so that no case closes another one's route.
"""

from dataclasses import dataclass
from typing import Final

REFUSED: Final = "`BadRequestError` 400 `context_length_exceeded`"
UNAVAILABLE: Final = "`InternalServerError` 503 `upstream_unavailable`"
BROKEN_OFF: Final = "text, then `APIError` `stream_interrupted`"

CONTEXT_TOKENS: Final = 4_096
WRONG_KEY_VARIABLE: Final = "WRONG_OPERATOR_KEY"
KEY_VARIABLE: Final = "RIGHT_OPERATOR_KEY"
VARIABLES: Final = {WRONG_KEY_VARIABLE: "sk-wrong", KEY_VARIABLE: "sk-right"}


@dataclass(frozen=True)
class Vendor:
    """An adapter, its place below the simulator's address, and a model that it serves."""

    dialect: str
    title: str
    path: str
    model: str
    profile: str


VENDORS: Final = (
    Vendor("openai", "OpenAI's dialect", "/openai/v1", "gpt-5.4-nano", "gpt-5-4"),
    Vendor("anthropic", "Anthropic", "/anthropic", "claude-haiku-4-5", "claude"),
    Vendor("gemini", "Gemini", "/gemini", "gemini-3-flash-preview", "gemini"),
    Vendor("xai", "xAI", "/xai/v1", "grok-4.20-0309-non-reasoning", "grok"),
    Vendor("together", "Together", "/together", "zai-org/GLM-5", "together"),
)


@dataclass(frozen=True)
class ErrorClass:
    """One class of error. ``streamed`` is empty where a stream is told what a whole answer is."""

    name: str
    title: str
    told: str
    streamed: str = ""
    directive: str = ""
    words: int = 40
    key_variable: str = KEY_VARIABLE
    unknown_model: bool = False
    reachable: bool = True
    held: bool = True

    @property
    def journaled(self) -> bool:
        """Whether the provider reads the call's body: not without a connection, nor a key."""
        return self.held and self.reachable and self.key_variable == KEY_VARIABLE


CLASSES: Final = (
    ErrorClass("too-long", "prompt longer than the context", REFUSED, words=9_000, held=False),
    ErrorClass(
        "rejected",
        "refused by the provider",
        "`BadRequestError` 400 `upstream_rejected`",
        directive="nonsense=1",
    ),
    ErrorClass(
        "rate-limited",
        "rate limit",
        "`RateLimitError` 429 `upstream_rate_limited`",
        directive="fault=429 retry_after=180",
    ),
    ErrorClass("overloaded", "overloaded", UNAVAILABLE, directive="fault=503"),
    ErrorClass("broken", "internal error", UNAVAILABLE, directive="fault=500"),
    ErrorClass(
        "late",
        "time-out at the provider",
        "`InternalServerError` 504 `upstream_timeout`",
        directive="fault=504",
    ),
    ErrorClass("unreachable", "not to be reached", UNAVAILABLE, reachable=False),
    ErrorClass("reset", "connection reset", UNAVAILABLE, directive="fault=reset_before_first_byte"),
    ErrorClass("gone", "model unknown there", UNAVAILABLE, unknown_model=True),
    ErrorClass("barred", "operator's key refused", UNAVAILABLE, key_variable=WRONG_KEY_VARIABLE),
    ErrorClass("unpaid", "operator's credit used up", UNAVAILABLE, directive="fault=402"),
    ErrorClass(
        "quota", "operator's quota used up", UNAVAILABLE, directive="fault=insufficient_quota"
    ),
    ErrorClass(
        "senseless",
        "answer without sense",
        "`InternalServerError` 502 `upstream_invalid_response`",
        directive="fault=malformed_json after=0",
    ),
    ErrorClass(
        "failing",
        "error within the answer",
        UNAVAILABLE,
        BROKEN_OFF,
        directive="fault=error_mid_stream after=5 pace=5 reasoning=0",
    ),
    ErrorClass(
        "endless",
        "answer without its end",
        UNAVAILABLE,
        BROKEN_OFF,
        directive="fault=truncated_stream after=5 pace=5 reasoning=0",
    ),
)


@dataclass(frozen=True)
class Case:
    """One class at one vendor, whole or streamed."""

    error: ErrorClass
    vendor: Vendor
    stream: bool

    @property
    def name(self) -> str:
        """The model's and its host's name in the overlay."""
        return f"{self.vendor.dialect}-{self.error.name}-{'s' if self.stream else 'w'}"

    @property
    def prompt(self) -> str:
        """What the client asks."""
        directive = f" [[sim:{self.error.directive}]]" if self.error.directive else ""
        padding = " tea" * self.error.words
        return f"Write 40 words. {self.name}{directive}{padding if not self.error.held else ''}"

    @property
    def wanted(self) -> str:
        """What the client is told."""
        return (self.stream and self.error.streamed) or self.error.told


CASES: Final = tuple(
    Case(error, vendor, stream)
    for error in CLASSES
    for vendor in VENDORS
    for stream in (False, True)
)


def overlay(origin: str) -> str:
    """The hosts and models of all cases; ``origin`` is the simulator's."""
    return "".join(_entry(case, origin) for case in CASES)


def _entry(case: Case, origin: str) -> str:
    address = (origin if case.error.reachable else "http://127.0.0.1:1") + case.vendor.path
    quirks = 'quirks = { token_cap_field = "max_completion_tokens" }\n'
    model = "no-such-model" if case.error.unknown_model else case.vendor.model
    return f"""
[providers.{case.name}]
base_url = "{address}"
api_key_env = "{case.error.key_variable}"
dialect = "{case.vendor.dialect}"
{quirks if case.vendor.dialect == "openai" else ""}
[[models]]
id = "{case.name}"
kind = "text"
context_tokens = {CONTEXT_TOKENS}
rate = {{ input = 400, output = 2_500 }}
profile = "{case.vendor.profile}"
routes = [{{ provider = "{case.name}", model = "{model}" }}]
"""
