"""The composition root: the one module that knows every concrete class.

``open_app`` builds a server from settings, bottom up, and closes what it built, not what it was
given. It owns no port: the same app serves the network, or a bridge in its own process.
"""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

import structlog

from tokensmith.v1 import (
    admin_service_pb2_grpc,
    billing_service_pb2_grpc,
    chat_service_pb2_grpc,
    image_service_pb2_grpc,
    media_service_pb2_grpc,
    model_service_pb2_grpc,
    response_service_pb2_grpc,
    video_service_pb2_grpc,
)
from tokensmith_server.admin.gauges import watch_routes
from tokensmith_server.admin.servicer import AdminParts, AdminServicer
from tokensmith_server.admin.token import ensure_token
from tokensmith_server.billing.audit import HoldFacts
from tokensmith_server.billing.pricing import charge
from tokensmith_server.billing.rates import TokenRate
from tokensmith_server.billing.servicer import BillingParts, BillingServicer, BillingStore
from tokensmith_server.billing.sweeper import Sweeper, SweepPolicy
from tokensmith_server.catalog.catalog import Catalog
from tokensmith_server.catalog.loader import load_catalog
from tokensmith_server.catalog.model import ModelSpec
from tokensmith_server.catalog.rate_snapshot import rate_from_json
from tokensmith_server.catalog.selection import ModelSelection
from tokensmith_server.catalog.servicer import ModelServicer
from tokensmith_server.chat.estimator import ChatEstimator
from tokensmith_server.chat.parts import ChatLimits, ChatServiceParts
from tokensmith_server.chat.service import ChatService
from tokensmith_server.chat.servicer import ChatServicer
from tokensmith_server.clock import Clock, SystemClock
from tokensmith_server.config import ServerSettings
from tokensmith_server.errors import SERVED_KINDS
from tokensmith_server.ids import Ids, RandomIds
from tokensmith_server.image.estimator import ImageEditEstimator, ImageEstimator
from tokensmith_server.providers.base import ChatProvider, ProviderSettings
from tokensmith_server.providers.credentials import by_provider, credentials_of, split_keys
from tokensmith_server.providers.http import create_session
from tokensmith_server.providers.registry import create_chat_providers
from tokensmith_server.rate_limits import RateLimiter, RatePolicy
from tokensmith_server.readiness import Readiness, look_at
from tokensmith_server.responses.service import ResponseService
from tokensmith_server.responses.servicer import ResponseServicer
from tokensmith_server.routing.router import Router
from tokensmith_server.rpc.auth import Authenticator
from tokensmith_server.rpc.interceptors import LoadLayer, build_layers
from tokensmith_server.rpc.layer import LayerStack
from tokensmith_server.rpc.operator import OperatorGate
from tokensmith_server.rpc.server import Health
from tokensmith_server.storage.storage import SQLStore, open_storage
from tokensmith_server.supervisor import Supervisor
from tokensmith_server.video.estimator import MotionControlEstimator, VideoEstimator

_log = structlog.get_logger(__name__)

# From a call's end until its handler has told it; a client that does not read is not waited for.
_TELLING_SECONDS = 1.0

SERVICES = (
    "tokensmith.v1.AdminService",
    "tokensmith.v1.BillingService",
    "tokensmith.v1.ChatService",
    "tokensmith.v1.ImageService",
    "tokensmith.v1.MediaService",
    "tokensmith.v1.ModelService",
    "tokensmith.v1.ResponseService",
    "tokensmith.v1.VideoService",
)


class ProviderSettingsError(ValueError):
    """A provider's key or address can't be used; the text names the provider, repeats neither."""


def price_of(hold: HoldFacts) -> int | None:
    """What a hold's usage costs at its own rate, for the auditor; ``None`` where it has none."""
    rate = rate_from_json(hold.rate_json)
    if hold.usage is None or not isinstance(rate, TokenRate):
        return None
    return charge(rate, hold.usage)


def process_name() -> str:
    """This process's name in the ledger: unique across hosts and restarts."""
    return f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"


