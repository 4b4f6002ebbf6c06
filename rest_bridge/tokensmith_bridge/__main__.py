"""The bridge as a process of its own, in front of a server elsewhere."""

import asyncio
import contextlib
import sys
from typing import Final

import grpc.aio
import structlog
from pydantic import ValidationError

from tokensmith_bridge.app import build_app, start_listener
from tokensmith_bridge.config import BridgeSettings
from tokensmith_bridge.logs import configure_logs
from tokensmith_bridge.metrics_listener import serve_metrics
from tokensmith_bridge.signals import StopSignals

_log = structlog.get_logger("tokensmith.bridge")

# A message carries a body of the largest size and what conversion adds to it.
_MESSAGE_SLACK_BYTES: Final = 4 * 1024 * 1024


def open_channel(settings: BridgeSettings) -> grpc.aio.Channel:
    """A network channel to the server, which may be several behind one name."""
    message_bytes_max = settings.body_bytes_max + _MESSAGE_SLACK_BYTES
    return grpc.aio.insecure_channel(
        settings.grpc_target,
        options=[
            ("grpc.max_send_message_length", message_bytes_max),
            ("grpc.max_receive_message_length", message_bytes_max),
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.keepalive_timeout_ms", 20_000),
            ("grpc.lb_policy_name", "round_robin"),
        ],
    )


async def serve(settings: BridgeSettings) -> None:
    """Serve until a signal comes, then drain."""
    signals = StopSignals()
    async with contextlib.AsyncExitStack() as stack:
        channel = await stack.enter_async_context(open_channel(settings))
        listener = await start_listener(build_app(settings, channel), settings)
        stack.push_async_callback(listener.stop)
        await stack.enter_async_context(serve_metrics(settings.metrics_listen))
        _log.info(
            "listening",
            address=settings.rest_listen,
            port=listener.port,
            server=settings.grpc_target,
        )
        await signals.stop.wait()
        _log.info("draining")
        await listener.go_down(
            notice_seconds=settings.notice_seconds,
            grace_seconds=settings.drain_seconds,
            at_once=signals.at_once,
        )


def main() -> None:
    """Run the bridge; end with status 2 where the settings are wrong."""
    try:
        settings = BridgeSettings()
    except ValidationError as error:
        sys.stderr.write(f"{error}\n")
        raise SystemExit(2) from None
    configure_logs(log_format=settings.log_format, log_level=settings.log_level)
    try:
        import uvloop  # noqa: PLC0415 - does not exist on Windows
    except ImportError:
        asyncio.run(serve(settings))
    else:
        uvloop.run(serve(settings))


if __name__ == "__main__":
    main()
