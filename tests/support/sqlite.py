"""Fresh SQLite databases for tests: copies of one that was migrated once."""

import atexit
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tokensmith_server.storage import migrate


@contextmanager
def fresh_database() -> Iterator[str]:
    """A migrated database file in a folder of its own; its URL."""
    folder = Path(tempfile.mkdtemp(prefix="tokensmith-sqlite-"))
    try:
        shutil.copyfile(_template(), folder / "tokensmith.db")
        yield f"sqlite:///{folder / 'tokensmith.db'}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@cache
def _template() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="tokensmith-sqlite-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    path = folder / "template.db"
    migrate.upgrade(f"sqlite:///{path}")
    return path