@dataclass(slots=True)
class ServerApp:
    """A running server without ports."""

    settings: ServerSettings
    store: SQLStore
    catalog: Catalog
    layers: LayerStack
    health: Health
    supervisor: Supervisor
    sweeper: Sweeper
    chat: ChatServicer
    billing: BillingServicer
    models: ModelServicer
    responses: ResponseServicer
    admin: AdminServicer

    def add_to(self, server: Any) -> None:
        """Register every service of the contract; those not built yet answer UNIMPLEMENTED."""
        chat_service_pb2_grpc.add_ChatServiceServicer_to_server(self.chat, server)
        billing_service_pb2_grpc.add_BillingServiceServicer_to_server(self.billing, server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(self.models, server)
        response_service_pb2_grpc.add_ResponseServiceServicer_to_server(self.responses, server)
        admin_service_pb2_grpc.add_AdminServiceServicer_to_server(self.admin, server)
        image_service_pb2_grpc.add_ImageServiceServicer_to_server(
            image_service_pb2_grpc.ImageServiceServicer(), server
        )
        media_service_pb2_grpc.add_MediaServiceServicer_to_server(
            media_service_pb2_grpc.MediaServiceServicer(), server
        )
        video_service_pb2_grpc.add_VideoServiceServicer_to_server(
            video_service_pb2_grpc.VideoServiceServicer(), server
        )
        self.health.add_to(server)

    async def refuse_new_calls(self) -> None:
        """The first step of going down: health says so, and new calls are refused."""
        self.layers.get(LoadLayer).closing = True
        await self.health.set_serving(False)

    async def calls_ended(self) -> None:
        """Wait until no call is under way, and none has anything left to do; none may come in."""
        await self.layers.get(LoadLayer).idle()
        await self.supervisor.idle()

    async def cut_calls(self) -> None:
        """End what is still under way: each call settles, and whoever listens is told."""
        await self.supervisor.cut()
        with suppress(TimeoutError):
            async with asyncio.timeout(_TELLING_SECONDS):
                await self.layers.get(LoadLayer).idle()


@asynccontextmanager
async def open_app(
    settings: ServerSettings,
    *,
    clock: Clock | None = None,
    ids: Ids | None = None,
    providers: Mapping[str, ChatProvider] | None = None,
) -> AsyncIterator[ServerApp]:
    """Build and start everything but the ports; stop it in the opposite order.

    The database must be up to date (``storage.migrate.upgrade``).

    Raises:
        ProviderSettingsError: a provider's key or address can't be used.
        CatalogError: the overlay file is not valid; lists every problem.
        StorageError, LedgerUnavailable: the database can't be used.
    """
    clock = clock or SystemClock()
    ids = ids or RandomIds()
    owner = process_name()
    catalog = load_catalog(settings.catalog)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(
            open_storage(settings.database, owner=owner, clock=clock, server=True, price=price_of)
        )
        if providers is None:
            providers = await _providers(settings, catalog, stack)
        health = Health(SERVICES)
        readiness = Readiness(look_at(store, owner=owner, clock=clock), health.set_ledger_answers)
        supervisor = Supervisor()
        parts = _chat_parts(
            settings=settings,
            store=store,
            catalog=catalog,
            providers=providers,
            supervisor=supervisor,
            clock=clock,
            ids=ids,
            owner=owner,
        )
        app = ServerApp(
            settings=settings,
            store=store,
            catalog=catalog,
            layers=_layers(settings, parts, store, readiness),
            health=health,
            supervisor=supervisor,
            sweeper=_sweeper(settings, store, clock, owner, supervisor),
            chat=ChatServicer(ChatService(parts), total_seconds_max=settings.total_seconds_max),
            billing=BillingServicer(billing_parts(parts, store)),
            models=ModelServicer(catalog, clock),
            responses=_response_servicer(settings, store, clock),
            admin=admin_servicer(parts),
        )
        watch_routes(parts.router, clock)
        await stack.enter_async_context(_sweeping(app.sweeper))
        stack.push_async_callback(supervisor.cut)
        await health.set_serving(True)
        await stack.enter_async_context(readiness.watching())
        _log.info("server.open", owner=owner, catalog=catalog.version, models=len(catalog))
        yield app


def _response_servicer(settings: ServerSettings, store: SQLStore, clock: Clock) -> ResponseServicer:
    return ResponseServicer(
        ResponseService(store, clock, kept_seconds=settings.response_kept_seconds)
    )


async def _providers(
    settings: ServerSettings, catalog: Catalog, stack: AsyncExitStack
) -> Mapping[str, ChatProvider]:
    """An adapter for each provider that can be reached, over one session that ``stack`` closes."""
    session = await stack.enter_async_context(create_session())
    try:
        known = settings.providers() | extra_keys(catalog)
        return create_chat_providers(session, known, catalog.providers.values())
    except ValueError as error:
        raise ProviderSettingsError(str(error)) from error


def extra_keys(catalog: Catalog) -> dict[str, ProviderSettings]:
    """Keys of the overlay's hosts, from the variables that it names.

    Raises:
        ValueError: a variable holds a key twice; names the provider.
    """
    known: dict[str, ProviderSettings] = {}
    for extra in catalog.providers.values():
        try:
            known |= credentials_of(extra.name, split_keys(os.environ.get(extra.api_key_env or "")))
        except ValueError as error:
            raise ValueError(f"provider {extra.name}: {error}") from None
    return known


@asynccontextmanager
async def _sweeping(sweeper: Sweeper) -> AsyncIterator[None]:
    stop = asyncio.Event()
    sweeping = asyncio.create_task(sweeper.run(stop))
    try:
        yield
    finally:
        stop.set()
        await sweeping


def _sweeper(
    settings: ServerSettings, store: SQLStore, clock: Clock, owner: str, supervisor: Supervisor
) -> Sweeper:
    return Sweeper(
        ledger=store,
        store=store,
        responses=store,
        clock=clock,
        owner=owner,
        running=lambda: supervisor.holds,
        policy=SweepPolicy(
            interval_seconds=settings.sweep_seconds,
            owner_silent_seconds=settings.owner_silent_seconds,
            reconcile_seconds=settings.reconcile_seconds,
        ),
    )


def _chat_parts(
    *,
    settings: ServerSettings,
    store: SQLStore,
    catalog: Catalog,
    providers: Mapping[str, ChatProvider],
    supervisor: Supervisor,
    clock: Clock,
    ids: Ids,
    owner: str,
) -> ChatServiceParts:
    return ChatServiceParts(
        ledger=store,
        requests=store,
        catalog=catalog,
        providers=providers,
        router=Router(_called(catalog), by_provider(providers), clock),
        supervisor=supervisor,
        rate_limiter=RateLimiter(
            clock, RatePolicy(settings.requests_per_minute, settings.tokens_per_minute)
        ),
        clock=clock,
        ids=ids,
        owner=owner,
        simulated=settings.simulated,
        limits=chat_limits(settings),
    )


def _called(catalog: Catalog) -> list[ModelSpec]:
    return [model for model in catalog.values() if model.kind.value in SERVED_KINDS]


def chat_limits(settings: ServerSettings) -> ChatLimits:
    """The bounds of chats that an operator can set, by their settings' own names."""
    return ChatLimits(
        total_seconds_max=settings.total_seconds_max,
        first_byte_seconds=settings.first_byte_seconds,
        idle_seconds=settings.idle_seconds,
        reconcile_seconds=settings.reconcile_seconds,
        slow_reader_seconds=settings.slow_reader_seconds,
    )


def billing_parts(chat: ChatServiceParts, store: BillingStore) -> BillingParts:
    """Billing over the same catalog, store and limits as the calls that it prices and lists."""
    models = ModelSelection(chat.catalog, chat.clock, chat.simulated)
    return BillingParts(
        store=store,
        read_rate=rate_from_json,
        model_id=chat.catalog.model_id,
        estimators={
            "chat": ChatEstimator(chat),
            "image": ImageEstimator(models),
            "image_edit": ImageEditEstimator(models),
            "video": VideoEstimator(models),
            "motion_control": MotionControlEstimator(models),
        },
        catalog_version=chat.catalog.version,
        rate_limiter=chat.rate_limiter,
    )


def _layers(
    settings: ServerSettings, chat: ChatServiceParts, store: SQLStore, readiness: Readiness
) -> LayerStack:
    return build_layers(
        clock=chat.clock,
        ids=chat.ids,
        authenticator=Authenticator(store, chat.clock),
        calls_max=settings.calls_max,
        default_deadline_seconds=settings.default_deadline_seconds,
        read_balance=store.get_balance,
        suspect_ledger=readiness.suspect,
        operator=OperatorGate(_operator_token(settings)),
        look_at_limits=chat.rate_limiter.look,
    )


def admin_servicer(chat: ChatServiceParts) -> AdminServicer:
    """The operator's view of the routes that calls take."""
    called = [model.id for model in _called(chat.catalog)]
    return AdminServicer(
        AdminParts(
            router=chat.router,
            models=called,
            requests=chat.requests,
            read_rate=rate_from_json,
            clock=chat.clock,
            process=chat.owner,
        )
    )


def _operator_token(settings: ServerSettings) -> str | None:
    if settings.admin_token is not None:
        return settings.admin_token.get_secret_value()
    token = ensure_token(settings.data_dir)
    if token is None:
        _log.warning("server.no_operator", data_dir=str(settings.data_dir))
    return token
