"""What a provider adapter is: the Protocol, its values, and the closed set of its errors.

An adapter builds, sends and parses. It never charges: usage is part of what it returns.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.usage import TokenUsage
from tokensmith_server.billing.value import value
from tokensmith_server.catalog.model import ModelSpec, Route


class ErrorKind(StrEnum):
    """What went wrong upstream, in terms of who must act."""

    INVALID_REQUEST = "invalid_request"  # the client's request; costs nothing
    CONTEXT_LENGTH = "context_length"  # the client's request is too long for the model
    CONTENT_REFUSED = "content_refused"  # policy; free for the client
    RATE_LIMITED = "rate_limited"  # slow down, then again
    OVERLOADED = "overloaded"  # 5xx, 503: again or elsewhere
    TIMEOUT = "timeout"  # connect, first byte or idle
    CONNECTION = "connection"  # refused, reset, cut
    MODEL_UNAVAILABLE = "model_unavailable"  # unknown, withdrawn or not served upstream
    OPERATOR_AUTH = "operator_auth"  # our key is wrong there; never shown as the client's
    OPERATOR_CREDIT = "operator_credit"  # our account there is out of credit
    MALFORMED_RESPONSE = "malformed_response"  # the answer made no sense
    UNKNOWN = "unknown"


class Phase(StrEnum):
    """How far the exchange had got when it failed."""

    CONNECT = "connect"  # nothing was sent
    SENT = "sent"  # sent, no byte came back
    ANSWERED = "answered"  # an HTTP status came back
    STREAMING = "streaming"  # part of the answer came back


class ProviderError(Exception):
    """An upstream call failed. ``message`` is ours or safe for users: no keys, no addresses.

    ``may_have_run`` says that the provider may have done (and billed) the work. ``usage`` is what
    the provider reported before it failed, if it did. ``param`` is a field of OpenAI's request
    ("messages[0].content"), and ``allowed`` what it may be, where that is known. ``should_retry``
    is the provider's own word (``x-should-retry``), ``None`` where it said nothing.
    """

    def __init__(
        self,
        kind: ErrorKind,
        message: str,
        *,
        phase: Phase,
        http_status: int | None = None,
        param: str | None = None,
        allowed: str = "",
        code: str | None = None,
        retry_after_seconds: float | None = None,
        may_have_run: bool = False,
        usage: TokenUsage | None = None,
        upstream_request_id: str | None = None,
        should_retry: bool | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.phase = phase
        self.http_status = http_status
        self.param = param
        self.allowed = allowed
        self.code = code
        self.retry_after_seconds = retry_after_seconds
        self.may_have_run = may_have_run
        self.usage = usage
        self.upstream_request_id = upstream_request_id
        self.should_retry = should_retry


@value
class ProviderSettings:
    """What a process knows of one provider, and one key there, from its configuration.

    ``base_url`` of ``None`` is the provider's own address. The key never shows in a ``repr``.
    """

    api_key: str | None = field(default=None, repr=False)
    base_url: str | None = None


@value
class Timeouts:
    """Three limits of one upstream call, in seconds; ``total`` is the caller's own deadline."""

    connect_seconds: float = 5.0
    first_byte_seconds: float = 120.0
    idle_seconds: float = 60.0
    total_seconds: float = 600.0


@value
class RecalledInput:
    """What an adapter adds to a prompt that the client has not sent: parts of earlier answers.

    ``byte_count`` is its size on the wire and ``token_count`` what the provider counted when it
    made them, as far as it said so: either may be the larger. ``turn_token_count`` is the share
    since the user's newest message, which no model leaves out.
    """

    byte_count: int = 0
    token_count: int = 0
    turn_token_count: int = 0


NOTHING_RECALLED: Final = RecalledInput()


@value
class ChatCall:
    """One call to make. ``params`` is shared by all attempts and must not be changed.

    ``output_cap_tokens`` is what was held for; the adapter always sends it as the cap. ``scope``
    says, opaquely, whose call it is: only their own earlier answers may come back with it, and of
    these no more than ``recalled_bytes_maximum``, which was held for too.
    """

    params: chat_pb.ChatCompletionParams
    model: ModelSpec
    route: Route
    output_cap_tokens: int
    timeouts: Timeouts = field(default_factory=Timeouts)
    scope: str = ""
    recalled_bytes_maximum: int = 0


@value
class UpstreamFacts:
    """What the request log keeps of the exchange."""

    http_status: int
    upstream_request_id: str | None = None
    returned_model: str | None = None


@value
class ChatResult:
    """A whole answer. ``completion`` lacks id, model, time and usage: those are ours to set.

    ``usage`` is ``None`` when the provider reported none, or one that breaks the algebra.
    """

    completion: chat_pb.ChatCompletion
    usage: TokenUsage | None
    facts: UpstreamFacts


@dataclass(slots=True)
class ChatBatch:
    """Everything of a stream that was ready at one moment, in order."""

    deltas: list[chat_pb.ChatCompletionDelta]
    # The last one reported wins; providers that report running usage overwrite, never add.
    usage: TokenUsage | None = None
    # What the provider told of the input, without output, where it does so before the end.
    input_usage: TokenUsage | None = None
    system_fingerprint: str = ""
    service_tier: str = ""
    moderation_json: str = ""
    returned_model: str = ""


class ChatStream(Protocol):
    """An open stream, past its first byte: errors from here on are in mid-stream.

    Iterating raises ``ProviderError`` with phase STREAMING on truncation (end without a finish
    reason or end mark), error frames, malformed chunks, resets and idle time-outs.
    """

    facts: UpstreamFacts

    def __aiter__(self) -> AsyncIterator[ChatBatch]:
        """The batches in order."""
        ...

    async def aclose(self) -> None:
        """Stop and release the connection; safe to call twice."""
        ...


class ChatProvider(Protocol):
    """An adapter for chat. One instance for each key serves the whole process."""

    name: str

    def check_chat(self, params: chat_pb.ChatCompletionParams, model: ModelSpec) -> None:
        """Refuse, before anything is held, what this provider cannot do.

        Raises:
            ProviderError: kind INVALID_REQUEST with ``param``, naming what is allowed.
        """
        ...

    def recalled_input(
        self, params: chat_pb.ChatCompletionParams, model: ModelSpec, route: Route, scope: str
    ) -> RecalledInput:
        """What would come with such a call of earlier answers to ``scope``, and is input there.

        The hold must cover it. The params have passed ``check_chat``.
        """
        ...

    async def complete_chat(self, call: ChatCall) -> ChatResult:
        """Make the call and parse the answer.

        Raises:
            ProviderError: any kind.
        """
        ...

    async def stream_chat(self, call: ChatCall) -> ChatStream:
        """Make the call and return once the first batch is there (so failover is still possible).

        Raises:
            ProviderError: any kind; phase is not STREAMING.
        """
        ...

    async def close(self) -> None:
        """Release what the adapter owns."""
        ...
