"""The command line in this process: what it prints, and its exit code."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

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


@pytest.fixture
def tokensmith(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> RunCommand:
    """Run ``tokensmith`` with these arguments."""

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
