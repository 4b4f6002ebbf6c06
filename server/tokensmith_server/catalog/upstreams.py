"""What each route's upstream model takes, where that is not what the model on sale does.

A model's further routes may lead to other models. What one of them takes is, in this order: what
the route says; what the price list says of the model that it sells under that provider and id,
here also for a host that speaks as the provider does; what the overlay file says of a model whose
preferred route it is; and where nothing is known, what the model on sale takes.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date

from tokensmith_server.catalog.model import (
    Capabilities,
    ExtraProvider,
    Kind,
    LifecycleStatus,
    ModelSpec,
    Route,
    TextSpec,
)
from tokensmith_server.catalog.model_reader import MAX_TOKENS, read_model_capabilities
from tokensmith_server.catalog.reader import Table
from tokensmith_server.catalog.route_reader import UPSTREAM_KEYS


class Upstreams:
    """The models that are known to be behind routes.

    Args:
        listed: The price list's models, as they are sold, by their own routes' names.
        models: Every model on sale.
        hosts: The providers that the overlay file adds.
    """

    def __init__(
        self,
        listed: Sequence[tuple[str, ModelSpec]],
        models: Iterable[ModelSpec],
        hosts: Mapping[str, ExtraProvider],
    ) -> None:
        self._own = {(model.id, name) for name, model in listed}
        self._listed_ids = {model.id for _, model in listed}
        self._kinds: dict[str, set[Kind]] = {}
        self._listed: dict[tuple[Kind, str], ModelSpec] = {}
        for name, model in listed:
            self._kinds.setdefault(name, set()).add(model.kind)
            self._listed.setdefault((model.kind, name), model)
        self._preferred: dict[tuple[Kind, str], ModelSpec] = {}
        for model in models:
            self._preferred.setdefault((model.kind, model.routes[0].name), model)
        self._hosts = hosts

    def find(self, model: ModelSpec, route: Route) -> ModelSpec:
        """The model that is behind one of a model's routes; the model itself if none is known."""
        key = (model.kind, route.name)
        if (model.id, route.name) in self._own:
            return model
        if key in self._listed:
            return self._listed[key]
        if route is model.routes[0]:
            return model
        if key in self._preferred:
            return self._preferred[key]
        host = self._hosts.get(route.provider)
        vendors = Route(host.dialect.value, route.upstream_id).name if host else ""
        return self._listed.get((model.kind, vendors), model)

    def resolve(
        self, model: ModelSpec, table: Table, profiles: Mapping[str, Capabilities]
    ) -> ModelSpec:
        """The model with its ``on_routes``; what is wrong with them is noted in its table.

        Args:
            model: The model as it was read.
            table: The table that it was read from, without a problem.
            profiles: The capability profiles that its routes may name.
        """
        on_routes: dict[str, ModelSpec] = {}
        entries = {
            f"{entry.data['provider']}/{entry.data['model']}": entry
            for entry in table.tables("routes")
        }
        for route in model.routes:
            entry, upstream = entries[route.name], self.find(model, route)
            kinds = self._kinds.get(route.name, {model.kind})
            if model.kind not in kinds:
                told = " and ".join(sorted(kinds))
                entry.note("model", f"serves nothing of kind {model.kind}: it is of kind {told}")
            elif model.text is not None and upstream.text is not None:
                text = upstream.text
                if route is model.routes[0] and model.id not in self._listed_ids:
                    text = _as_described(model.text, text, table)
                text = _read_upstream(entry, text, profiles)
                if text != model.text:
                    on_routes[route.name] = replace(model, text=text)
        return replace(model, on_routes=on_routes) if on_routes else model


def withdrawn_routes(models: Iterable[ModelSpec], today: date) -> Sequence[tuple[ModelSpec, Route]]:
    """The routes of models that lead to another model, which its provider has withdrawn."""
    listed = list(models)
    own: dict[str, ModelSpec] = {}
    for model in listed:
        own.setdefault(model.routes[0].name, model)
    return [
        (model, route)
        for model in listed
        for route in model.routes
        if (behind := own.get(route.name, model)) is not model
        and behind.lifecycle.status_on(today) is LifecycleStatus.RETIRED
    ]


def _as_described(own: TextSpec, known: TextSpec, table: Table) -> TextSpec:
    """What an added model's preferred route takes: its own entry tells, as far as it does."""
    if "profile" in table.data or "capabilities" in table.data:
        return own
    return replace(known, context_tokens=own.context_tokens)


def _read_upstream(entry: Table, known: TextSpec, profiles: Mapping[str, Capabilities]) -> TextSpec:
    if not any(key in entry.data for key in UPSTREAM_KEYS):
        return known
    maximum = entry.optional_integer("max_output_tokens", maximum=MAX_TOKENS)
    return replace(
        known,
        context_tokens=entry.integer(
            "context_tokens", maximum=MAX_TOKENS, default=known.context_tokens
        ),
        max_output_tokens=known.max_output_tokens if maximum is None else maximum,
        capabilities=read_model_capabilities(entry, profiles, known.capabilities),
    )
