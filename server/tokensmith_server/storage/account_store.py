"""Accounts and API keys."""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import bindparam, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from tokensmith_server.billing.errors import (
    AccountExists,
    AccountNotFound,
    KeyNotFound,
    LedgerUnavailable,
)
from tokensmith_server.billing.store import Account, ApiKey, Caller
from tokensmith_server.storage.caller_lookup import CallerLookup
from tokensmith_server.storage.mapping import account_from_row, key_from_row, key_to_row
from tokensmith_server.storage.sessions import Sessions
from tokensmith_server.storage.tables import AccountRow, ApiKeyRow
from tokensmith_server.storage.times import microseconds

LAST_USED_STEP_SECONDS: Final = 60.0
"""How exact ``last_used_time`` is: authenticating writes at most once in this time for a key."""

_NOTE_USE: Final = (
    update(ApiKeyRow)
    .where(col(ApiKeyRow.key_id) == bindparam("id"))
    .values(last_used_time_microseconds=bindparam("used"))
)


class SQLAccountStore:
    """``AccountStore`` on either engine. Each method documents itself there."""

    def __init__(self, sessions: Sessions, callers: CallerLookup) -> None:
        self._sessions = sessions
        self._callers = callers
        # When keys were used, by id: what of it is not written yet.
        self._uses: dict[str, int] = {}
        self._noting: asyncio.Task[None] | None = None

    async def create_account(self, account_id: str, name: str, created_time: float) -> Account:
        """See ``AccountStore.create_account``."""
        row = AccountRow(
            account_id=account_id, name=name, created_time_microseconds=microseconds(created_time)
        )

        def create(session: Session) -> Account:
            session.add(row)
            try:
                session.flush()
            except IntegrityError:
                raise AccountExists(name) from None
            return account_from_row(row)

        return await self._sessions.write(create)

    async def list_accounts(self) -> Sequence[Account]:
        """See ``AccountStore.list_accounts``."""

        def read(session: Session) -> Sequence[Account]:
            rows = session.exec(select(AccountRow)).all()
            # Sorted here, since each engine has its own idea of the order of names.
            return sorted(map(account_from_row, rows), key=lambda account: account.name)

        return await self._sessions.read(read)

    async def get_account(self, id_or_name: str) -> Account:
        """See ``AccountStore.get_account``. An id goes before another account's name."""

        def read(session: Session) -> Account:
            row = session.get(AccountRow, id_or_name)
            if row is None:
                by_name = select(AccountRow).where(AccountRow.name == id_or_name)
                row = session.exec(by_name).first()
            if row is None:
                raise AccountNotFound(id_or_name)
            return account_from_row(row)

        return await self._sessions.read(read)

    async def create_key(self, key: ApiKey, key_hash: bytes) -> None:
        """See ``AccountStore.create_key``.

        Raises:
            AccountNotFound: the account does not exist.
        """

        def create(session: Session) -> None:
            if session.get(AccountRow, key.account_id) is None:
                raise AccountNotFound(key.account_id)
            session.add(key_to_row(key, key_hash))

        await self._sessions.write(create)

    async def list_keys(self, account_id: str) -> Sequence[ApiKey]:
        """See ``AccountStore.list_keys``."""
        query = (
            select(ApiKeyRow)
            .where(ApiKeyRow.account_id == account_id)
            .order_by(col(ApiKeyRow.created_time_microseconds).desc(), col(ApiKeyRow.key_id).desc())
        )
        return await self._sessions.read(
            lambda session: [key_from_row(row) for row in session.exec(query)]
        )

    async def get_key(self, account_id: str, key_id: str) -> ApiKey:
        """See ``AccountStore.get_key``."""

        def read(session: Session) -> ApiKey:
            row = session.get(ApiKeyRow, key_id)
            if row is None or row.account_id != account_id:
                raise KeyNotFound(key_id)
            return key_from_row(row)

        return await self._sessions.read(read)

    async def revoke_key(self, account_id: str, key_id: str, revoked_time: float) -> ApiKey:
        """See ``AccountStore.revoke_key``."""

        def revoke(session: Session) -> ApiKey:
            row = session.get(ApiKeyRow, key_id, with_for_update=True)
            if row is None or row.account_id != account_id:
                raise KeyNotFound(key_id)
            if row.revoked_time_microseconds is None:
                row.revoked_time_microseconds = microseconds(revoked_time)
                session.add(row)
            return key_from_row(row)

        return await self._sessions.write(revoke)

    async def find_caller(self, key_hash: bytes, now: float) -> Caller | None:
        """See ``AccountStore.find_caller``."""
        key = await self._callers.find(key_hash, microseconds(now))
        if key is None:
            return None
        last_used = key.last_used_time_microseconds
        if last_used is None or microseconds(now - LAST_USED_STEP_SECONDS) >= last_used:
            self._note_use(key.key_id, now)
        return Caller(key.account_id, key.account_name, key.key_id)

    async def uses_noted(self) -> None:
        """Wait until no use of a key is left to be written."""
        if self._noting is not None:
            await self._noting

    def _note_use(self, key_id: str, now: float) -> None:
        """Have it written when there is time; those that come meanwhile share a transaction.

        Nobody waits for it: the call of a key that is used once in a while would wait for the disk.
        """
        self._uses[key_id] = microseconds(now)
        if self._noting is None:
            self._noting = asyncio.get_running_loop().create_task(self._note_uses())

    async def _note_uses(self) -> None:
        try:
            while self._uses:
                uses, self._uses = self._uses, {}
                # In one order, so that no two processes wait for each other's rows.
                rows = [{"id": key_id, "used": used} for key_id, used in sorted(uses.items())]

                def note(session: Session, rows: list[dict[str, Any]] = rows) -> None:
                    session.connection().execute(_NOTE_USE, rows)

                await self._sessions.write(note)
        except LedgerUnavailable:
            # Each key's next look-up finds that it was not noted.
            self._uses.clear()
        finally:
            self._noting = None
