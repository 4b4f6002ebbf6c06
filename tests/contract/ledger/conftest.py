"""The ledger that each contract test gets, once for each engine, and the audit that ends it."""

from collections.abc import AsyncIterator

import pytest

from tests.contract.ledger.engines import ENGINES
from tests.support.ledger import LedgerUnderTest


@pytest.fixture(params=list(ENGINES))
async def ledger(request: pytest.FixtureRequest) -> AsyncIterator[LedgerUnderTest]:
    async with ENGINES[request.param]() as ledger:
        yield ledger
        await ledger.assert_clean()
