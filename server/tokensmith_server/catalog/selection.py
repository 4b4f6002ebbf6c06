"""From the id that a call names to the model that serves it, or why none does."""

from collections.abc import Set
from datetime import UTC, datetime

from tokensmith_server.catalog.catalog import Catalog
from tokensmith_server.catalog.model import Kind, LifecycleStatus, ModelSpec
from tokensmith_server.clock import Clock
from tokensmith_server.errors import InvalidField, ModelKindMismatch, ModelNotFound, ModelRetired


class ModelSelection:
    """The models of the catalog, as far as a call of some kind may use them today.

    ``simulated`` are the providers that the simulator stands in for: they serve retired models.
    """

    def __init__(self, catalog: Catalog, clock: Clock, simulated: Set[str] = frozenset()) -> None:
        self._catalog = catalog
        self._clock = clock
        self._simulated = simulated

    def find(self, model_id: str, kind: Kind) -> ModelSpec:
        """The model with exactly this id, or alias.

        Raises:
            InvalidField: no id is given.
            ModelNotFound: there is no such model; names near matches.
            ModelKindMismatch: it is of another kind; names the endpoint that serves it.
            ModelRetired: its provider has withdrawn it.
        """
        if not model_id:
            raise InvalidField(
                "model", "`model` is required; ListModels lists them (REST: GET /v1/models)."
            )
        model = self._catalog.find(model_id)
        if model is None:
            raise ModelNotFound(model_id, self._catalog.near_matches(model_id))
        if model.kind is not kind:
            raise ModelKindMismatch(model_id, kind=model.kind.value, endpoint=model.endpoint)
        if self._is_retired(model):
            shutdown_on = model.lifecycle.shutdown_on
            raise ModelRetired(
                model_id,
                retired_on=shutdown_on.isoformat() if shutdown_on else "",
                replacement=model.lifecycle.replacement or "",
            )
        return model

    def _is_retired(self, model: ModelSpec) -> bool:
        if model.lifecycle.status is LifecycleStatus.AVAILABLE:
            return False
        today = datetime.fromtimestamp(self._clock.now(), UTC).date()
        return model.lifecycle.status_on(today) is LifecycleStatus.RETIRED and not all(
            route.provider in self._simulated for route in model.routes
        )
