"""The money of a measured gateway: rich accounts before, an audit of the books after."""

import asyncio
import secrets
import time

from tokensmith_server.billing.commands import GrantCredits
from tokensmith_server.billing.keys import format_api_key, hash_api_key, key_hint
from tokensmith_server.billing.store import ApiKey
from tokensmith_server.clock import SystemClock
from tokensmith_server.ids import RandomIds
from tokensmith_server.storage.storage import SQLStore, open_storage

_GRANTED_MICROCREDITS = 10**15
_KEY_BYTES = 32


class BooksWrong(Exception):
    """The auditor found what must not be."""


def accounts_with_keys(database_url: str, count: int) -> tuple[str, ...]:
    """Make rich accounts, beside a gateway that runs; a secret key of each."""
    return asyncio.run(_make(database_url, count))


def audited_requests(database_url: str) -> int:
    """Audit the books of a gateway that is at rest; how many requests are in them.

    Raises:
        BooksWrong: an invariant does not hold, or a hold is open.
    """
    return asyncio.run(_audit(database_url))


async def _make(database_url: str, count: int) -> tuple[str, ...]:
    async with open_storage(
        database_url, owner="benchmark", clock=SystemClock(), server=False
    ) as store:
        return tuple([await _rich_account(store, f"bench-{number}") for number in range(count)])


async def _rich_account(store: SQLStore, name: str) -> str:
    ids, now = RandomIds(), time.time()
    account = await store.create_account(ids.new("acct_"), name, now)
    await store.grant_credits(
        GrantCredits(ids.new("grant_"), account.account_id, _GRANTED_MICROCREDITS, "bench", now)
    )
    secret = format_api_key(secrets.token_bytes(_KEY_BYTES))
    key = ApiKey(
        key_id=ids.new("key_"),
        account_id=account.account_id,
        name=name,
        hint=key_hint(secret),
        created_time=now,
        expires_time=None,
        revoked_time=None,
        last_used_time=None,
    )
    await store.create_key(key, hash_api_key(secret))
    return secret


async def _audit(database_url: str) -> int:
    async with open_storage(
        database_url, owner="benchmark", clock=SystemClock(), server=False
    ) as store:
        report = await store.audit(now=time.time())
    if not report.clean or report.open_holds:
        raise BooksWrong(f"{report.open_holds} open holds, {report.violations[:5]}")
    return report.holds
