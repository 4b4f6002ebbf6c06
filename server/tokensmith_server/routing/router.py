"""From a model to the routes to try, the fit ones in their order."""

from dataclasses import dataclass

from tokensmith_server.catalog.model import ModelSpec, Route
from tokensmith_server.routing.health import RouteHealth


@dataclass(frozen=True, slots=True)
class Plan:
    """The routes to try. When none is fit, ``wait_seconds`` says when the first may be."""

    routes: tuple[Route, ...]
    wait_seconds: float = 0.0


def plan(model: ModelSpec, health: RouteHealth) -> Plan:
    """The model's routes in the catalog's order, without those that are cooling down."""
    waits = [health.wait_seconds(route.name) for route in model.routes]
    fit = tuple(route for route, wait in zip(model.routes, waits, strict=True) if wait <= 0.0)
    return Plan(fit, 0.0 if fit else min(waits))
