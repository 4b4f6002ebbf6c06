"""One chat call as the service sees it, and what it tells the edge about its money."""

import hashlib
from dataclasses import dataclass, field

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.commands import Balance
from tokensmith_server.billing.store import Caller


@dataclass(slots=True)
class Receipt:
    """Money facts of a call as far as it has got, for headers, logs and errors."""

    held_microcredits: int = 0
    charged_microcredits: int = 0
    balance_microcredits: int | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def note(self, balance: Balance) -> None:
        """Remember the balance after the latest change."""
        self.balance_microcredits = balance.available_microcredits


@dataclass(slots=True)
class ChatRequest:
    """What a caller wants, and how it wants to be able to repeat it.

    ``request_digest`` stands for the request where the params are not all of it.
    ``request_id`` is replaced when the account has used it before: the ledger's ids are unique.
    ``remaining_seconds`` is what is left of the caller's deadline. ``retry_count`` is the
    ``x-stainless-retry-count`` header: a client that sends it repeats failed calls by itself.
    """

    caller: Caller
    request_id: str
    params: chat_pb.ChatCompletionParams
    remaining_seconds: float
    idempotency_key: str | None = None
    retry_count: int | None = None
    request_digest: bytes = b""
    receipt: Receipt = field(default_factory=Receipt)
    # False once the client is known to be gone: then nothing more is begun for it.
    listening: bool = True

    @property
    def may_be_repeated(self) -> bool:
        """Whether the answer must be kept until the client is known to have it."""
        return self.idempotency_key is not None or self.retry_count is not None

    def fingerprint(self) -> bytes:
        """SHA-256 over the request's digest, or else over the params.

        Whether the answer is streamed makes no other request of it.
        """
        if self.request_digest:
            return hashlib.sha256(self.request_digest).digest()
        return hashlib.sha256(self.params.SerializeToString(deterministic=True)).digest()
