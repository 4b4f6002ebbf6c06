"""Structured logs on standard error: JSON lines, or coloured lines for people.

Only named fields are logged, never contents; what looks like a secret is blotted out all the same.
"""

import asyncio
import atexit
import logging
import re
import sys
import threading
import time
from contextlib import suppress
from functools import lru_cache
from typing import Any, Final, TextIO, cast

import msgspec
import structlog

_SECRET: Final = re.compile(r"(pk_live_|sk-|xai-|AIza|tgp_|Bearer\s+)[A-Za-z0-9_\-.]{6,}")
_SECRET_WORDS: Final = (b"pk_live_", b"sk-", b"xai-", b"AIza", b"tgp_", b"Bearer")
# White space that JSON escapes is two characters there.
_SECRET_IN_JSON: Final = re.compile(
    rb"(pk_live_|sk-|xai-|AIza|tgp_|Bearer(?:\s|\\[nrt])+)[A-Za-z0-9_\-.]{6,}"
)
_LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}


def redact(text: str) -> str:
    """The text with everything that looks like a key replaced."""
    return _SECRET.sub(lambda match: f"{match[1]}[redacted]", text)


def _redact_fields(_: object, __: str, fields: Any) -> Any:
    for name, value in fields.items():
        if type(value) is str and len(value) > 8:
            fields[name] = redact(value)
    return fields


def _json_line(logger: Any, method: str, fields: Any) -> bytes:
    """The line, in one step: every call of the gateway writes one, so it has to cost little."""
    fields = structlog.processors.add_log_level(logger, method, fields)
    fields["timestamp"] = _timestamp(time.time())
    if "exc_info" in fields:
        fields = structlog.processors.format_exc_info(logger, method, fields)
    line = msgspec.json.encode(fields, enc_hook=str)
    for word in _SECRET_WORDS:
        # Looking for a few words is cheaper than matching, and nearly all lines have none.
        if word in line:
            return _SECRET_IN_JSON.sub(rb"\1[redacted]", line)
    return line


def _timestamp(seconds: float) -> str:
    whole = int(seconds)
    return f"{_to_the_second(whole)}.{int((seconds - whole) * 1e6):06d}Z"


@lru_cache(maxsize=2)
def _to_the_second(seconds: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


class _Lossy:
    """A stream whose trouble is nobody else's: a full disk or a lost pipe must not fail a call."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, line: Any) -> None:
        """Write what can be written."""
        with suppress(OSError, ValueError):
            self._stream.write(line)

    def flush(self) -> None:
        """Flush what can be flushed."""
        with suppress(OSError, ValueError):
            self._stream.flush()


class _LineLogger:
    """Writes lines; those below a warning, of one turn of the event loop, all at its end.

    A system call for each would cost more than the line itself, and lets another thread in.
    """

    def __init__(self, stream: _Lossy) -> None:
        self._stream = stream
        self._lines: list[bytes] = []
        self._lock = threading.Lock()

    def info(self, line: bytes) -> None:
        """Write a line soon; at once where no event loop runs."""
        with self._lock:
            self._lines.append(line)
            first = len(self._lines) == 1
        if first:
            try:
                asyncio.get_running_loop().call_soon(self.flush)
            except RuntimeError:
                self.flush()

    debug = info

    def warning(self, line: bytes) -> None:
        """Write a line, and those that wait, at once."""
        with self._lock:
            self._lines.append(line)
        self.flush()

    error = critical = warning

    def flush(self) -> None:
        """Write the lines that wait."""
        with self._lock:
            lines, self._lines = self._lines, []
        if not lines:
            return
        self._stream.write(b"".join([line + b"\n" for line in lines]))
        self._stream.flush()


class _Logger(structlog.BoundLoggerBase):
    """What a line goes through, without structlog's allowances for what nobody here does.

    Like ``structlog.make_filtering_bound_logger``'s, but without positional arguments: their
    handling costs as much as the rest of the line.
    """

    level = logging.INFO

    def _write(self, level: int, method: str, event: str, fields: dict[str, Any]) -> None:
        if level < self.level:
            return
        line: Any = self._context | fields if self._context else fields
        line["event"] = event
        try:
            for processor in self._processors:
                line = processor(self._logger, method, line)
        except structlog.DropEvent:
            return
        getattr(self._logger, method)(line)

    def debug(self, event: str, **fields: Any) -> None:
        """Tell an engineer."""
        self._write(logging.DEBUG, "debug", event, fields)

    def info(self, event: str, **fields: Any) -> None:
        """Tell what happens."""
        self._write(logging.INFO, "info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Tell what should not happen often."""
        self._write(logging.WARNING, "warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Tell what should not happen."""
        self._write(logging.ERROR, "error", event, fields)

    def exception(self, event: str, **fields: Any) -> None:
        """Tell what should not happen, with the exception at hand."""
        fields.setdefault("exc_info", True)
        self._write(logging.ERROR, "error", event, fields)

    critical = error


class _RedactingFormatter(logging.Formatter):
    """For libraries that log by themselves: one plain line each, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with secrets blotted out."""
        return redact(super().format(record))


def configure_logs(log_format: str, level: str = "info") -> None:
    """Set up structlog, and the standard library's loggers beside it, once per process.

    Tracebacks are plain in both formats: prettier ones print the values of local variables.
    """
    if log_format == "json":
        logger = _LineLogger(_Lossy(sys.stderr.buffer))
        atexit.register(logger.flush)
        structlog.configure(
            processors=[_json_line],
            wrapper_class=type("Logger", (_Logger,), {"level": _LEVELS[level]}),
            logger_factory=lambda *_: logger,
            cache_logger_on_first_use=True,
        )
    else:
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.processors.format_exc_info,
                _redact_fields,
                structlog.dev.ConsoleRenderer(
                    colors=sys.stderr.isatty(),
                    exception_formatter=structlog.dev.plain_traceback,
                ),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
            logger_factory=structlog.WriteLoggerFactory(cast("TextIO", _Lossy(sys.stderr))),
            cache_logger_on_first_use=True,
        )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_RedactingFormatter("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
