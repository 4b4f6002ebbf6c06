"""A ledger database without a database: it says what it is told to, and counts."""

import threading
from collections import deque

from tokensmith_server.billing.ledger import AccountState
from tokensmith_server.storage.snapshot import AccountSnapshot, Needs, Snapshot, Writes

ACCOUNT = "account"


class FakeDatabase:
    """Holds one account, and fails with the troubles queued for a step, in order.

    ``gate`` closed makes the writer wait before its next transaction, so that a test decides
    what is waiting together. After ``CommitUnknown``, ``committed_in_doubt`` says whether the
    commit had happened.
    """

    def __init__(self, available: int = 1_000_000) -> None:
        self.account = AccountState(ACCOUNT, available, 0, 0, available)
        self.sequence = 0
        self.written: list[Writes] = []
        self.connects = 0
        self.gate = threading.Event()
        self.gate.set()
        self.at_gate = threading.Event()
        self.connect_troubles: deque[Exception | None] = deque()
        self.load_troubles: deque[Exception | None] = deque()
        self.commit_troubles: deque[Exception | None] = deque()
        self.doubt_troubles: deque[Exception | None] = deque()
        self.committed_in_doubt = False
        self._connected = False

    def connect(self) -> None:
        if not self._connected:
            _next(self.connect_troubles)
            self.connects += 1
            self._connected = True

    def close(self) -> None:
        self._connected = False

    def load(self, needs: Needs, *, thorough: bool = False) -> Snapshot:
        self.at_gate.set()
        self.gate.wait()
        _next(self.load_troubles)
        accounts = {ACCOUNT: AccountSnapshot(self.account, self.sequence)}
        return Snapshot(accounts={key: accounts[key] for key in needs.account_ids & {ACCOUNT}})

    def commit(self, writes: Writes) -> None:
        _next(self.commit_troubles)
        if writes:
            self.keep(writes)

    def keep(self, writes: Writes) -> None:
        self.written.append(writes)
        for account in writes.accounts.values():
            self.account, self.sequence = account.state, account.last_sequence

    def rollback(self) -> None:
        pass

    def was_written(self, writes: Writes) -> bool:
        _next(self.doubt_troubles)
        if self.committed_in_doubt:
            self.keep(writes)
        return self.committed_in_doubt


def _next(troubles: "deque[Exception | None]") -> None:
    trouble = troubles.popleft() if troubles else None
    if trouble is not None:
        raise trouble
