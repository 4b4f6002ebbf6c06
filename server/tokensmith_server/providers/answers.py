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


def _broken(kind: ErrorKind, message: str, status: int) -> ProviderError:
    return ProviderError(kind, message, phase=Phase.ANSWERED, http_status=status, may_have_run=True)
