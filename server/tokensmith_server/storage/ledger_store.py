"""The ledger's commands, by way of the group-commit writer."""

from tokensmith_server.billing.commands import (
    ExpireHold,
    GrantCredits,
    GrantReceipt,
    HoldPlaced,
    MarkDelivered,
    NextAttempt,
    PlaceHold,
    Resolution,
    SettleHold,
    StoredResult,
    VoidHold,
)
from tokensmith_server.storage.writer import GroupCommitWriter


class SQLLedgerStore:
    """``LedgerStore`` on either engine. Each method documents itself there."""

    def __init__(self, writer: GroupCommitWriter) -> None:
        self._writer = writer

    async def place_hold(self, command: PlaceHold) -> HoldPlaced | StoredResult:
        """See ``LedgerStore.place_hold``."""
        answer: HoldPlaced | StoredResult = await self._writer.submit(command)
        return answer

    async def settle_hold(self, command: SettleHold) -> Resolution:
        """See ``LedgerStore.settle_hold``."""
        answer: Resolution = await self._writer.submit(command)
        return answer

    async def void_hold(self, command: VoidHold) -> Resolution:
        """See ``LedgerStore.void_hold``."""
        answer: Resolution = await self._writer.submit(command)
        return answer

    async def expire_hold(self, command: ExpireHold) -> Resolution:
        """See ``LedgerStore.expire_hold``."""
        answer: Resolution = await self._writer.submit(command)
        return answer

    async def next_attempt(self, command: NextAttempt) -> None:
        """See ``LedgerStore.next_attempt``."""
        await self._writer.submit(command)

    def mark_delivered(self, command: MarkDelivered) -> None:
        """See ``LedgerStore.mark_delivered``."""
        self._writer.ride(command)

    async def grant_credits(self, command: GrantCredits) -> GrantReceipt:
        """See ``LedgerStore.grant_credits``."""
        answer: GrantReceipt = await self._writer.submit(command)
        return answer
