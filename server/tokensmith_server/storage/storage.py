"""Opening the storage: the writer, the sessions and the stores, closed together."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

from tokensmith_server.billing.audit import Price
from tokensmith_server.billing.errors import LedgerUnavailable
from tokensmith_server.clock import Clock
from tokensmith_server.faults import fault_point as process_fault_point
from tokensmith_server.storage.account_store import SQLAccountStore
from tokensmith_server.storage.address import parse_database_url
from tokensmith_server.storage.caller_lookup import CallerLookup
from tokensmith_server.storage.engine import ServerLock
from tokensmith_server.storage.ledger_database import LedgerDatabase
from tokensmith_server.storage.ledger_store import SQLLedgerStore
from tokensmith_server.storage.postgres_ledger import PostgresLedger
from tokensmith_server.storage.request_store import SQLRequestStore
from tokensmith_server.storage.response_store import SQLResponseStore
from tokensmith_server.storage.sessions import Sessions
from tokensmith_server.storage.sqlite_ledger import SQLiteLedger
from tokensmith_server.storage.sweep_store import SQLSweepStore
from tokensmith_server.storage.writer import GroupCommitWriter


class SQLStore(SQLLedgerStore, SQLAccountStore, SQLRequestStore, SQLSweepStore, SQLResponseStore):
    """All five store Protocols on one database."""

    def __init__(
        self,
        sessions: Sessions,
        writer: GroupCommitWriter,
        callers: CallerLookup,
        price: Price | None = None,
    ) -> None:
        SQLLedgerStore.__init__(self, writer)
        SQLAccountStore.__init__(self, sessions, callers)
        SQLRequestStore.__init__(self, sessions)
        SQLSweepStore.__init__(self, sessions, writer, price)
        SQLResponseStore.__init__(self, sessions)


@asynccontextmanager
async def open_storage(
    database_url: str,
    *,
    owner: str,
    clock: Clock,
    server: bool,
    price: Price | None = None,
    fault_point: Callable[[str], None] = process_fault_point,
) -> AsyncIterator[SQLStore]:
    """Open a database that ``storage.migrate`` has brought up to date.

    ``server`` takes the one server's place at a SQLite file; the command line leaves it free.
    As a server, the process ``owner`` counts as living from here on, and as retired in the end.

    Raises:
        StorageError: another server has the SQLite file, or the address or library is unfit.
        LedgerUnavailable: the database does not answer.
    """
    address = parse_database_url(database_url)
    async with AsyncExitStack() as stack:
        database: LedgerDatabase
        if address.sqlite_path is not None:
            if server:
                lock = ServerLock(address.sqlite_path)
                lock.acquire()
                stack.callback(lock.release)
            database = SQLiteLedger(address.sqlite_path)
        else:
            database = PostgresLedger(address.postgres_conninfo or "")
        writer = GroupCommitWriter(database, clock=clock, fault_point=fault_point)
        await writer.start()
        stack.push_async_callback(writer.close)
        sessions = Sessions(database_url, writer)
        stack.push_async_callback(sessions.close)
        callers = CallerLookup(database_url)
        stack.push_async_callback(callers.close)
        store = SQLStore(sessions, writer, callers, price)
        stack.push_async_callback(store.uses_noted)
        if server:
            if address.is_sqlite:
                await store.retire_others(owner)
            await store.beat(owner)
            stack.push_async_callback(_retire, store, owner)
        yield store


async def _retire(store: SQLStore, owner: str) -> None:
    """Retire, unless the database is gone: then silence says the same a little later."""
    with suppress(LedgerUnavailable):
        await store.retire(owner)
