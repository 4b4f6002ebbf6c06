"""What the chat service is built from. The composition root fills it in; tests put fakes here."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from tokensmith_server.billing.store import LedgerStore, RequestStore
from tokensmith_server.catalog.catalog import Catalog
from tokensmith_server.clock import Clock
from tokensmith_server.ids import Ids
from tokensmith_server.providers.base import ChatProvider
from tokensmith_server.rate_limits import RateLimiter
from tokensmith_server.routing.retry import RetryPolicy
from tokensmith_server.routing.router import Router
from tokensmith_server.supervisor import Supervisor


@dataclass(frozen=True, slots=True)
class ChatLimits:
    """Bounds of every chat call, in seconds unless said otherwise."""

    total_seconds_max: float = 3600.0
    connect_seconds: float = 5.0
    # Of a stream; a whole answer has the caller's own deadline alone.
    first_byte_seconds: float = 120.0
    idle_seconds: float = 60.0
    # A whole answer that its caller gives up after so long speaks against the route.
    whole_patience_seconds: float = 300.0
    # How long after its last moment a call's hold may stay before the sweeper ends it.
    reconcile_seconds: float = 60.0
    slow_reader_seconds: float = 30.0
    mailbox_messages: int = 16


@dataclass(frozen=True, slots=True)
class ChatServiceParts:
    """Everything the service calls, and its bounds."""

    ledger: LedgerStore
    requests: RequestStore
    catalog: Catalog
    # By the names of our keys; a provider with one key is there by its own name.
    providers: Mapping[str, ChatProvider]
    router: Router
    supervisor: Supervisor
    rate_limiter: RateLimiter
    clock: Clock
    ids: Ids
    # Name of this process in the ledger, by which the sweeper knows whose holds are whose.
    owner: str
    # Providers served by the simulator, which still answers for retired models.
    simulated: frozenset[str] = frozenset()
    limits: ChatLimits = field(default_factory=ChatLimits)
    retry_policy: RetryPolicy = field(default_factory=RetryPolicy)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
