"""The command line in this process: what it prints, and its exit code."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog

from tests.support import sqlite
from tokensmith_gateway.cli import main


@dataclass(frozen=True)
class Done:
    """What one command did."""

    exit_code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        assert self.exit_code == 0, self.errors
        return msgspec.json.decode(self.output)


RunCommand = Callable[..., Done]


@pytest.fixture
def data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data directory with a migrated database, named by the environment."""
    monkeypatch.setenv("TOKENSMITH_DATA_DIR", str(tmp_path))
    with sqlite.fresh_database() as url:
        monkeypatch.setenv("TOKENSMITH_DATABASE_URL", url)
        yield tmp_path


def _log_for_now(_log_format: str, level: str = "info") -> None:
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Whatever a command sets up ends with its test."""
    yield
    structlog.reset_defaults()


@pytest.fixture
def tokensmith(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> RunCommand:
    """Run ``tokensmith`` with these arguments."""
    # What is set up once for a process would last longer than the test.
    monkeypatch.setattr("tokensmith_gateway.cli.commands.configure_logs", _log_for_now)

    def run(*arguments: str) -> Done:
        monkeypatch.setattr("sys.argv", ["tokensmith", *arguments])
        capsys.readouterr()
        try:
            main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        else:
            code = 0
        printed = capsys.readouterr()
        return Done(code, printed.out, printed.err)

    return run
