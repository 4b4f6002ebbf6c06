"""Loading the catalog: the built-in price list, with an operator's overlay file on top.

Validation is strict, runs over the merged result, and reports every problem at once.
"""

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from importlib import resources
from pathlib import Path
from typing import Final

from tokensmith_server.catalog.catalog import Catalog
from tokensmith_server.catalog.model import Capabilities, ExtraProvider, ModelSpec
from tokensmith_server.catalog.model_reader import read_capabilities, read_model
from tokensmith_server.catalog.near import near_matches
from tokensmith_server.catalog.provider_reader import read_provider
from tokensmith_server.catalog.reader import Table
from tokensmith_server.catalog.upstreams import Upstreams

_BUILT_IN: Final = ("text.toml", "image.toml", "video.toml")
"""The files of the price list, in listing order."""


class CatalogError(ValueError):
    """The catalog can't be used. ``problems`` holds every one found, each with its place."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("the catalog has problems:\n" + "\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Source:
    """One TOML document, with the name that its problems are reported under."""

    name: str
    text: str


def load_catalog(overlay: Path | None = None) -> Catalog:
    """The catalog to serve.

    Args:
        overlay: The operator's file (``TOKENSMITH_CATALOG``), which may add models and
            OpenAI-compatible providers, and change or disable models of the price list.

    Raises:
        CatalogError: The overlay can't be read, or the merged catalog is not valid.
    """
    folder = resources.files(__package__) / "models"
    built_in = [Source(name, (folder / name).read_text("utf-8")) for name in _BUILT_IN]
    if overlay is None:
        return build_catalog(built_in)
    try:
        text = overlay.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogError([f"{overlay}: can't be read: {error}"]) from error
    return build_catalog(built_in, Source(str(overlay), text))


def build_catalog(built_in: Iterable[Source], overlay: Source | None = None) -> Catalog:
    """The catalog that documents describe; pure.

    Raises:
        CatalogError: With every problem of every document.
    """
    problems: list[str] = []
    documents = [_parse(source, problems) for source in built_in]
    overlay_document = _parse(overlay, problems) if overlay else None
    if problems:
        # A document that is no TOML would only make the others' references dangle.
        raise CatalogError(problems)
    profiles: dict[str, Capabilities] = {}
    providers: dict[str, ExtraProvider] = {}
    entries: dict[str, Table] = {}
    for document in documents:
        _read_profiles(document, profiles)
        _add_entries(entries, _model_tables(document))
        document.close()
    listed = dict(entries)
    if overlay_document is not None:
        _read_profiles(overlay_document, profiles)
        _read_providers(overlay_document, providers)
        _overlay_entries(entries, _model_tables(overlay_document))
        overlay_document.close()
    models = _read_models(entries, listed, profiles, providers)
    _check_aliases(models, problems)
    _check_paths(models, problems)
    if problems:
        raise CatalogError(problems)
    return Catalog(models, providers.values())


def _parse(source: Source, problems: list[str]) -> Table:
    try:
        document = tomllib.loads(source.text, parse_float=Decimal)
    except ValueError as error:  # Of TOML, or of an integer with thousands of digits.
        problems.append(f"{source.name}: is not TOML: {error}")
        document = {}
    return Table(document, f"{source.name}: ", problems)


def _read_profiles(document: Table, profiles: dict[str, Capabilities]) -> None:
    tables = document.table("profiles")
    if tables is None:
        return
    for name in tables.keys():  # noqa: SIM118
        table = tables.table(name)
        if name in profiles:
            tables.note(name, "is defined already")
        elif table is not None:
            profiles[name] = read_capabilities(table, Capabilities())


def _read_providers(document: Table, providers: dict[str, ExtraProvider]) -> None:
    tables = document.table("providers")
    if tables is None:
        return
    for name in tables.keys():  # noqa: SIM118
        table = tables.table(name)
        if table is not None:
            providers[name] = read_provider(name, table)


def _model_tables(document: Table) -> dict[str, Table]:
    """The models of one document by id; two with one id are a problem."""
    found: dict[str, Table] = {}
    if not document.has("models"):
        return found
    for table in document.tables("models"):
        model_id = table.data.get("id")
        if not isinstance(model_id, str) or not model_id:
            table.note("id", "must be a non-empty string")
            continue
        table.place = document.at("models") + f'["{model_id}"]'
        if model_id in found:
            table.note(None, "is listed twice")
        else:
            found[model_id] = table
    return found


def _add_entries(entries: dict[str, Table], tables: Mapping[str, Table]) -> None:
    for model_id, table in tables.items():
        if model_id in entries:
            table.note(None, "is listed in another file too")
        entries.setdefault(model_id, table)


def _overlay_entries(entries: dict[str, Table], tables: Mapping[str, Table]) -> None:
    for model_id, table in tables.items():
        if "disabled" in table.data:
            _disable(entries, model_id, table)
        elif model_id in entries:
            entries[model_id] = _override(entries[model_id], table)
        elif "kind" in table.data:
            entries[model_id] = table
        else:
            _note_stranger(entries, model_id, table)


def _disable(entries: dict[str, Table], model_id: str, table: Table) -> None:
    if table.data["disabled"] is not True:
        table.note("disabled", "can only be true; leave it out to keep the model")
    if set(table.data) != {"id", "disabled"}:
        table.note(None, "a disabled model takes no other keys")
    if model_id in entries:
        del entries[model_id]
    else:
        table.note(None, "is not in the price list, so it can't be disabled")


def _override(base: Table, table: Table) -> Table:
    """The listed model with the overlay's keys in place of its own; capabilities add up."""
    merged = {**base.data, **table.data}
    if merged["kind"] != base.data["kind"]:
        table.note("kind", "of a listed model can't be changed")
        merged["kind"] = base.data["kind"]
    own, more = base.data.get("capabilities"), table.data.get("capabilities")
    if isinstance(own, dict) and isinstance(more, dict):
        merged["capabilities"] = {**own, **more}
    return Table(merged, table.place, table.problems)


