"""Reading a model's routes from its table."""

from collections.abc import Mapping
from typing import Final

from tokensmith_server.catalog.model import (
    BUILT_IN_PROVIDERS,
    EXTRA_PROVIDER_KINDS,
    ExtraProvider,
    Kind,
    Route,
)
from tokensmith_server.catalog.reader import Table

_MAX_ORDER: Final = 100
_MAX_WEIGHT: Final = 1_000

UPSTREAM_KEYS: Final = ("profile", "capabilities", "context_tokens", "max_output_tokens")
"""What a route of a text model may say of its upstream model; ``upstreams.py`` reads it."""

# Stands in for what could not be read; the noted problem keeps it from ever being served.
UNREAD_ROUTES: Final = (Route(provider="", upstream_id=""),)


def read_routes(
    table: Table, kind: Kind, providers: Mapping[str, ExtraProvider]
) -> tuple[Route, ...]:
    """The routes of a model's table, the preferred first; what is wrong with them is noted."""
    kinds = dict(BUILT_IN_PROVIDERS)
    for name in providers:
        kinds.setdefault(name, EXTRA_PROVIDER_KINDS)
    routes: list[Route] = []
    entries = table.tables("routes")
    ordered = any("order" in entry.data for entry in entries)
    names: set[str] = set()
    for entry in entries:
        route = _read_route(entry, kind, ordered=ordered)
        if route.provider and route.provider not in kinds:
            entry.note("provider", f"unknown provider {route.provider}; known: {', '.join(kinds)}")
        elif route.provider and kind not in kinds[route.provider]:
            entry.note("provider", f"{route.provider} does not serve kind {kind}")
        if route.name in names:
            entry.note(None, "is listed twice")
        names.add(route.name)
        routes.append(route)
    # The preferred first, whatever the order in the file.
    routes.sort(key=lambda route: route.order or 0)
    return tuple(routes) or UNREAD_ROUTES


def _read_route(entry: Table, kind: Kind, *, ordered: bool) -> Route:
    """One route; ``ordered`` says that the model's routes have their order written out."""
    route = Route(
        provider=entry.text("provider"),
        upstream_id=entry.text("model"),
        order=entry.integer("order", maximum=_MAX_ORDER) if ordered else None,
        weight=entry.integer("weight", maximum=_MAX_WEIGHT, default=1),
    )
    if "weight" in entry.data and not ordered:
        entry.note("weight", "needs an order: routes of one order share calls by weight")
    if kind is Kind.TEXT:
        for key in UPSTREAM_KEYS:
            entry.has(key)
    entry.close()
    return route
