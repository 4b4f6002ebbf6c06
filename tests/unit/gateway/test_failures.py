"""Whatever is wrong around a command, its user gets one line and an exit code."""

from importlib import metadata
from pathlib import Path

import msgspec
import pytest

from tests.unit.gateway.conftest import RunCommand
from tokensmith_server.config import ServerSettings
from tokensmith_server.storage import migrate
from tokensmith_server.storage.address import parse_database_url
from tokensmith_server.storage.engine import connect_sqlite

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
    assert "the PostgreSQL database none at 127.0.0.1:1: " in done.errors
    assert "Connection refused" in done.errors
    assert not done.output


def test_doctor_says_why_the_database_does_not_answer(
    tokensmith: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENSMITH_DATABASE_URL", "postgresql://u:hunter2@127.0.0.1:1/none")
    done = tokensmith("doctor")
    assert done.exit_code == 1
    assert "the PostgreSQL database none at 127.0.0.1:1: " in done.output
    assert "Connection refused" in done.output
    assert "hunter2" not in done.output


@pytest.mark.parametrize("arguments", NEED_DATABASE, ids=" ".join)
def test_unknown_kind_of_database_is_told(
    tokensmith: RunCommand, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setenv("TOKENSMITH_DATABASE_URL", "mysql://localhost/x")
    done = tokensmith(*arguments)
    assert done.exit_code == 2
    assert "TOKENSMITH_DATABASE_URL: " in done.errors
    assert "use sqlite or postgresql" in done.errors


NEED_SCHEMA = [
    *(("accounts", "list"), ("accounts", "create", "acme")),
    *(("keys", "list", "--account", "acme"), ("keys", "create", "--account", "acme")),
    *(("credits", "grant", "5", "--account", "acme"), ("requests", "list"), ("ledger", "audit")),
    ("server",),
]


@pytest.mark.parametrize("arguments", NEED_SCHEMA, ids=" ".join)
def test_database_that_is_not_there_is_told_and_not_made(
    tokensmith: RunCommand,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
) -> None:
    monkeypatch.delenv("TOKENSMITH_DATABASE_URL")
    monkeypatch.setenv("TOKENSMITH_DATA_DIR", str(tmp_path / "mistyped"))
    done = tokensmith(*arguments)
    assert done.exit_code == 5
    assert f"there is no SQLite database {tmp_path}/mistyped/tokensmith.db" in done.errors
    assert "`tokensmith migrate`" in done.errors
    assert done.errors.count("\n") == 1
    assert not (tmp_path / "mistyped").exists()


OLDER = [(arguments, "0001", "run `tokensmith migrate`") for arguments in NEED_SCHEMA]
# A server starts there, since servers are upgraded one by one.
NEWER = [(each, "9999", "newer version") for each in NEED_SCHEMA if each != ("server",)]


@pytest.mark.parametrize(("arguments", "revision", "advice"), OLDER + NEWER)
def test_database_of_another_version_is_told_and_left_alone(
    tokensmith: RunCommand, arguments: tuple[str, ...], revision: str, advice: str
) -> None:
    url = ServerSettings().database
    path = parse_database_url(url).sqlite_path
    assert path is not None
    connection = connect_sqlite(path)
    connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    connection.close()
    done = tokensmith(*arguments)
    assert done.exit_code == 5
    assert f"{path} is at revision {revision}" in done.errors
    assert advice in done.errors
    assert migrate.current_revision(url) == revision
    doctor = tokensmith("doctor")
    assert doctor.exit_code == 1
    assert f"is at revision {revision}" in doctor.output


def test_migrate_makes_what_the_others_need(
    tokensmith: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOKENSMITH_DATABASE_URL")
    monkeypatch.setenv("TOKENSMITH_DATA_DIR", str(tmp_path / "new"))
    assert tokensmith("migrate").exit_code == 0
    assert tokensmith("ledger", "audit").exit_code == 0


def test_database_that_fails_in_the_middle_is_told_with_its_place(
    tokensmith: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = parse_database_url(ServerSettings().database).sqlite_path
    assert path is not None
    connection = connect_sqlite(path)
    connection.execute("DROP TABLE attempts")
    connection.close()
    done = tokensmith("ledger", "audit", "--json")
    assert done.exit_code == 5
    assert f"the SQLite database {path}: the database did not answer: SQLITE_ERROR" in done.errors
    assert not done.output


@pytest.mark.parametrize(
    ("place", "said"), [("/etc/passwd", "File exists"), ("/proc/new", "No such file")]
)
@pytest.mark.parametrize("command", ["up", "migrate"])
def test_place_where_nothing_can_be_made_is_told_by_name(
    tokensmith: RunCommand,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    place: str,
    said: str,
) -> None:
    monkeypatch.delenv("TOKENSMITH_DATABASE_URL")
    monkeypatch.setenv("TOKENSMITH_DATA_DIR", place)
    done = tokensmith(command)
    assert done.exit_code == 5
    assert place in done.errors
    assert said in done.errors
    assert "[Errno" not in done.errors
    assert done.errors.count("\n") == 1


def test_doctor_finds_that_nothing_can_be_made_there(
    tokensmith: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOKENSMITH_DATABASE_URL")
    for place in ("/etc/passwd", "/etc/passwd/below"):
        monkeypatch.setenv("TOKENSMITH_DATA_DIR", place)
        done = tokensmith("doctor", "--json")
        assert done.exit_code == 1
        checks = {one["check"]: one["ok"] for one in msgspec.json.decode(done.output)["checks"]}
        assert not checks["data_dir"]
        assert not checks["database"]


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
    assert done.exit_code == 5
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


def test_version_is_said(tokensmith: RunCommand) -> None:
    done = tokensmith("--version")
    assert done.exit_code == 0
    assert done.output == f"tokensmith {metadata.version('tokensmith-gateway')}\n"


def test_help_lists_every_command(tokensmith: RunCommand) -> None:
    done = tokensmith("--help")
    assert done.exit_code == 0
    for command in (
        *("up", "server", "bridge", "simulator", "migrate", "accounts", "keys", "credits"),
        *("models", "requests", "ledger", "doctor"),
    ):
        assert command in done.output
