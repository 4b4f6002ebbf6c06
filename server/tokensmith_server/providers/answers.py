"""What every dialect says of an answer: its usage, and the errors of one that is none or broke off.

The messages are ours: they name no vendor, address or key.
"""

from dataclasses import dataclass
from typing import Final

from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.providers.base import ErrorKind, Phase, ProviderError

_MADE_NO_SENSE: Final = "The provider's answer made no sense."
_BROKE_OFF: Final = "The provider broke off in the middle of its answer."


@dataclass(frozen=True, slots=True)
class UsageReading:
    """What a usage block came to; ``problem`` says why there is no usage in spite of a block."""

    usage: TokenUsage | None = None
    problem: str | None = None
    service_tier: str = ""
    """The tier that served the call in OpenAI's word, where the usage block names it."""


NOTHING_REPORTED: Final = UsageReading()


def malformed(message: str = _MADE_NO_SENSE, *, status: int = 200) -> ProviderError:
    """Make the error of an answer that is none."""
    return _broken(ErrorKind.MALFORMED_RESPONSE, message, status)


def broke_off(kind: ErrorKind = ErrorKind.CONNECTION) -> ProviderError:
    """Make the error of an answer that ended before its end."""
    return _broken(kind, _BROKE_OFF, 200)


def failed_in_stream(
    failure: ProviderError, *, delivered: bool, usage: TokenUsage | None
) -> ProviderError:
    """Say how far a stream had got when it failed, and what it had used by then."""
    if delivered:
        if failure.kind is ErrorKind.INVALID_REQUEST:
            # Whoever has begun to answer can't find fault with the request any more.
            failure = broke_off(ErrorKind.OVERLOADED)
        failure.phase = Phase.STREAMING
        failure.may_have_run = True
    failure.usage = usage
    return failure


def _broken(kind: ErrorKind, message: str, status: int) -> ProviderError:
    return ProviderError(kind, message, phase=Phase.ANSWERED, http_status=status, may_have_run=True)
