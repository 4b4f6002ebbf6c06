"""The chat service on fakes: a ledger in memory, a scripted provider, a clock that is told."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from tests.support.clock import FakeClock
from tests.support.fake_provider import FakeChatProvider
from tests.support.ids import SequentialIds
from tests.support.ledger import price_of
from tests.support.turns import eventually
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.billing.commands import Balance, GrantCredits, HoldPlaced, PlaceHold
from tokensmith_server.billing.memory import MemoryLedgerStore
from tokensmith_server.billing.store import Caller, RequestRecord
from tokensmith_server.catalog.catalog import Catalog
from tokensmith_server.catalog.loader import load_catalog
from tokensmith_server.catalog.model import Route
from tokensmith_server.chat.parts import ChatLimits, ChatServiceParts
from tokensmith_server.chat.request import ChatRequest
from tokensmith_server.chat.service import ChatService
from tokensmith_server.providers.credentials import by_provider, provider_of
from tokensmith_server.rate_limits import RateLimiter, RatePolicy
from tokensmith_server.routing.router import Router
from tokensmith_server.supervisor import Supervisor

MODEL = "gpt-5.4-mini"
RICH = 10_000_000_000
BUILT_IN = load_catalog()
Message = chat_pb.StreamChatCompletionResponse

TWO_ROUTES = (Route("openai", "first"), Route("xai", "second"))


def params(text: str = "Hi", **fields: Any) -> chat_pb.ChatCompletionParams:
    """One user message to the usual model."""
    message = chat_pb.ChatMessage(
        role=chat_pb.CHAT_ROLE_USER, content=chat_pb.ChatContent(text=text)
    )
    return chat_pb.ChatCompletionParams(**({"model": MODEL, "messages": [message]} | fields))


def catalog_with(routes: tuple[Route, ...]) -> Catalog:
    """The price list, with these routes for the usual model."""
    return Catalog(
        replace(model, routes=routes) if model.id == MODEL else model for model in BUILT_IN.values()
    )


class JournalingStore(MemoryLedgerStore):
    """Writes down the ledger's commands in order, and can lose them on the way."""

    def __init__(self, journal: list[str]) -> None:
        super().__init__(price_of)
        self.journal = journal
        # Names of commands to lose, each as often as it is in here.
        self.losses: list[str] = []
        # Set one to let ``place_hold`` or ``settle_hold`` wait for the event.
        self.hold_gate: asyncio.Event | None = None
        self.settle_gate: asyncio.Event | None = None

    async def place_hold(self, command: PlaceHold) -> Any:
        await self._pass("hold")
        if self.hold_gate is not None:
            await self.hold_gate.wait()
        placed = await super().place_hold(command)
        self.journal.append("held" if isinstance(placed, HoldPlaced) else "found")
        return placed

    async def settle_hold(self, command: Any) -> Any:
        await self._pass("settle")
        if self.settle_gate is not None:
            await self.settle_gate.wait()
        resolution = await super().settle_hold(command)
        self.journal.append("settled")
        return resolution

    async def void_hold(self, command: Any) -> Any:
        await self._pass("void")
        resolution = await super().void_hold(command)
        self.journal.append("voided")
        return resolution

    async def next_attempt(self, command: Any) -> None:
        await self._pass("next_attempt")
        await super().next_attempt(command)
        self.journal.append("next_attempt")

    def mark_delivered(self, command: Any) -> None:
        self.journal.append("delivered")
        super().mark_delivered(command)

    async def _pass(self, name: str) -> None:
        if name in self.losses:
            self.losses.remove(name)
            self.available = False
            try:
                await self._begin()
            finally:
                self.available = True


class JournalingProvider(FakeChatProvider):
    """Writes its calls into the same journal."""

    journal: list[str]

    def _begin(self, call: Any) -> Any:
        self.journal.append(f"sent to {self.name}")
        return super()._begin(call)


