"""What can go wrong at a provider, case by case, and what one such case came to."""

from dataclasses import dataclass

UPSTREAM_MODEL = "gpt-5.4-nano"


@dataclass(frozen=True)
class Fault:
    """A fault of the provider's, as the simulator is asked for it in the prompt.

    ``client_seconds`` is how long the client waits; most never come near it. ``retried`` is false
    where the SDK's own retry would wait for a minute, because it is told to.
    """

    name: str
    directive: str
    client_seconds: float = 30.0
    retried: bool = True


FAULTS = (
    Fault("none", ""),
    Fault("429 with Retry-After 1", "fault=429 retry_after=1"),
    Fault("429 with Retry-After 180", "fault=429 retry_after=180"),
    Fault("429, operator's quota used up", "fault=insufficient_quota", retried=False),
    Fault("500", "fault=500"),
    Fault("502 with an HTML page", "fault=502"),
    Fault("503", "fault=503"),
    Fault("504", "fault=504"),
    Fault("401, operator's key refused", "fault=401", retried=False),
    Fault("403", "fault=403", retried=False),
    Fault("no answer, the client gives up", "fault=hang", client_seconds=2.0),
    Fault("slow first byte", "fault=slow_first_byte delay=300"),
    Fault("reset before the first byte", "fault=reset_before_first_byte"),
    Fault("reset in mid-stream", "fault=reset_mid_stream after=5 pace=5"),
    Fault("stream without its end", "fault=truncated_stream after=5 pace=5"),
    Fault("silence in mid-stream", "fault=stall_mid_stream after=5 pace=5", client_seconds=4.0),
    Fault("error frame in mid-stream", "fault=error_mid_stream after=5 pace=5"),
    Fault("malformed JSON", "fault=malformed_json after=5 pace=5"),
    Fault("error body with status 200", "fault=json_error_200"),
    Fault("usage missing", "fault=missing_usage"),
    Fault("usage below zero", "fault=negative_usage"),
    Fault("usage far too high", "fault=huge_usage"),
    Fault("usage that does not add up", "fault=inconsistent_usage"),
    Fault("prompt refused by moderation", "fault=moderation_block"),
    Fault("answer cut by the content filter", "fault=content_filter after=5"),
    Fault("empty answer", "fault=empty_content"),
)


@dataclass(frozen=True)
class Case:
    """One fault, asked for whole or streamed, with or without the SDK's own retries."""

    fault: Fault
    stream: bool
    sdk_retries: bool

    @property
    def name(self) -> str:
        """A model, and a provider, of its own: so that no case opens another one's breaker."""
        mode = "stream" if self.stream else "unary"
        retries = "retrying" if self.sdk_retries else "once"
        return f"case{FAULTS.index(self.fault)}-{mode}-{retries}"

    @property
    def prompt(self) -> str:
        directive = f"[[sim:{self.fault.directive}]]" if self.fault.directive else ""
        return f"Write 40 words. {directive}"


CASES = tuple(
    Case(fault, stream, sdk_retries)
    for fault in FAULTS
    for stream in (False, True)
    for sdk_retries in (False, True)
    if fault.retried or not sdk_retries
)


def overlay(simulator_origin: str) -> str:
    """A catalog overlay with a provider and a model for each case, all of them the simulator."""
    return "".join(
        f"""
[providers.{case.name}]
base_url = "{simulator_origin}/openai/v1"
api_key_env = "FAULTY_PROVIDER_KEY"
quirks = {{ token_cap_field = "max_completion_tokens" }}

[[models]]
id = "{case.name}"
kind = "text"
context_tokens = 400_000
family = "gpt"
rate = {{ input = 400, output = 2_500 }}
routes = [{{ provider = "{case.name}", model = "{UPSTREAM_MODEL}" }}]
"""
        for case in CASES
    )


@dataclass(frozen=True)
class Seen:
    """What a case came to. ``client``: an exception and its code, or what was answered."""

    client: str
    requests: int
    upstream_calls: int
    charge: str
    outcome: str
