"""Rows that the writer still knows from its own last batches, so that it need not read them.

Only what a batch left behind after its commit is kept: accounts, and the holds that are open.
Whether they are still true is the engine's business: SQLite says so itself, and on PostgreSQL
the batch that trusts them fails as a whole if they are not (see ``postgres_ledger``).
"""

from typing import Final

from tokensmith_server.billing.commands import HoldState
from tokensmith_server.storage.snapshot import (
    AccountSnapshot,
    HoldSnapshot,
    Needs,
    Snapshot,
    Writes,
)

ACCOUNTS_MAX: Final = 10_000
HOLDS_MAX: Final = 50_000


class RowCache:
    """Used by the writer's thread alone.

    Batches change its rows in place: after one that did not commit it must be cleared.
    """

    def __init__(self) -> None:
        self._accounts: dict[str, AccountSnapshot] = {}
        self._holds: dict[str, HoldSnapshot] = {}

    def clear(self) -> None:
        """Know nothing."""
        self._accounts.clear()
        self._holds.clear()

    def find(self, needs: Needs) -> Snapshot | None:
        """Everything that is needed, or ``None`` if a part of it has to be read.

        Request ids are taken as unused: the table's unique constraint knows better.
        """
        if not needs.plain:
            return None
        try:
            holds = {hold_id: self._holds[hold_id] for hold_id in needs.hold_ids}
            accounts = {account_id: self._accounts[account_id] for account_id in needs.account_ids}
        except KeyError:
            return None
        return Snapshot(accounts=accounts, holds=holds)

    def keep(self, snapshot: Snapshot, writes: Writes) -> None:
        """Remember what a batch left behind, once it has been committed."""
        for ended in writes.ends:
            self._holds.pop(ended[0], None)
        for placed in writes.holds:
            hold = snapshot.holds[placed[0]]
            if hold.hold.state is HoldState.HELD:
                self._holds[placed[0]] = hold
        self._accounts.update(snapshot.accounts)
        if len(self._accounts) > ACCOUNTS_MAX or len(self._holds) > HOLDS_MAX:
            self.clear()
