"""Structured logs on standard error: JSON lines, or coloured lines for people.

Only named fields are logged, never contents; what looks like a secret is blotted out all the same.
"""

import logging
import re
import sys
from typing import Any, Final

import msgspec
import structlog

_SECRET: Final = re.compile(r"(pk_live_|sk-|xai-|AIza|tgp_|Bearer\s+)[A-Za-z0-9_\-.]{6,}")
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


def _to_json(fields: Any, **_: Any) -> bytes:
    return msgspec.json.encode(fields, enc_hook=str)


class _RedactingFormatter(logging.Formatter):
    """For libraries that log by themselves: one plain line each, tracebacks included."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, with secrets blotted out."""
        return redact(super().format(record))


def configure_logs(log_format: str, level: str = "info") -> None:
    """Set up structlog, and the standard library's loggers beside it, once per process.

    Tracebacks are plain in both formats: prettier ones print the values of local variables.
    """
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    shared += [structlog.processors.format_exc_info, _redact_fields]
    if log_format == "json":
        structlog.configure(
            processors=[*shared, structlog.processors.JSONRenderer(_to_json)],
            wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
            logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
            cache_logger_on_first_use=True,
        )
    else:
        structlog.configure(
            processors=[
                *shared,
                structlog.dev.ConsoleRenderer(
                    colors=sys.stderr.isatty(),
                    exception_formatter=structlog.dev.plain_traceback,
                ),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
            logger_factory=structlog.WriteLoggerFactory(sys.stderr),
            cache_logger_on_first_use=True,
        )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_RedactingFormatter("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
