"""Why the ledger refused: each refusal carries its facts as fields, amounts in micro-credits."""

from tokensmith_server.billing.money import format_credits


class BillingError(Exception):
    """Base of every refusal of the money core and its stores."""


class InsufficientCredits(BillingError):
    """The available balance does not cover the least that the call may cost."""

    def __init__(self, *, required_microcredits: int, available_microcredits: int) -> None:
        super().__init__(
            f"needs {required_microcredits} micro-credits, {available_microcredits} available"
        )
        self.required_microcredits = required_microcredits
        self.available_microcredits = available_microcredits


class AmountOutOfRange(BillingError):
    """A grant is not positive, or larger than an account can keep (2**63 - 1 in all)."""

    def __init__(self, amount_microcredits: int) -> None:
        super().__init__(
            f"cannot grant {format_credits(amount_microcredits)} credits: a grant is more than"
            f" nothing, and all of an account's at most {format_credits(2**63 - 1)}"
        )
        self.amount_microcredits = amount_microcredits


class GrantIdReused(BillingError):
    """The grant's id names another grant, whose account and amount are here; nothing was added."""

    def __init__(self, grant_id: str, *, account_id: str, amount_microcredits: int) -> None:
        super().__init__(
            f"the grant {grant_id} exists, of {format_credits(amount_microcredits)} credits to"
            f" {account_id}"
        )
        self.grant_id = grant_id
        self.account_id = account_id
        self.amount_microcredits = amount_microcredits


class HoldAlreadyResolved(BillingError):
    """The hold had already ended in another way; ``state`` says how (settled, voided, expired)."""

    def __init__(self, hold_id: str, state: str) -> None:
        super().__init__(f"hold {hold_id} is already {state}")
        self.hold_id = hold_id
        self.state = state


class HoldNotFound(BillingError):
    """No hold has this id."""

    def __init__(self, hold_id: str) -> None:
        super().__init__(f"no hold {hold_id}")
        self.hold_id = hold_id


class AccountNotFound(BillingError):
    """No account has this id or name."""

    def __init__(self, account: str) -> None:
        super().__init__(f"no account {account}")
        self.account = account


class AccountExists(BillingError):
    """Another account already has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"account {name} exists")
        self.name = name


class KeyNotFound(BillingError):
    """The account has no API key with this id."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"no key {key_id}")
        self.key_id = key_id


class RequestNotFound(BillingError):
    """The account has no request with this id."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"no request {request_id}")
        self.request_id = request_id


class RequestIdReused(BillingError):
    """The account has another call with this request id; ids are unique for ever."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"request {request_id} exists")
        self.request_id = request_id


class IdempotencyKeyReused(BillingError):
    """The idempotency key was used before with another request."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"the key belongs to request {request_id}")
        self.request_id = request_id


class IdempotencyInProgress(BillingError):
    """The first request with this idempotency key (or the request being retried) still runs."""

    def __init__(self, request_id: str) -> None:
        super().__init__(f"request {request_id} is still running")
        self.request_id = request_id


class LedgerUnavailable(BillingError):
    """The ledger's database did not answer; nothing was sent upstream because of this call."""


class DataRefused(BillingError):
    """The database takes no such value or row: a defect, since what callers send is checked before.

    Nothing was written, and a repeat ends the same way.
    """


class UsageInvalid(BillingError):
    """A usage block breaks the algebra (negative, or a part larger than its whole)."""


class TierUnknown(BillingError):
    """The price list has no price for this combination of video settings."""

    def __init__(
        self,
        resolution: str | None,
        generate_audio: bool | None,
        voice_control: bool | None,
    ) -> None:
        super().__init__(
            f"no price for resolution {resolution}, audio {generate_audio}, voice {voice_control}"
        )
        self.resolution = resolution
        self.generate_audio = generate_audio
        self.voice_control = voice_control
