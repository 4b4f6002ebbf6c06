"""The table of commands, and those that run processes."""

import os
import sys
from importlib import metadata
from typing import Annotated

import typer
import uvloop

from tokensmith_bridge.__main__ import main as run_bridge
from tokensmith_bridge.config import BridgeSettings
from tokensmith_gateway.cli.accounts import accounts, credit, keys
from tokensmith_gateway.cli.doctor import doctor
from tokensmith_gateway.cli.inspection import ledger, list_models, requests
from tokensmith_gateway.cli.options import AsJSON
from tokensmith_gateway.cli.outcome import print_record
from tokensmith_gateway.environment import Environment, database_settings, server_settings
from tokensmith_gateway.up import UpSettings, up
from tokensmith_server.config import ServerSettings
from tokensmith_server.logs import configure_logs
from tokensmith_server.serve import serve
from tokensmith_server.storage import migrate
from tokensmith_simulator.__main__ import main as run_simulator

app = typer.Typer(
    name="tokensmith",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 not found, 4 name taken, "
    "5 database, 6 audit violation. Settings are TOKENSMITH_... variables.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
app.add_typer(accounts, name="accounts")
app.add_typer(keys, name="keys")
app.add_typer(credit, name="credits")
app.add_typer(requests, name="requests")
app.add_typer(ledger, name="ledger")
app.command("models")(list_models)
app.command("doctor")(doctor)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"tokensmith {metadata.version('tokensmith-gateway')}\n")
        raise typer.Exit


@app.callback()
def before_any_command(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Say the version."),
    ] = False,
) -> None:
    """An OpenAI-compatible AI gateway that sells usage from a prepaid balance of credits."""
    # Of what the database says, a command tells the end; nothing goes to standard output.
    configure_logs("console", "error")


def _log_format_for_people(settings: ServerSettings) -> str:
    """Lines for people on a terminal, unless the environment says otherwise."""
    if os.environ.get("TOKENSMITH_LOG_FORMAT") or not sys.stderr.isatty():
        return settings.log_format
    return "console"


@app.command("up")
def up_command(
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes that share the ports (PostgreSQL).")
    ] = None,
) -> None:
    """Migrate and serve everything in the foreground; simulate providers without a key."""
    settings = UpSettings.from_environment(workers=workers)
    configure_logs(_log_format_for_people(settings.server), settings.server.log_level)
    uvloop.run(up(settings))


@app.command("server")
def server_command() -> None:
    """Serve gRPC alone; the database must be migrated."""
    settings = server_settings()
    configure_logs(_log_format_for_people(settings), settings.log_level)
    migrate.require_current(settings.database, or_newer=True)
    uvloop.run(serve(settings, ready=lambda address: sys.stderr.write(f"gRPC on {address}\n")))


@app.command("bridge")
def bridge_command() -> None:
    """Serve REST alone, in front of the server at TOKENSMITH_GRPC_TARGET."""
    environment = Environment()
    environment.read(BridgeSettings)
    environment.require_valid()
    run_bridge()


@app.command(
    "simulator",
    context_settings={
        "allow_extra_args": True,
        "ignore_unknown_options": True,
        "help_option_names": [],
    },
)
def simulator_command(context: typer.Context) -> None:
    """Serve the simulated upstream providers; `--help` lists its options."""
    raise SystemExit(run_simulator(context.args))


@app.command("migrate")
def migrate_command(as_json: AsJSON = False) -> None:
    """Bring the database to this version's schema."""
    revision = migrate.upgrade(database_settings().database)
    print_record({"revision": revision}, as_json=as_json)
