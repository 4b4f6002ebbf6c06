"""What is checked of an installation before blaming anything else."""

import os
import platform
import stat
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pysqlite3 import dbapi2

from tokensmith_bridge.config import BridgeSettings, split_listen
from tokensmith_gateway.environment import Environment, read_server, unused_address
from tokensmith_gateway.route_report import RouteReport, ask_routes
from tokensmith_gateway.settings import GatewaySettings
from tokensmith_gateway.whereabouts import Whereabouts, read_whereabouts
from tokensmith_server.admin.token import FILE_NAME, read_token
from tokensmith_server.app import extra_keys
from tokensmith_server.billing.errors import BillingError
from tokensmith_server.catalog.loader import CatalogError, load_catalog
from tokensmith_server.catalog.upstreams import withdrawn_routes
from tokensmith_server.config import ServerSettings
from tokensmith_server.listen_address import CannotListen, require_free
from tokensmith_server.providers.credentials import provider_of
from tokensmith_server.storage import migrate
from tokensmith_server.storage.address import parse_database_url
from tokensmith_server.storage.causes import place_of
from tokensmith_server.storage.engine import check_sqlite_version
from tokensmith_server.storage.errors import StorageError


@dataclass(frozen=True, slots=True)
class Installation:
    """What is looked at: the settings, and where a gateway of this data directory serves."""

    server: ServerSettings
    bridge: BridgeSettings
    running: Whereabouts | None

    @classmethod
    def from_environment(cls) -> "Installation":
        """Read the environment, and the file that a running gateway leaves.

        Raises:
            SettingsError: variables are not valid; lists every problem.
        """
        environment = Environment()
        environment.read(GatewaySettings)
        server = read_server(environment)
        bridge = environment.read(BridgeSettings)
        environment.require_valid()
        where = read_whereabouts(server.data_dir)
        return cls(server, bridge, where if where and _is_alive(where.pid) else None)


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: whether it is well, and what was seen."""

    check: str
    ok: bool
    detail: str


class Trouble(Exception):
    """A check found what somebody should look after."""


def examine(place: Installation) -> tuple[list[Finding], RouteReport | None]:
    """Run every check; a failing one does not stop the others.

    Returns:
        What was found, and the routes of the server if one runs here and lets the operator look.
    """
    reports: list[RouteReport] = []

    def routes(place: Installation) -> str:
        report = _report(place)
        if report is None:
            return "no server runs here"
        reports.append(report)
        return _judge(report)

    checks: tuple[tuple[str, Callable[[Installation], str]], ...] = (
        ("python", lambda _: platform.python_version()),
        ("sqlite", _sqlite),
        ("data_dir", _data_dir),
        ("database", _database),
        ("catalog", _catalog),
        ("providers", _providers),
        ("ports", _ports),
        ("routes", routes),
    )
    found = [_find(name, check, place) for name, check in checks]
    return found, reports[0] if reports else None


def _find(name: str, check: Callable[[Installation], str], place: Installation) -> Finding:
    try:
        return Finding(name, ok=True, detail=check(place))
    except (StorageError, CatalogError, BillingError, OSError, ValueError, Trouble) as error:
        return Finding(name, ok=False, detail=str(error))


def _sqlite(_: Installation) -> str:
    version: str = dbapi2.sqlite_version
    check_sqlite_version(version)
    return f"{version}, free of the WAL-reset bug"


def _data_dir(place: Installation) -> str:
    path = place.server.data_dir
    if not path.exists():
        _require_place_for(path)
        return f"{path}, not there yet"
    if not path.is_dir():
        raise Trouble(f"{path} is no directory")
    if not os.access(path, os.W_OK | os.X_OK):
        raise Trouble(f"{path} can't be written")
    others = stat.S_IMODE(path.stat().st_mode) & (stat.S_IRWXG | stat.S_IRWXO)
    return f"{path}, which others on this machine may look into" if others else str(path)


def _database(place: Installation) -> str:
    database = place.server.database
    address = parse_database_url(database)
    path = address.sqlite_path
    told = place_of(address)
    if path is not None and not migrate.exists(address):
        _require_place_for(path)
        return f"{told}, not there yet (`tokensmith up` or `tokensmith migrate` makes it)"
    if migrate.current_revision(database) is None:
        return f"{told}, without tables yet (`tokensmith up` or `tokensmith migrate` makes them)"
    migrate.require_current(database)
    if path is not None and not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        raise Trouble(f"{told} can't be written")
    return f"{told}, up to date at revision {migrate.head_revision()}"


def _require_place_for(path: Path) -> None:
    """Make sure that the nearest folder there is would take what is missing on the way.

    Raises:
        Trouble: it would not.
    """
    nearest = next(above for above in path.absolute().parents if above.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK | os.X_OK):
        what = "can't be written" if nearest.is_dir() else "is no directory"
        raise Trouble(f"{path} can't be made: {nearest} {what}")


def _catalog(place: Installation) -> str:
    catalog = load_catalog(place.server.catalog)
    said = f"{len(catalog)} models, version {catalog.version}"
    today = datetime.now(UTC).date()
    withdrawn = [
        f"{model.id} by {route.name}"
        for model, route in withdrawn_routes(catalog.values(), today)
        if route.provider not in place.server.simulated
    ]
    if withdrawn:
        raise Trouble(f"{said}; routes to what is withdrawn there: {', '.join(withdrawn)}")
    return said


def _providers(place: Installation) -> str:
    catalog = load_catalog(place.server.catalog)
    known = place.server.providers().keys() - place.server.simulated
    counts = Counter(map(provider_of, [*known, *extra_keys(catalog)]))
    keys = ", ".join(f"{name} ({count})" for name, count in sorted(counts.items()))
    missing = [
        f"{extra.name} needs {extra.api_key_env}"
        for extra in catalog.providers.values()
        if extra.api_key_env is not None and extra.name not in counts
    ]
    if unused := place.server.addressed_without_key:
        raise Trouble(
            "; ".join(
                f"TOKENSMITH_{name.upper()}_BASE_URL: {unused_address(name)}" for name in unused
            )
        )
    if missing:
        raise Trouble(f"without a key the routes to a host are left out: {', '.join(missing)}")
    if not keys:
        return "no provider has an API key; `tokensmith up` serves them from the simulator"
    return f"API keys: {keys}"


def _ports(place: Installation) -> str:
    if place.running is not None:
        where = place.running
        return f"REST on {where.rest}, gRPC on {where.grpc}, by process {where.pid}"
    listens = {"REST": place.bridge.rest_listen, "gRPC": place.server.grpc_listen}
    taken = [
        f"{name} {listen}" for name, listen in listens.items() if not _is_free(listen, name.upper())
    ]
    if not taken:
        return f"free: {', '.join(listens.values())}"
    if _report_of(place, place.server.grpc_listen) is not None:
        return f"taken, by a server of ours: {', '.join(taken)}"
    raise Trouble(f"taken by somebody else: {', '.join(taken)}")


def _report(place: Installation) -> RouteReport | None:
    """The routes of the server that runs here, if there is one.

    Raises:
        OSError: it can't be asked.
    """
    if place.running is not None:
        token = _token(place)
        if token is None:
            raise OSError(f"there is no {FILE_NAME} to ask the server with")
        return ask_routes(_reachable(place.running.grpc), token)
    return _report_of(place, place.server.grpc_listen)


def _report_of(place: Installation, listen: str) -> RouteReport | None:
    token = _token(place)
    if token is None or _is_free(listen, "GRPC"):
        return None
    try:
        return ask_routes(_reachable(listen), token)
    except OSError:
        return None


def _judge(report: RouteReport) -> str:
    """Say how the routes do.

    Raises:
        Trouble: the operator should look after a key, or a route serves nobody.
    """
    keys = sorted({row.credential for row in report.rows if row.needs_operator})
    routes = {row.route for row in report.rows}
    # What only cools down after a rate limit looks after itself.
    unwell = [row for row in report.rows if not row.fit and row.reason != "rate_limited"]
    well = {row.route for row in report.rows} - {row.route for row in unwell}
    well |= {row.route for row in report.rows if row.fit}
    out = sorted(routes - well)
    said = f"{len(routes) - len(out)} of {len(routes)} fit, says {report.process}"
    if keys:
        raise Trouble(f"{said}; refused or without credit at their provider: {', '.join(keys)}")
    if out:
        raise Trouble(f"{said}; out: {', '.join(out)}")
    return said


def _token(place: Installation) -> str | None:
    given = place.server.admin_token
    return given.get_secret_value() if given else read_token(place.server.data_dir)


def _is_free(listen: str, name: str) -> bool:
    """Whether nobody has the address yet.

    Raises:
        CannotListen: nobody can have it here.
    """
    try:
        require_free(listen, f"TOKENSMITH_{name}_LISTEN", share_port=False)
    except CannotListen as error:
        if error.taken:
            return False
        raise
    return True


def _reachable(listen: str) -> str:
    """Where to call what listens there: on all addresses means on this machine's own too."""
    host, port = split_listen(listen)
    own = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    return f"[{own}]:{port}" if ":" in own else f"{own}:{port}"


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
