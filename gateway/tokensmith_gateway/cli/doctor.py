"""The command that looks at everything an installation needs, and at a running server's routes."""

import sys
from typing import Any

import msgspec
import typer

from tokensmith_gateway.cli.options import AsJSON
from tokensmith_gateway.cli.outcome import EXIT_FAILED, print_json, print_rows
from tokensmith_gateway.doctor import Installation, examine
from tokensmith_gateway.route_report import RouteRow

_COLUMNS = ("route", "key", "state", "errors", "first byte", "tries", "failed", "running")


def doctor(as_json: AsJSON = False) -> None:
    """Check the installation, and the routes of a server that runs. Exit code 1 on trouble."""
    findings, report = examine(Installation.from_environment())
    checks = [{"check": one.check, "ok": one.ok, "detail": one.detail} for one in findings]
    well = all(one.ok for one in findings)
    if as_json:
        rows = [] if report is None else [msgspec.to_builtins(row) for row in report.rows]
        process = None if report is None else report.process
        print_json({"ok": well, "checks": checks, "process": process, "routes": rows})
    else:
        print_rows(checks, as_json=False, columns=("check", "ok", "detail"))
        if report is not None:
            sys.stdout.write("\n")
            print_rows([_line(row) for row in report.rows], as_json=False, columns=_COLUMNS)
    if not well:
        raise typer.Exit(EXIT_FAILED)


def _line(row: RouteRow) -> dict[str, Any]:
    """A route with one key for people: what it does now, and how it has done of late."""
    return {
        "route": row.route,
        "key": row.credential,
        "state": _state(row),
        "errors": f"{row.error_rate:.0%}",
        "first byte": None if row.first_byte_seconds is None else f"{row.first_byte_seconds:.2f} s",
        "tries": row.tries,
        "failed": row.failures,
        "running": row.in_flight,
    }


def _state(row: RouteRow) -> str:
    if row.out_seconds is not None:
        return f"out for {row.out_seconds:.0f} s: {row.reason}"
    return f"on probation: {row.reason}" if row.probing else "fit"
