"""The catalog that a process serves: models by id, as listed, with one version."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from tokensmith_server.catalog.model import ExtraProvider, LifecycleStatus, ModelSpec
from tokensmith_server.catalog.near import near_matches, same_but_for_case
from tokensmith_server.catalog.version import catalog_version


class Catalog(Mapping[str, ModelSpec]):
    """Every model on sale by its id, in the order of the price list. Immutable.

    Attributes:
        version: The content hash that every hold records, like ``cat_0123456789abcdef``.
        providers: The hosts that the overlay file added, by name.
    """

    __slots__ = ("_by_motion_control_path", "_by_name", "_models", "providers", "version")

    def __init__(
        self, models: Iterable[ModelSpec], providers: Iterable[ExtraProvider] = ()
    ) -> None:
        self._models: Mapping[str, ModelSpec] = MappingProxyType(
            {model.id: model for model in models}
        )
        self._by_name = {
            name: model for model in self._models.values() for name in (model.id, *model.aliases)
        }
        self.providers: Mapping[str, ExtraProvider] = MappingProxyType(
            {provider.name: provider for provider in providers}
        )
        self.version = catalog_version(self._models.values(), self.providers.values())
        self._by_motion_control_path = {
            model.video.motion_control_path: model
            for model in self._models.values()
            if model.video is not None and model.video.motion_control_path is not None
        }

    def __getitem__(self, model_id: str) -> ModelSpec:
        return self._models[model_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def find(self, model_id: str) -> ModelSpec | None:
        """The model with exactly this id, or alias; they are opaque and case counts."""
        return self._by_name.get(model_id)

    def model_id(self, name: str) -> str:
        """What a name stands for: an alias for its model's id, any other for itself."""
        model = self._by_name.get(name)
        return name if model is None else model.id

    def find_motion_control(self, path: str) -> ModelSpec | None:
        """The motion-control model that is served at a REST path, compared as a whole."""
        return self._by_motion_control_path.get(path)

    def near_matches(self, model_id: str, limit: int = 3) -> tuple[str, ...]:
        """Ids that a caller who wrote ``model_id`` may have meant, the likeliest first.

        A model that is retired is only named when letter case is all that differs.
        """
        candidates = (
            model.id
            for model in self._models.values()
            if model.lifecycle.status is not LifecycleStatus.RETIRED
            or same_but_for_case(model_id, model.id)
        )
        return near_matches(model_id, candidates, limit)
