"""Whatever is wrong around a command, its user gets one line and an exit code."""

from pathlib import Path

import pytest

from tests.unit.gateway.conftest import RunCommand

NEED_DATABASE = [
    ("accounts", "list"),
    ("requests", "list"),
    ("ledger", "audit"),
    ("migrate",),
    ("up",),
]


@pytest.mark.parametrize("arguments", NEED_DATABASE, ids=" ".join)
def test_database_that_does_not_answer_is_told(
    tokensmith: RunCommand, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TOKENSMITH_DATABASE_URL", "postgresql://nobody@127.0.0.1:1/none")
    done = tokensmith(*arguments)
    assert done.exit_code == 5
    assert done.errors.startswith("tokensmith: ")
    assert done.errors.count("\n") == 1
    assert not done.output


@pytest.mark.parametrize("arguments", NEED_DATABASE, ids=" ".join)
def test_unknown_kind_of_database_is_told(
    tokensmith: RunCommand, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TOKENSMITH_DATABASE_URL", "mysql://localhost/x")
    done = tokensmith(*arguments)
    assert done.exit_code == 5
    assert "use sqlite or postgresql" in done.errors


def test_password_of_the_database_is_not_repeated(
    tokensmith: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENSMITH_DATABASE_URL", "postgresql://u:hunter2@127.0.0.1:1/none")
    done = tokensmith("accounts", "list")
    assert done.exit_code == 5
    assert "hunter2" not in done.errors


def test_data_directory_that_cannot_be_made_is_told(
    tokensmith: RunCommand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("", encoding="ascii")
    monkeypatch.delenv("TOKENSMITH_DATABASE_URL")
    monkeypatch.setenv("TOKENSMITH_DATA_DIR", str(tmp_path / "file" / "data"))
    done = tokensmith("accounts", "list")
    assert done.exit_code in {1, 5}
    assert done.errors.startswith("tokensmith: ")
    assert done.errors.count("\n") == 1


def test_setting_that_is_none_is_named(
    tokensmith: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENSMITH_CALLS_MAX", "many")
    done = tokensmith("up")
    assert done.exit_code == 2
    assert "TOKENSMITH_CALLS_MAX" in done.errors
    assert "Traceback" not in done.errors


def test_broken_catalog_stops_the_start(
    tokensmith: RunCommand, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOKENSMITH_CATALOG", str(tmp_path / "none.toml"))
    for command in ("models", "up"):
        done = tokensmith(command)
        assert done.exit_code == 2
        assert "none.toml" in done.errors


def test_command_that_is_none_is_wrong_usage(tokensmith: RunCommand) -> None:
    assert tokensmith("accunts").exit_code == 2


def test_help_lists_every_command(tokensmith: RunCommand) -> None:
    done = tokensmith("--help")
    assert done.exit_code == 0
    for command in (
        *("up", "server", "bridge", "simulator", "migrate", "accounts", "keys", "credits"),
        *("models", "requests", "ledger", "doctor"),
    ):
        assert command in done.output