def _note_stranger(entries: Mapping[str, Table], model_id: str, table: Table) -> None:
    near = near_matches(model_id, entries, limit=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    table.note(None, f"is not in the price list{hint}; a new model needs its kind")


def _read_models(
    entries: Mapping[str, Table],
    listed: Mapping[str, Table],
    profiles: Mapping[str, Capabilities],
    providers: Mapping[str, ExtraProvider],
) -> list[ModelSpec]:
    """The models of the merged list, and what each one's routes lead to.

    ``listed`` is the price list alone: it knows upstream models whatever is laid over it.
    """
    sold: dict[str, ModelSpec] = {}
    flawed: set[str] = set()
    for model_id, entry in entries.items():
        problems_before = len(entry.problems)
        sold[model_id] = read_model(entry, profiles, providers)
        if len(entry.problems) > problems_before:
            flawed.add(model_id)
    known: list[tuple[str, ModelSpec]] = []
    for model_id, entry in listed.items():
        # Its problems were noted above, or are of no concern where it is not sold.
        own = read_model(Table(entry.data, entry.place, []), profiles, providers)
        known += [(route.name, sold.get(model_id, own)) for route in own.routes]
    upstreams = Upstreams(known, sold.values(), providers)
    return [
        model if model_id in flawed else upstreams.resolve(model, entries[model_id], profiles)
        for model_id, model in sold.items()
    ]


def _check_aliases(models: Sequence[ModelSpec], problems: list[str]) -> None:
    owners = {model.id: model.id for model in models}
    problems.extend(
        f"{model.id}: alias {alias} names {owners[alias]} already"
        for model in models
        for alias in model.aliases
        if owners.setdefault(alias, model.id) != model.id or alias == model.id
    )


def _check_paths(models: Iterable[ModelSpec], problems: list[str]) -> None:
    owners: dict[str, str] = {}
    for model in models:
        path = model.video.motion_control_path if model.video else None
        if path is not None and owners.setdefault(path, model.id) != model.id:
            problems.append(f"{model.id}: motion_control_path is that of {owners[path]} too")
