"""Why a call was refused or failed, for whoever must act.

Facts are fields; the wire form of each is one row of the table in ``rpc/errors.py``. Money
refusals live in ``billing.errors``.
"""


class CallError(Exception):
    """Base of everything that ends a call other than a money refusal or a defect."""


class InvalidField(CallError):
    """A field of the request is missing, malformed or out of range."""

    def __init__(self, param: str, message: str, *, allowed: str = "") -> None:
        super().__init__(message)
        self.param = param
        self.allowed = allowed


class UnsupportedField(InvalidField):
    """The model does not take this setting, or not with this value."""

    def __init__(self, param: str, message: str, *, model: str, allowed: str = "") -> None:
        super().__init__(param, message, allowed=allowed)
        self.model = model


class ModelNotFound(CallError):
    """No model has this id; ``near_matches`` are the likeliest ones meant."""

    def __init__(self, model: str, near_matches: tuple[str, ...]) -> None:
        super().__init__(f"The model `{model}` does not exist.")
        self.model = model
        self.near_matches = near_matches


class ModelRetired(CallError):
    """The provider no longer serves the model."""

    def __init__(self, model: str, *, retired_on: str, replacement: str) -> None:
        super().__init__(f"The model `{model}` was withdrawn by its provider.")
        self.model = model
        self.retired_on = retired_on
        self.replacement = replacement


# By the catalog's kinds.
_MAKES = {
    "text": "writes text",
    "image": "makes images",
    "video": "makes videos",
    "motion_control": "makes motion-control videos",
}


SERVED_KINDS = frozenset({"text"})
"""The kinds of models that can be called. Of the others there are prices and estimates alone."""


class ModelKindMismatch(CallError):
    """The model exists, but is for another kind of call; ``endpoint`` is the right one.

    ``served`` says whether there are such calls at all.
    """

    def __init__(self, model: str, *, kind: str, endpoint: str) -> None:
        self.model = model
        self.kind = kind
        self.endpoint = endpoint
        self.served = kind in SERVED_KINDS
        instead = (
            f"; use {endpoint}."
            if self.served
            else ". This server has no such calls yet, only their prices: /v1/estimate takes the "
            f"body of {endpoint}."
        )
        super().__init__(f"The model `{model}` {_MAKES.get(kind, kind)}{instead}")


class ContextLengthExceeded(CallError):
    """Input and output together do not fit into the model's context."""

    def __init__(self, *, context_tokens: int, input_tokens: int | None) -> None:
        room = f"The model's context holds {context_tokens} tokens"
        super().__init__(
            f"{room}, and this request has at least {input_tokens}."
            if input_tokens is not None
            else f"{room}."
        )
        self.context_tokens = context_tokens
        self.input_tokens = input_tokens


class InvalidAPIKey(CallError):
    """No key was sent, or one that is unknown, revoked or expired."""


class RateLimited(CallError):
    """The key's own limit of ``requests`` or ``tokens`` per minute is used up for now."""

    def __init__(
        self, limit: str, retry_after_seconds: float, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(f"Rate limit reached for {limit} per minute.")
        self.limit = limit
        self.retry_after_seconds = retry_after_seconds
        self.headers = headers


class Overloaded(CallError):
    """This process has as many calls as it takes."""

    retry_after_seconds = 1.0


class ShuttingDown(CallError):
    """This process takes no new calls."""


class ContentRefused(CallError):
    """The provider refused the content by policy."""

    def __init__(self, message: str, *, provider: str) -> None:
        super().__init__(message)
        self.provider = provider


class UpstreamRejected(CallError):
    """The provider refused the request as malformed, with everything that we check in order."""

    def __init__(self, message: str, *, provider: str, param: str | None) -> None:
        super().__init__(message)
        self.provider = provider
        self.param = param


class UpstreamFailed(CallError):
    """No route could serve the call; free. ``retry_after_seconds`` where waiting may help."""

    def __init__(self, message: str, *, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class UpstreamUnavailable(UpstreamFailed):
    """The providers of this model are down, unreachable or not usable by us."""


class UpstreamRateLimited(UpstreamFailed):
    """The providers of this model ask us to slow down."""


class UpstreamTimeout(UpstreamFailed):
    """The provider did not answer in time."""

    def __init__(self, message: str, *, phase: str) -> None:
        super().__init__(message)
        self.phase = phase


class UpstreamInvalidResponse(UpstreamFailed):
    """The provider's answer made no sense."""


class StreamInterrupted(CallError):
    """A stream broke off after its first message; what was delivered until then is charged."""

    def __init__(self, message: str, *, charged_microcredits: int) -> None:
        super().__init__(message)
        self.charged_microcredits = charged_microcredits


class ResultNotReplayable(CallError):
    """The request being retried is done, but its answer was not kept."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"Request {request_id} is done; its answer was not kept.")
        self.request_id = request_id


class DeadlineExceeded(CallError):
    """The caller's own deadline, or the default one, has passed."""


class RequestUndecodable(CallError):
    """The request's bytes are no message of the method's type."""


class RequestTooLarge(CallError):
    """The request's message is larger than this server takes."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(f"A message may have {limit_bytes} bytes.")
        self.limit_bytes = limit_bytes


class MethodUnimplemented(CallError):
    """This server does not have the method: the contract does not, or only a later server."""

    def __init__(self, method: str) -> None:
        super().__init__(f"{method} is not available on this server.")
        self.method = method
