"""`python -m tokensmith_simulator`: the simulator as a process of its own.

Prints one JSON line on standard output when it listens, then serves until SIGTERM or SIGINT:

    {"listen":"127.0.0.1:40123","origin":"http://127.0.0.1:40123","base_urls":{"openai":...}}
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence

import msgspec

from tokensmith_simulator.config import SimulatorConfig
from tokensmith_simulator.server import Served, start_simulator


def main(argv: Sequence[str] | None = None) -> int:
    """Run the simulator and return its exit code: 0 stopped, 1 could not listen, 2 usage."""
    options = _parser().parse_args(argv)
    host, port = options.listen
    config = SimulatorConfig(
        api_keys=frozenset(options.api_key),
        control_enabled=not options.no_control,
        directives_enabled=not options.no_directives,
    )
    serve = _serve(host, port, config, until_stdin_closes=options.until_stdin_closes)
    try:
        _run(serve)
    except OSError as error:
        sys.stderr.write(f"cannot listen on {host}:{port}: {error}\n")
        return 1
    return 0


def _run(serve: object) -> None:
    """Run on uvloop where it is installed, on asyncio otherwise."""
    factory = None
    if sys.platform != "win32":
        try:
            import uvloop  # noqa: PLC0415

            factory = uvloop.new_event_loop
        except ImportError:
            factory = None
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(serve)  # type: ignore[arg-type]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tokensmith_simulator", description="Serve the simulated AI providers."
    )
    parser.add_argument(
        "--listen",
        type=_address,
        default=("127.0.0.1", 8090),
        metavar="HOST:PORT",
        help="where to listen (default 127.0.0.1:8090); port 0 is any free one",
    )
    parser.add_argument(
        "--api-key",
        action="append",
        default=[],
        help="accept only this key (repeatable); default: any without 'wrong' in it",
    )
    parser.add_argument("--no-control", action="store_true", help="do not serve /_control")
    parser.add_argument(
        "--no-directives", action="store_true", help="do not obey [[sim:...]] in prompts"
    )
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="also stop when standard input ends, so as not to outlive a killed parent",
    )
    return parser


def _address(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not HOST:PORT")
    return host.strip("[]"), int(port)


async def _serve(
    host: str, port: int, config: SimulatorConfig, *, until_stdin_closes: bool
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    watcher = asyncio.ensure_future(_watch_stdin(stop)) if until_stdin_closes else None
    try:
        async with start_simulator(host, port, config) as served:
            sys.stdout.write(_ready_line(served))
            sys.stdout.flush()
            await stop.wait()
    finally:
        if watcher is not None:
            watcher.cancel()


async def _watch_stdin(stop: asyncio.Event) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass
    stop.set()


def _ready_line(served: Served) -> str:
    ready = {
        "listen": f"{served.host}:{served.port}",
        "origin": served.origin,
        "base_urls": served.base_urls(),
    }
    return msgspec.json.encode(ready).decode() + "\n"


if __name__ == "__main__":
    sys.exit(main())
