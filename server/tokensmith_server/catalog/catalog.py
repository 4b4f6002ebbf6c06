"""The catalog that a process serves: models by id, as listed, with one version."""

import difflib
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from tokensmith_server.catalog.model import ExtraProvider, LifecycleStatus, ModelSpec
from tokensmith_server.catalog.version import catalog_version

_NEAR_ENOUGH: Final = 0.6
_LONGEST_NEAR_MATCH: Final = 200
"""Ids beyond this length have no near match: comparing costs time that a caller could abuse."""


class Catalog(Mapping[str, ModelSpec]):
    """Every model on sale by its id, in the order of the price list. Immutable.

    Attributes:
        version: The content hash that every hold records, like ``cat_0123456789abcdef``.
        providers: The hosts that the overlay file added, by name.
    """

    __slots__ = ("_by_motion_control_path", "_models", "providers", "version")

    def __init__(
        self, models: Iterable[ModelSpec], providers: Iterable[ExtraProvider] = ()
    ) -> None:
        self._models: Mapping[str, ModelSpec] = MappingProxyType(
            {model.id: model for model in models}
        )
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
        """The model with exactly this id; ids are opaque and case counts."""
        return self._models.get(model_id)

    def find_motion_control(self, path: str) -> ModelSpec | None:
        """The motion-control model that is served at a REST path, compared as a whole."""
        return self._by_motion_control_path.get(path)

    def near_matches(self, model_id: str, limit: int = 3) -> tuple[str, ...]:
        """Ids that a caller who wrote ``model_id`` may have meant, the likeliest first.

        The same id in other letter case comes first, then the same last segment
        ("gpt-oss-120b"), then the most similar. Models that are retired are only named when case
        is all that differs. Equal candidates stay in the order of the price list.
        """
        if len(model_id) > _LONGEST_NEAR_MATCH:
            return ()
        wanted = model_id.lower()
        matcher = difflib.SequenceMatcher(autojunk=False)
        matcher.set_seq2(wanted)
        ranked = sorted(
            (
                (-score, index, model.id)
                for index, model in enumerate(self._models.values())
                if (score := _nearness(wanted, model, matcher)) >= _NEAR_ENOUGH
            ),
        )
        return tuple(found for _, _, found in ranked[:limit])


def _nearness(wanted: str, model: ModelSpec, matcher: difflib.SequenceMatcher[str]) -> float:
    candidate = model.id.lower()
    if candidate == wanted:
        return 3.0
    if model.lifecycle.status is LifecycleStatus.RETIRED:
        return 0.0
    if candidate.rpartition("/")[2] == wanted.rpartition("/")[2]:
        return 2.0
    matcher.set_seq1(candidate)
    if matcher.quick_ratio() < _NEAR_ENOUGH:
        return 0.0
    return matcher.ratio()
