"""How log lines look. The fields are chosen where they are logged; nothing else gets in."""

import logging
import re
import sys
from contextlib import suppress
from typing import Final, TextIO, cast

import msgspec
import structlog

_SECRET: Final = re.compile(r"(pk_live_|sk-|Bearer\s+)[A-Za-z0-9_\-.]{6,}")
_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


class _Lossy:
    """A stream whose trouble is nobody else's: a closed terminal must not fail a request."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        """Write what can be written."""
        with suppress(OSError, ValueError):
            self._stream.write(line)

    def flush(self) -> None:
        """Flush what can be flushed."""
        with suppress(OSError, ValueError):
            self._stream.flush()


def configure_logs(*, log_format: str, log_level: str) -> None:
    """Write lines to standard error, as JSON or for people."""
    level = _LEVELS[log_level]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _json_line
            if log_format == "json"
            else structlog.dev.ConsoleRenderer(
                colors=False, exception_formatter=structlog.dev.plain_traceback
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast("TextIO", _Lossy(sys.stderr))),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stderr)


def _json_line(_logger: object, _name: str, event: structlog.typing.EventDict) -> str:
    return _without_secrets(msgspec.json.encode(event, enc_hook=str).decode())


def _without_secrets(line: str) -> str:
    """A line in which what looks like a key is blotted out: clients put keys into odd fields."""
    return _SECRET.sub(r"\1[redacted]", line)
