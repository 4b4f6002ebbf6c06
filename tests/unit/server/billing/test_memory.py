"""What the in-memory ledger does beyond the contract that it shares with the databases."""

import pytest

from tests.support.ledger import LedgerUnderTest
from tokensmith_server.billing.errors import LedgerUnavailable
from tokensmith_server.billing.memory import MemoryLedgerStore


async def test_switched_off_ledger_is_unavailable_and_keeps_its_rows() -> None:
    store = MemoryLedgerStore()
    ledger = LedgerUnderTest([store])
    account_id = await ledger.open_account(1_000)
    store.available = False
    with pytest.raises(LedgerUnavailable):
        await ledger.hold(account_id)
    store.available = True
    assert await ledger.available(account_id) == 1_000
