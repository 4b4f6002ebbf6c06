"""From a model to the routes to try: the fit ones, by the operator's order, weight, and health."""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from tokensmith_server.catalog.model import ModelSpec, Route
from tokensmith_server.clock import Clock
from tokensmith_server.routing.breaker import Breaker, BreakerPolicy
from tokensmith_server.routing.budget import RetryBudget, RetryBudgetPolicy
from tokensmith_server.routing.draw import weighted_order
from tokensmith_server.routing.lanes import Credential, Lane, RouteState
from tokensmith_server.routing.score import Score, effective_weights

Group = tuple[tuple[RouteState, int], ...]
"""Routes that share calls by weight."""


@dataclass(frozen=True, slots=True)
class RoutingPolicy:
    """The bounds of a process's routing."""

    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    budget: RetryBudgetPolicy = field(default_factory=RetryBudgetPolicy)


@dataclass(slots=True)
class Plan:
    """The routes to try for one call, in their order.

    ``lane`` is the first try's, from ``claim`` on. ``out`` are the routes that no try can be sent
    on now, with the number of their group, and ``group_numbers`` are those of ``routes``; there are
    none while nothing is out.
    """

    routes: tuple[RouteState, ...]
    out: Mapping[RouteState, int] = field(default_factory=dict)
    group_numbers: Mapping[RouteState, int] = field(default_factory=dict)
    _lane: Lane | None = None
    _claimed_at: float = 0.0

    @property
    def lane(self) -> Lane:
        """The lane that was claimed for the first try."""
        assert self._lane is not None, "nothing was claimed"  # noqa: S101 - a caller's defect
        return self._lane

    @property
    def awaited(self) -> Sequence[RouteState]:
        """The routes that the first one stands in for: out, and not of a later group."""
        if not self.out:
            return ()
        first = self.group_numbers[self.routes[0]]
        return [state for state, number in self.out.items() if number <= first]

    def keep(self, takes: Callable[[RouteState], bool]) -> None:
        """Drop the routes, fit or out, that can't take the call."""
        self.routes = tuple(filter(takes, self.routes))
        if self.out:
            self.out = {state: number for state, number in self.out.items() if takes(state)}

    def claim(self, now: float) -> None:
        """Take a lane of the first route; whoever does must try it, or ``release`` it."""
        self._lane = self.routes[0].pick(now) or self.routes[0].soonest(now)
        self._lane.begin(now)
        self._claimed_at = now

    def release(self) -> None:
        """Give the lane back untried."""
        self.lane.released(self._claimed_at)
        self.lane.end()


class Router:
    """The routes of one process, and how they do. Not shared between processes: each learns.

    Args:
        models: What is sold.
        credentials: The names of our keys, by provider. A provider that is not in here is not set
            up, and its routes are left out.
        clock: For all that waits.
        draw: Random numbers from 0 to below 1, for routes that share calls by weight.
    """

    def __init__(
        self,
        models: Iterable[ModelSpec],
        credentials: Mapping[str, Sequence[str]],
        clock: Clock,
        *,
        draw: Callable[[], float] = random.random,
        policy: RoutingPolicy | None = None,
    ) -> None:
        self._clock = clock
        self._draw = draw
        self._policy = policy or RoutingPolicy()
        self._credentials = {
            provider: tuple(map(Credential, names)) for provider, names in credentials.items()
        }
        self._budgets = {name: RetryBudget(self._policy.budget) for name in credentials}
        self._states: dict[str, RouteState] = {}
        self._groups = {model.id: tuple(self._group(model.routes)) for model in models}

    @property
    def states(self) -> Sequence[RouteState]:
        """Every route that is set up, once, whatever the number of its models."""
        return tuple(self._states.values())

    @property
    def credentials(self) -> Mapping[str, Sequence[Credential]]:
        """Our keys, by provider."""
        return self._credentials

    def budget(self, provider: str) -> RetryBudget:
        """What repeats a provider has left."""
        return self._budgets[provider]

    def groups(self, model_id: str) -> Sequence[Group]:
        """A model's routes that are set up: groups in their order, routes with their weights."""
        return self._groups[model_id]

    def plan(self, model: ModelSpec) -> Plan:
        """The model's fit routes: group after group, and by weighted chance within each."""
        groups = self._groups[model.id]
        now = self._clock.monotonic()
        if len(groups) == 1 and len(groups[0]) == 1:
            only = groups[0][0][0]
            return Plan((only,)) if only.wait_seconds(now) == 0.0 else Plan((), {only: 1})
        waits = {state: state.wait_seconds(now) for group in groups for state, _ in group}
        routes: list[RouteState] = []
        for group in groups:
            routes += self._shared([one for one in group if waits[one[0]] == 0.0], now)
        if len(routes) == len(waits):
            return Plan(tuple(routes))
        numbers = {state: number for number, group in enumerate(groups, 1) for state, _ in group}
        out = {state: numbers[state] for state, wait in waits.items() if wait > 0.0}
        return Plan(tuple(routes), out, numbers)

    def _shared(self, group: Sequence[tuple[RouteState, int]], now: float) -> list[RouteState]:
        if len(group) == 1:
            return [group[0][0]]
        weights = effective_weights(
            [weight for _, weight in group], [state.score for state, _ in group], now
        )
        return [group[place][0] for place in weighted_order(weights, self._draw)]

    def _group(self, routes: Sequence[Route]) -> Iterator[Group]:
        """Those of one order together, the lowest first; without an order each is its own."""
        grouped: dict[int, list[tuple[RouteState, int]]] = {}
        for place, route in enumerate(routes, 1):
            if route.provider in self._credentials:
                order = place if route.order is None else route.order
                grouped.setdefault(order, []).append((self._state(route), route.weight))
        for order in sorted(grouped):
            yield tuple(grouped[order])

    def _state(self, route: Route) -> RouteState:
        """The state of the route that has this name, whichever model it is of."""
        state = self._states.get(route.name)
        if state is None:
            breaker = Breaker(self._policy.breaker)
            state = RouteState(route, breaker, self._budgets[route.provider])
            credentials = self._credentials[route.provider]
            state.lanes = tuple(
                Lane(
                    state,
                    credential,
                    Breaker(self._policy.breaker),
                    state.score if len(credentials) == 1 else Score(),
                )
                for credential in credentials
            )
            self._states[route.name] = state
        return state
