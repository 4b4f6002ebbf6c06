"""``python -m benchmarks``: the gateway beside a bare proxy, interleaved in one run.

Prints requests a second, latencies and CPU milliseconds a request (of all processes of a system,
its PostgreSQL included), each with its ratio to the bare aiohttp reverse proxy. Every request is
held for and settled durably, with default settings; in the end the books are audited.
docs/performance.md says how to read it.
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import msgspec

from benchmarks.endtoend.dialects import DIALECTS
from benchmarks.endtoend.funding import audited_requests
from benchmarks.endtoend.procfs import resident_bytes
from benchmarks.endtoend.report import machine, print_table, records
from benchmarks.endtoend.runs import Cell, cells, interleave, measure
from benchmarks.endtoend.systems import OPENERS, System, upstream

_SYSTEMS = ("bare", "sqlite", "postgres", "split")
_KINDS = ("unary", "stream", "dialects")
_CONNECTIONS = (1, 32, 128)
_QUICK_CONNECTIONS = (32,)
_MANY_ACCOUNTS = 1_000
_MEMORY_MARKS = (10_000, 100_000)
_MEBIBYTE = 1024 * 1024


def main() -> None:
    arguments = _parse()
    report: dict[str, Any] = {"machine": machine()}
    if arguments.memory:
        report["memory"] = _measure_memory(arguments)
    else:
        if arguments.kinds:
            report["side_by_side"] = _measure_side_by_side(arguments)
        if arguments.dialects:
            report["dialects"] = _measure_dialects(arguments)
        if arguments.kinds and not arguments.quick:
            report["accounts"] = _measure_accounts(arguments)
    if arguments.json:
        sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(report)) + b"\n")


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="The gateway beside a bare aiohttp proxy."
    )
    parser.add_argument("--quick", action="store_true", help="32 connections, less than a minute")
    parser.add_argument("--seconds", type=float, help="length of one measurement")
    parser.add_argument("--rounds", type=int, help="how often all systems have their turn")
    parser.add_argument("--systems", default=",".join(_SYSTEMS), help=f"of {', '.join(OPENERS)}")
    parser.add_argument("--kinds", default=",".join(_KINDS), help=f"of {', '.join(_KINDS)}")
    parser.add_argument("--connections", help="how many, for example 1,32,128")
    parser.add_argument("--memory", action="store_true", help="memory over 100,000 requests")
    parser.add_argument("--json", action="store_true", help="one JSON document instead of tables")
    arguments = parser.parse_args()
    arguments.systems = arguments.systems.split(",")
    arguments.kinds = arguments.kinds.split(",")
    if unknown := set(arguments.kinds) - set(_KINDS):
        parser.error(f"unknown kinds: {', '.join(sorted(unknown))}")
    arguments.dialects = "dialects" in arguments.kinds
    arguments.kinds = [kind for kind in arguments.kinds if kind != "dialects"]
    if unknown := set(arguments.systems) - set(OPENERS):
        parser.error(f"unknown systems: {', '.join(sorted(unknown))}")
    default_connections = _QUICK_CONNECTIONS if arguments.quick else _CONNECTIONS
    arguments.connections = (
        [int(count) for count in arguments.connections.split(",")]
        if arguments.connections
        else default_connections
    )
    arguments.seconds = arguments.seconds or (1.0 if arguments.quick else 2.0)
    arguments.rounds = arguments.rounds or (2 if arguments.quick else 5)
    return arguments


def _measure_side_by_side(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    wanted = cells(arguments.kinds, arguments.connections)
    base = arguments.systems[0]
    with ExitStack() as stack:
        port = stack.enter_context(upstream())
        systems = [stack.enter_context(OPENERS[name](port, 1)) for name in arguments.systems]
        rounds = interleave(systems, wanted, rounds=arguments.rounds, seconds=arguments.seconds)
        _audit(systems, quiet=arguments.json)
    if not arguments.json:
        print_table(rounds, wanted, arguments.systems, base)
    return records(rounds, wanted, arguments.systems, base)


def _measure_dialects(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """The same answers from an upstream of each dialect, through one gateway."""
    wanted = cells(("unary", "stream"), _QUICK_CONNECTIONS)
    with ExitStack() as stack:
        port = stack.enter_context(upstream())
        system = stack.enter_context(OPENERS["sqlite"](port, 1))
        systems = [replace(system, name=dialect.title, model=dialect.model) for dialect in DIALECTS]
        rounds = interleave(systems, wanted, rounds=arguments.rounds, seconds=arguments.seconds)
        _audit([system], quiet=arguments.json)
    names = [system.name for system in systems]
    if not arguments.json:
        print("\nsqlite, by the upstream's dialect")
        print_table(rounds, wanted, names, names[0])
    return records(rounds, wanted, names, names[0])


def _measure_accounts(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """All load on one account, beside the same load over a thousand."""
    wanted = cells(("unary",), [count for count in arguments.connections if count > 1])
    found = []
    for name in arguments.systems:
        if name not in ("sqlite", "postgres"):
            continue
        with ExitStack() as stack:
            port = stack.enter_context(upstream())
            systems = [
                _renamed(stack.enter_context(OPENERS[name](port, count)), f"{name} x {count:,}")
                for count in (_MANY_ACCOUNTS, 1)
            ]
            rounds = interleave(systems, wanted, rounds=arguments.rounds, seconds=arguments.seconds)
            _audit(systems, quiet=arguments.json)
        names = [system.name for system in systems]
        if not arguments.json:
            print_table(rounds, wanted, names, names[0])
        found += records(rounds, wanted, names, names[0])
    return found


def _renamed(system: System, name: str) -> System:
    return replace(system, name=name)


def _measure_memory(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Resident memory of a gateway's processes after 10,000 and after 100,000 requests."""
    found = []
    for name in arguments.systems:
        for kind in arguments.kinds:
            with upstream() as port, OPENERS[name](port, 1) as system:
                sent, mebibytes = 0, []
                for mark in _MEMORY_MARKS:
                    measure(system, Cell(kind, 32), requests=mark - sent)
                    sent = mark
                    mebibytes.append(resident_bytes(system.pids) / _MEBIBYTE)
            if not arguments.json:
                marks = zip(_MEMORY_MARKS, mebibytes, strict=True)
                shown = ", ".join(f"{size:.1f} MiB after {mark:,}" for mark, size in marks)
                print(f"{name:16}{kind:8}{shown}")
            found.append({"system": name, "kind": kind, "mebibytes": mebibytes})
    return found


def _audit(systems: Sequence[System], *, quiet: bool) -> None:
    for system in systems:
        if system.database_url is not None:
            count = audited_requests(system.database_url)
            if not quiet:
                print(f"{system.name}: {count:,} requests, books audited: clean")


if __name__ == "__main__":
    main()
