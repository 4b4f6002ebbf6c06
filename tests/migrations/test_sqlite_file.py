"""The SQLite file: made by a migration, and by nothing that only looks."""

from pathlib import Path

import pytest
from pysqlite3 import dbapi2

from tokensmith_server.storage import migrate
from tokensmith_server.storage.errors import StorageError


def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "tokensmith.db"
    migrate.upgrade(f"sqlite:///{path}")
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600


def test_looking_makes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "no folder" / "x.db"
    with pytest.raises(StorageError, match=f"there is no SQLite database {path}"):
        migrate.require_current(f"sqlite:///{path}")
    assert not path.parent.exists()


def test_looking_at_somebody_elses_database_leaves_it_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "photos.db"
    connection = dbapi2.connect(str(path))
    connection.execute("CREATE TABLE photos (name TEXT)")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="holds no tables of TokenSmith"):
        migrate.require_current(f"sqlite:///{path}")
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["photos.db"]


def test_looking_at_ours_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "tokensmith.db"
    migrate.upgrade(f"sqlite:///{path}")
    before = path.read_bytes()
    migrate.require_current(f"sqlite:///{path}")
    assert path.read_bytes() == before
    assert [found.name for found in tmp_path.iterdir()] == ["tokensmith.db"]


def test_database_in_use_is_looked_at_as_its_user_last_left_it(tmp_path: Path) -> None:
    path = tmp_path / "tokensmith.db"
    migrate.upgrade(f"sqlite:///{path}")
    user = dbapi2.connect(str(path))
    user.execute("UPDATE alembic_version SET version_num = '9999'")
    user.commit()
    assert migrate.current_revision(f"sqlite:///{path}") == "9999"
    user.close()
