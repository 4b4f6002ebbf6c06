"""What can go wrong at a provider, case by case, in each dialect; and what one case came to."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Dialect:
    """A wire protocol: its place below the simulator's address, and a model that speaks it."""

    name: str
    title: str
    path: str
    model: str
    profile: str


DIALECTS = (
    Dialect("openai", "OpenAI", "/openai/v1", "gpt-5.4-nano", "gpt-5-4"),
    Dialect("anthropic", "Anthropic", "/anthropic", "claude-haiku-4-5", "claude"),
    Dialect("gemini", "Gemini", "/gemini", "gemini-3-flash-preview", "gemini"),
)


@dataclass(frozen=True)
class Fault:
    """A fault of the provider's, as the simulator is asked for it in the prompt.

    ``client_seconds`` is how long the client waits; most never come near it.
    """

    name: str
    directive: str
    client_seconds: float = 60.0

    @property
    def kind(self) -> str:
        """The simulator's word for it, or a status."""
        return self.directive.partition("fault=")[2].partition(" ")[0]


# What breaks in the middle does so in the visible text, since the model does not think before it.
_MIDDLE = "after=5 pace=5 reasoning=0"
FAULTS = (
    Fault("none", ""),
    Fault("429 with Retry-After 1", "fault=429 retry_after=1"),
    Fault("429 with Retry-After 180", "fault=429 retry_after=180"),
    Fault("429, operator's quota used up", "fault=insufficient_quota"),
    Fault("402, operator's account empty", "fault=402"),
    Fault("500", "fault=500"),
    Fault("502 with an HTML page", "fault=502"),
    Fault("503 (Anthropic: 529)", "fault=503"),
    Fault("504", "fault=504"),
    Fault("401, operator's key refused", "fault=401"),
    Fault("403", "fault=403"),
    Fault("no answer, the client gives up", "fault=hang", client_seconds=2.0),
    Fault("slow first byte", "fault=slow_first_byte delay=300"),
    Fault("reset before the first byte", "fault=reset_before_first_byte"),
    Fault("reset in mid-stream", f"fault=reset_mid_stream {_MIDDLE}"),
    Fault("stream without its end", f"fault=truncated_stream {_MIDDLE}"),
    Fault("silence in mid-stream", f"fault=stall_mid_stream {_MIDDLE}", client_seconds=5.0),
    Fault("error frame in mid-stream", f"fault=error_mid_stream {_MIDDLE}"),
    Fault("malformed JSON", f"fault=malformed_json {_MIDDLE}"),
    Fault("error body with status 200", "fault=json_error_200"),
    Fault("usage missing", "fault=missing_usage"),
    Fault("usage below zero", "fault=negative_usage"),
    Fault("usage far too high", "fault=huge_usage"),
    Fault("usage that does not add up", "fault=inconsistent_usage"),
    Fault("prompt refused by moderation", "fault=moderation_block"),
    Fault("answer cut by the content filter", "fault=content_filter after=5 reasoning=0"),
    Fault("empty answer", "fault=empty_content"),
)


class Endpoint(StrEnum):
    """Where a client asks, with that vendor's official SDK."""

    CHAT = "/v1/chat/completions"
    RESPONSES = "/v1/responses"
    MESSAGES = "/v1/messages"


# What the other endpoints have words of their own for.
ELSEWHERE = (
    "none",
    "429 with Retry-After 180",
    "402, operator's account empty",
    "503 (Anthropic: 529)",
    "504",
    "reset before the first byte",
    "reset in mid-stream",
    "error frame in mid-stream",
    "malformed JSON",
    "usage missing",
    "prompt refused by moderation",
    "answer cut by the content filter",
    "empty answer",
)


@dataclass(frozen=True)
class Case:
    """One fault in one dialect, asked for whole or streamed, with or without the SDK's retries."""

    fault: Fault
    dialect: Dialect
    stream: bool
    sdk_retries: bool
    endpoint: Endpoint = Endpoint.CHAT

    @property
    def name(self) -> str:
        """A model, and a provider, of its own: so that no case closes another one's route."""
        mode = "stream" if self.stream else "whole"
        retries = "again" if self.sdk_retries else "once"
        place = f"{FAULTS.index(self.fault)}-{self.endpoint.name[:4].lower()}"
        return f"{self.dialect.name}-{place}-{mode}-{retries}"

    @property
    def prompt(self) -> str:
        """What the client asks."""
        directive = f"[[sim:{self.fault.directive}]]" if self.fault.directive else ""
        return f"Write 40 words. {directive}"


CASES = tuple(
    Case(fault, dialect, stream, sdk_retries)
    for fault in FAULTS
    for stream in (False, True)
    for dialect in DIALECTS
    for sdk_retries in (False, True)
) + tuple(
    Case(fault, dialect, stream, sdk_retries=False, endpoint=endpoint)
    for fault in FAULTS
    if fault.name in ELSEWHERE
    for endpoint in (Endpoint.RESPONSES, Endpoint.MESSAGES)
    for stream in (False, True)
    for dialect in DIALECTS
)

KEY_VARIABLE = "FAULTY_PROVIDER_KEY"


def overlay(simulator_origin: str) -> str:
    """A catalog overlay with a provider and a model for each case, all of them the simulator."""
    return "".join(_entry(case, simulator_origin) for case in CASES)


def _entry(case: Case, origin: str) -> str:
    quirks = 'quirks = { token_cap_field = "max_completion_tokens" }\n'
    return f"""
[providers.{case.name}]
base_url = "{origin}{case.dialect.path}"
api_key_env = "{KEY_VARIABLE}"
dialect = "{case.dialect.name}"
{quirks if case.dialect.name == "openai" else ""}
[[models]]
id = "{case.name}"
kind = "text"
context_tokens = 100_000
profile = "{case.dialect.profile}"
rate = {{ input = 400, output = 2_500 }}
routes = [{{ provider = "{case.name}", model = "{case.dialect.model}" }}]
"""


@dataclass(frozen=True)
class Seen:
    """What a case came to. ``client``: an exception and its code, or what was answered."""

    client: str
    requests: int
    upstream_calls: int
    charge: str
    outcome: str
