"""Accounts, keys and credits."""

import secrets
import time
from typing import Annotated, Any

import typer

from tokensmith_gateway.cli.database import iso_time, with_store
from tokensmith_gateway.cli.options import AsJSON, not_empty, one_line
from tokensmith_gateway.cli.outcome import print_record, print_rows
from tokensmith_server.billing.commands import GrantCredits
from tokensmith_server.billing.keys import (
    KEY_RANDOM_BYTES,
    format_api_key,
    hash_api_key,
    key_hint,
)
from tokensmith_server.billing.money import format_credits, parse_credits
from tokensmith_server.billing.store import Account, ApiKey
from tokensmith_server.ids import NAME_LENGTH_MAX, RandomIds, may_be_name
from tokensmith_server.storage.storage import SQLStore

accounts = typer.Typer(help="Customers with a balance.", no_args_is_help=True)
keys = typer.Typer(help="API keys of an account.", no_args_is_help=True)
credit = typer.Typer(help="Credits of an account.", no_args_is_help=True)

AccountOption = Annotated[
    str, typer.Option("--account", callback=not_empty, help="Name or id of the account.")
]


def account_fields(account: Account) -> dict[str, Any]:
    """An account as the command line shows it; amounts in credits."""
    balance = account.balance
    return {
        "id": account.account_id,
        "name": account.name,
        "available": format_credits(balance.available_microcredits),
        "held": format_credits(balance.held_microcredits),
        "charged": format_credits(balance.charged_microcredits),
        "granted": format_credits(balance.granted_microcredits),
        "created": iso_time(account.created_time),
    }


def key_fields(key: ApiKey) -> dict[str, Any]:
    """A key as the command line shows it: never the secret."""
    return {
        "id": key.key_id,
        "name": key.name,
        "hint": f"...{key.hint}",
        "created": iso_time(key.created_time),
        "expires": iso_time(key.expires_time),
        "revoked": iso_time(key.revoked_time),
    }


async def create_key(store: SQLStore, account: Account, name: str) -> tuple[ApiKey, str]:
    """Make a key for an account; the secret is returned once and kept nowhere."""
    secret = format_api_key(secrets.token_bytes(KEY_RANDOM_BYTES))
    key = ApiKey(
        key_id=RandomIds().new("key_"),
        account_id=account.account_id,
        name=name,
        hint=key_hint(secret),
        created_time=time.time(),
        expires_time=None,
        revoked_time=None,
        last_used_time=None,
    )
    await store.create_key(key, hash_api_key(secret))
    return key, secret


@accounts.command("create")
def create_account(
    name: Annotated[str, typer.Argument(callback=not_empty, help="Unique name of the account.")],
    as_json: AsJSON = False,
) -> None:
    """Create an account with a zero balance."""
    account = with_store(
        lambda store: store.create_account(RandomIds().new("acct_"), name, time.time())
    )
    print_record(account_fields(account), as_json=as_json)


@accounts.command("list")
def list_accounts(as_json: AsJSON = False) -> None:
    """List every account with its balance, in credits."""
    found = with_store(lambda store: store.list_accounts())
    print_rows(
        [account_fields(account) for account in found],
        as_json=as_json,
        columns=("id", "name", "available", "held", "charged", "granted"),
    )


@keys.command("create")
def create_key_command(
    account: AccountOption,
    name: Annotated[str, typer.Option(callback=one_line, help="What the key is for.")] = "",
    as_json: AsJSON = False,
) -> None:
    """Create a key. The secret is shown this once."""

    async def work(store: SQLStore) -> tuple[ApiKey, str]:
        return await create_key(store, await store.get_account(account), name)

    key, secret = with_store(work)
    print_record({"key": secret} | key_fields(key), as_json=as_json)


@keys.command("list")
def list_keys(account: AccountOption, as_json: AsJSON = False) -> None:
    """List an account's keys, revoked ones included."""

    async def work(store: SQLStore) -> list[dict[str, Any]]:
        owner = await store.get_account(account)
        return [key_fields(key) for key in await store.list_keys(owner.account_id)]

    columns = ("id", "name", "hint", "created", "expires", "revoked")
    print_rows(with_store(work), as_json=as_json, columns=columns)


@keys.command("revoke")
def revoke_key(
    account: AccountOption,
    key_id: Annotated[str, typer.Argument(callback=not_empty, help="Id of the key, key_...")],
    as_json: AsJSON = False,
) -> None:
    """Revoke a key; every process refuses it within five seconds."""

    async def work(store: SQLStore) -> ApiKey:
        owner = await store.get_account(account)
        return await store.revoke_key(owner.account_id, key_id, time.time())

    print_record(key_fields(with_store(work)), as_json=as_json)


@credit.command("grant")
def grant_credits(
    amount: Annotated[str, typer.Argument(help="Credits, with at most six decimal places.")],
    account: AccountOption,
    reason: Annotated[
        str, typer.Option(callback=one_line, help="Why, for the statement.")
    ] = "granted by operator",
    grant_id: Annotated[
        str | None,
        typer.Option(
            help="Names the grant: a repeat changes nothing, another grant with the id is refused."
        ),
    ] = None,
    as_json: AsJSON = False,
) -> None:
    """Add credits to an account."""
    try:
        microcredits = parse_credits(amount)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="AMOUNT") from error
    if microcredits == 0:
        raise typer.BadParameter("a grant is more than nothing", param_hint="AMOUNT")
    # An empty one too: the script whose variable is not set would grant again at each run.
    if grant_id is not None and not may_be_name(grant_id):
        raise typer.BadParameter(
            f"1 to {NAME_LENGTH_MAX} printable ASCII characters", param_hint="--grant-id"
        )

    async def work(store: SQLStore) -> dict[str, Any]:
        owner = await store.get_account(account)
        command = GrantCredits(
            grant_id=grant_id or RandomIds().new("grant_"),
            account_id=owner.account_id,
            amount_microcredits=microcredits,
            reason=reason,
            created_time=time.time(),
        )
        receipt = await store.grant_credits(command)
        return {
            "account": owner.name,
            "grant": command.grant_id,
            "repeated": receipt.repeated,
            "available": format_credits(receipt.balance.available_microcredits),
        }

    print_record(with_store(work), as_json=as_json)