@dataclass
class ChatRig:
    """A service and everything around it that a test wants to turn or look at."""

    clock: FakeClock
    store: JournalingStore
    providers: dict[str, JournalingProvider]
    parts: ChatServiceParts
    service: ChatService
    caller: Caller
    journal: list[str]
    pauses: list[float]
    ids: SequentialIds
    # Holds that the test leaves to the sweeper.
    open_holds: int = 0
    _requests: int = field(default=0)

    @property
    def provider(self) -> JournalingProvider:
        return self.providers["openai"]

    def request(
        self, chat: chat_pb.ChatCompletionParams | None = None, **fields: Any
    ) -> ChatRequest:
        self._requests += 1
        request = ChatRequest(
            caller=self.caller,
            request_id=f"call-{self._requests}",
            params=chat or params(),
            remaining_seconds=600.0,
        )
        return replace(request, **fields)

    async def complete(
        self, chat: chat_pb.ChatCompletionParams | None = None, **fields: Any
    ) -> chat_pb.CreateChatCompletionResponse:
        return await self.service.complete(self.request(chat, **fields))

    async def stream(
        self, chat: chat_pb.ChatCompletionParams | None = None, **fields: Any
    ) -> list[Message]:
        """Listen to the end, or until cancelled, and close as the servicer does."""
        async with aclosing(self.service.stream(self.request(chat, **fields))) as messages:
            return [message async for message in messages]

    async def balance(self) -> Balance:
        return await self.store.get_balance(self.caller.account_id)

    async def records(self) -> list[RequestRecord]:
        """The request log, oldest first."""
        newest_first = await self.store.list_requests(self.caller.account_id, limit=1_000)
        return list(reversed(newest_first))

    async def record(self) -> RequestRecord:
        (only,) = await self.records()
        return only

    async def idle(self) -> None:
        """Wait until every supervised task has ended."""
        await eventually(lambda: len(self.parts.supervisor) == 0)

    async def close(self) -> None:
        """Every test ends here: nothing runs, nothing is held, every invariant is true."""
        await self.idle()
        for credentials in self.parts.router.credentials.values():
            assert [one.in_flight for one in credentials] == [0] * len(credentials)
        report = await self.store.audit(now=self.clock.now())
        assert report.violations == ()
        assert report.open_holds == self.open_holds


def _providers(
    catalog: Catalog, credentials: Sequence[str] | None, journal: list[str]
) -> dict[str, JournalingProvider]:
    if credentials is None:
        credentials = sorted({route.provider for m in catalog.values() for route in m.routes})
    providers = {name: JournalingProvider(provider_of(name)) for name in credentials}
    for provider in providers.values():
        provider.journal = journal
    return providers


@asynccontextmanager
async def open_chat(
    *,
    microcredits: int = RICH,
    routes: tuple[Route, ...] | None = None,
    catalog: Catalog = BUILT_IN,
    limits: ChatLimits | None = None,
    rates: RatePolicy | None = None,
    parts: Mapping[str, Any] | None = None,
    credentials: Sequence[str] | None = None,
    draw: Callable[[], float] = lambda: 0.0,
) -> AsyncIterator[ChatRig]:
    """A rig with one account; it is held to ``ChatRig.close``.

    ``credentials`` are the names of our keys, one at each provider if none are given. Routes that
    share calls take them by ``draw``.
    """
    clock, ids, journal, pauses = FakeClock(), SequentialIds(), list[str](), list[float]()
    store = JournalingStore(journal)
    catalog = catalog_with(routes) if routes else catalog
    providers = _providers(catalog, credentials, journal)

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        clock.advance(seconds)
        await asyncio.sleep(0)

    given = ChatServiceParts(
        ledger=store,
        requests=store,
        catalog=catalog,
        providers=providers,
        router=Router(catalog.values(), by_provider(providers), clock, draw=draw),
        supervisor=Supervisor(),
        rate_limiter=RateLimiter(clock, rates or RatePolicy()),
        clock=clock,
        ids=ids,
        owner="process-1",
        limits=limits or ChatLimits(),
        sleep=sleep,
        jitter=lambda: 0.5,
    )
    given = replace(given, **(parts or {}))
    await store.beat("process-1")
    await store.create_account("account-1", "demo", clock.now())
    if microcredits:
        grant = GrantCredits("grant-1", "account-1", microcredits, "for the test", clock.now())
        await store.grant_credits(grant)
    rig = ChatRig(
        clock=clock,
        store=store,
        providers=providers,
        parts=given,
        service=ChatService(given),
        caller=Caller("account-1", "demo", "key-1"),
        journal=journal,
        pauses=pauses,
        ids=ids,
    )
    yield rig
    await rig.close()
