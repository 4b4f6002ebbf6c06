"""The SQLite file that a migration makes."""

from pathlib import Path

from tokensmith_server.storage import migrate


def test_a_new_database_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "data" / "tokensmith.db"
    migrate.upgrade(f"sqlite:///{path}")
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_mode & 0o777 == 0o600
