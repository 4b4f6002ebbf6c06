"""`tokensmith accounts`, `keys`, `credits`: data on standard output, one line for each failure."""

import re

import pytest

from tests.unit.gateway.conftest import Done, RunCommand


def assert_refused(done: Done, exit_code: int, words: str) -> None:
    """A failure is an exit code and one line on standard error, and nothing else."""
    assert done.exit_code == exit_code
    assert not done.output
    assert done.errors.startswith("tokensmith: ")
    assert done.errors.count("\n") == 1
    assert words in done.errors


def test_account_begins_at_zero_and_is_listed(tokensmith: RunCommand) -> None:
    made = tokensmith("accounts", "create", "acme", "--json").json
    assert made["name"] == "acme"
    assert made["id"].startswith("acct_")
    assert (made["available"], made["held"], made["charged"], made["granted"]) == ("0",) * 4
    assert tokensmith("accounts", "list", "--json").json == [made]


def test_account_name_is_taken_once(tokensmith: RunCommand) -> None:
    tokensmith("accounts", "create", "acme")
    assert_refused(tokensmith("accounts", "create", "acme"), 4, "acme")


@pytest.mark.parametrize("name", ["", " ", "a" * 256, "two\nlines", " blank", "\udcff", "\x1b[1m"])
def test_name_that_is_none_is_wrong_usage(tokensmith: RunCommand, name: str) -> None:
    tokensmith("accounts", "create", "acme")
    commands = [
        ("accounts", "create", name),
        ("keys", "create", "--account", name),
        ("keys", "revoke", name, "--account", "acme"),
        ("credits", "grant", "5", "--account", name),
    ]
    if name:
        commands += [
            ("keys", "create", "--account", "acme", "--name", name),
            ("credits", "grant", "5", "--account", "acme", "--reason", name),
            ("requests", "list", "--account", name),
        ]
    for command in commands:
        done = tokensmith(*command)
        assert done.exit_code == 2, command
        assert "printable characters" in done.errors
    (account,) = tokensmith("accounts", "list", "--json").json
    assert account["granted"] == "0"
    assert tokensmith("keys", "list", "--account", "acme", "--json").json == []


def test_name_may_be_of_any_script(tokensmith: RunCommand) -> None:
    made = tokensmith("accounts", "create", "Müller & Søn, 東京", "--json").json
    assert made["name"] == "Müller & Søn, 東京"


def test_key_is_shown_once_and_then_by_its_hint(tokensmith: RunCommand) -> None:
    tokensmith("accounts", "create", "acme")
    made = tokensmith("keys", "create", "--account", "acme", "--name", "laptop", "--json").json
    assert re.fullmatch(r"pk_live_[\w-]{43}", made["key"])
    (listed,) = tokensmith("keys", "list", "--account", "acme", "--json").json
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert made["key"].endswith(listed["hint"].removeprefix("..."))


def test_revoked_key_stays_listed(tokensmith: RunCommand) -> None:
    tokensmith("accounts", "create", "acme")
    made = tokensmith("keys", "create", "--account", "acme", "--json").json
    revoked = tokensmith("keys", "revoke", made["id"], "--account", "acme", "--json").json
    assert revoked["revoked"] is not None
    assert tokensmith("keys", "list", "--account", "acme", "--json").json == [revoked]


def test_key_of_another_account_is_not_found(tokensmith: RunCommand) -> None:
    tokensmith("accounts", "create", "acme")
    tokensmith("accounts", "create", "other")
    made = tokensmith("keys", "create", "--account", "acme", "--json").json
    assert_refused(tokensmith("keys", "revoke", made["id"], "--account", "other"), 3, made["id"])


@pytest.mark.parametrize(
    "arguments",
    [
        ("keys", "list", "--account", "nobody"),
        ("keys", "create", "--account", "nobody"),
        ("keys", "revoke", "key_1", "--account", "nobody"),
        ("credits", "grant", "--account", "nobody", "5"),
        ("requests", "list", "--account", "nobody"),
    ],
)
def test_unknown_account_is_not_found(tokensmith: RunCommand, arguments: tuple[str, ...]) -> None:
    assert_refused(tokensmith(*arguments), 3, "nobody")


def test_grant_is_exact_to_the_micro_credit(tokensmith: RunCommand) -> None:
    tokensmith("accounts", "create", "acme")
    granted = tokensmith("credits", "grant", "--account", "acme", "12.000001", "--json").json
    assert granted["available"] == "12.000001"
    assert granted["repeated"] is False


def test_grant_with_an_id_is_given_once(tokensmith: RunCommand) -> None:
    tokensmith("accounts", "create", "acme")
    arguments = ("credits", "grant", "--account", "acme", "5", "--grant-id", "inv-1", "--json")
    assert tokensmith(*arguments).json["repeated"] is False
    again = tokensmith(*arguments).json
    assert again["repeated"] is True
    assert again["available"] == "5"


@pytest.mark.parametrize(("amount", "account"), [("6", "acme"), ("5", "other"), ("6", "other")])
def test_grant_id_of_another_grant_is_a_conflict_that_says_what_the_id_is_of(
    tokensmith: RunCommand, amount: str, account: str
) -> None:
    first = tokensmith("accounts", "create", "acme", "--json").json["id"]
    tokensmith("accounts", "create", "other")
    tokensmith("credits", "grant", "--account", "acme", "5", "--grant-id", "inv-1")
    refused = tokensmith("credits", "grant", "--account", account, amount, "--grant-id", "inv-1")
    assert_refused(refused, 4, "inv-1")
    assert f"of 5 credits to {first}" in refused.errors
    granted = {one["name"]: one["granted"] for one in tokensmith("accounts", "list", "--json").json}
    assert granted == {"acme": "5", "other": "0"}


@pytest.mark.parametrize("grant_id", ["", "a\nb", "g\udcff", "\xe9", "x" * 256])
def test_grant_id_that_is_no_name_is_wrong_usage(tokensmith: RunCommand, grant_id: str) -> None:
    tokensmith("accounts", "create", "acme")
    done = tokensmith("credits", "grant", "--account", "acme", "5", "--grant-id", grant_id)
    assert done.exit_code == 2
    assert tokensmith("accounts", "list", "--json").json[0]["granted"] == "0"


def test_grant_of_more_than_an_account_can_keep_is_wrong_usage(tokensmith: RunCommand) -> None:
    tokensmith("accounts", "create", "acme")
    most = "9223372036854.775807"
    assert tokensmith("credits", "grant", "--account", "acme", most).exit_code == 0
    assert_refused(tokensmith("credits", "grant", "--account", "acme", "1"), 2, most)
    # More than any account can keep does not get as far as the ledger.
    assert tokensmith("credits", "grant", "--account", "acme", "9223372036855").exit_code == 2


@pytest.mark.parametrize("amount", ["0", "-1", "1.0000001", "lots", "nan", "1e3"])
def test_amount_that_is_none_is_wrong_usage(tokensmith: RunCommand, amount: str) -> None:
    tokensmith("accounts", "create", "acme")
    done = tokensmith("credits", "grant", "--account", "acme", "--", amount)
    assert done.exit_code == 2
    assert not done.output
    assert tokensmith("accounts", "list", "--json").json[0]["granted"] == "0"


def test_tables_keep_a_row_on_a_line(tokensmith: RunCommand) -> None:
    tokensmith("accounts", "create", "a" * 120)
    lines = tokensmith("accounts", "list").output.splitlines()
    assert len(lines) == 2
    assert "a" * 120 in lines[1]
