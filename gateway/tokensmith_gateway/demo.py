"""The account that the first start makes, so that a newcomer can call at once."""

import os
import time
from pathlib import Path

from tokensmith_gateway.cli.accounts import create_key
from tokensmith_server.billing.commands import GrantCredits
from tokensmith_server.billing.rates import MICROCREDITS_PER_CREDIT
from tokensmith_server.ids import RandomIds
from tokensmith_server.storage.storage import SQLStore

DEMO_ACCOUNT = "demo"


def demo_key_path(data_dir: Path) -> Path:
    """Where the demo account's key is kept, readable by its owner alone."""
    return data_dir / "demo.key"


async def ensure_demo(store: SQLStore, data_dir: Path, *, credits_granted: int) -> str | None:
    """On a database without accounts, make ``demo`` with credits and a key; return its key.

    Later starts return the key that was kept, or ``None`` when it is gone: the key itself is in no
    database.
    """
    path = demo_key_path(data_dir)
    if not await store.list_accounts():
        now = time.time()
        account = await store.create_account(RandomIds().new("acct_"), DEMO_ACCOUNT, now)
        await store.grant_credits(
            GrantCredits(
                grant_id=f"welcome:{account.account_id}",
                account_id=account.account_id,
                amount_microcredits=credits_granted * MICROCREDITS_PER_CREDIT,
                reason="welcome",
                created_time=now,
            )
        )
        _, secret = await create_key(store, account, DEMO_ACCOUNT)
        _write_private(path, secret + "\n")
        return secret
    return path.read_text(encoding="ascii").strip() if path.is_file() else None


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
