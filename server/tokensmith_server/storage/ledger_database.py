"""What an engine is to the group-commit writer."""

from typing import Protocol

from tokensmith_server.storage.snapshot import Needs, Snapshot, Writes


class LedgerDatabase(Protocol):
    """One connection to the ledger's database, used by one thread."""

    def connect(self) -> None:
        """Open the connection, if it is not."""

    def close(self) -> None:
        """Close it; what was not committed is gone."""

    def load(self, needs: Needs, *, thorough: bool = False) -> Snapshot:
        """Begin a transaction and bring what is needed; ``thorough`` trusts no memory."""
        ...

    def commit(self, writes: Writes) -> None:
        """Write and make durable; with nothing to write, end the transaction."""

    def rollback(self) -> None:
        """End the transaction without a trace."""

    def was_written(self, writes: Writes) -> bool:
        """After ``CommitUnknown``: whether the batch is there."""
        ...
