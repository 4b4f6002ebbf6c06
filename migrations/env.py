"""Runs migrations on the connection that ``storage.migrate`` hands over.

Started by the ``alembic`` command instead (to write a new revision), it connects to
``TOKENSMITH_DATABASE_URL`` by itself.
"""

import os

from alembic import context
from sqlalchemy import Connection
from sqlmodel import SQLModel

from tokensmith_server.storage import tables
from tokensmith_server.storage.engine import create_engine

assert tables.AccountRow.metadata is SQLModel.metadata  # noqa: S101


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        transactional_ddl=True,
        render_as_batch=False,
    )
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    raise SystemExit("migrations run on a database, not as a script")

given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    engine = create_engine(os.environ["TOKENSMITH_DATABASE_URL"])
    with engine.begin() as own:
        run(own)
    engine.dispose()
