"""What is checked of an installation before blaming anything else."""

import platform
from collections.abc import Callable
from dataclasses import dataclass

from pysqlite3 import dbapi2

from tokensmith_server.billing.errors import BillingError
from tokensmith_server.catalog.loader import CatalogError, load_catalog
from tokensmith_server.config import ServerSettings
from tokensmith_server.storage import migrate
from tokensmith_server.storage.engine import check_sqlite_version
from tokensmith_server.storage.errors import StorageError


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: whether it is well, and what was seen."""

    check: str
    ok: bool
    detail: str


def examine(settings: ServerSettings) -> list[Finding]:
    """Run every check; a failing one does not stop the others."""
    checks: tuple[tuple[str, Callable[[ServerSettings], str]], ...] = (
        ("python", lambda _: platform.python_version()),
        ("sqlite", _sqlite),
        ("database", _database),
        ("catalog", _catalog),
        ("providers", _providers),
    )
    return [_find(name, check, settings) for name, check in checks]


def _find(name: str, check: Callable[[ServerSettings], str], settings: ServerSettings) -> Finding:
    try:
        return Finding(name, ok=True, detail=check(settings))
    except (StorageError, CatalogError, BillingError, OSError) as error:
        return Finding(name, ok=False, detail=str(error))


def _sqlite(_: ServerSettings) -> str:
    version: str = dbapi2.sqlite_version
    check_sqlite_version(version)
    return f"{version}, free of the WAL-reset bug"


def _database(settings: ServerSettings) -> str:
    scheme = settings.database.partition(":")[0]
    if migrate.is_current(settings.database):
        return f"{scheme}, up to date at revision {migrate.head_revision()}"
    return f"{scheme}, needs `tokensmith migrate` (done by `tokensmith up`)"


def _catalog(settings: ServerSettings) -> str:
    catalog = load_catalog(settings.catalog)
    return f"{len(catalog)} models, version {catalog.version}"


def _providers(settings: ServerSettings) -> str:
    own = sorted(set(settings.providers()) - settings.simulated)
    if not own:
        return "no provider has an API key; `tokensmith up` serves them from the simulator"
    return f"with an API key: {', '.join(own)}"
