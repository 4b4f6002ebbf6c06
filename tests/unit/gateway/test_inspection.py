"""`tokensmith models`, `requests`, `ledger audit`, `migrate`."""

import pytest

from tests.unit.gateway.conftest import RunCommand
from tokensmith_server.config import ServerSettings
from tokensmith_server.storage.address import parse_database_url
from tokensmith_server.storage.engine import connect_sqlite


def test_models_show_kind_provider_context_rates_and_status(tokensmith: RunCommand) -> None:
    models = {model["id"]: model for model in tokensmith("models", "--json").json}
    assert len(models) == 53
    assert models["gpt-5.4-nano"]["kind"] == "text"
    assert models["gpt-5.4-nano"]["provider"] == "openai"
    assert models["gpt-5.4-nano"]["context"] == 270_000
    assert models["gpt-5.4-nano"]["rates"]["input_credits_per_1m"] == 400
    assert models["gpt-5.4-nano"]["rates"]["output_credits_per_1m"] == 2_500
    assert models["gpt-image-2"]["rates"] == {"credits_per_image": "100"}
    assert {model["status"] for model in models.values()} <= {"available", "deprecated", "retired"}


def test_models_as_text_has_a_line_for_each(tokensmith: RunCommand) -> None:
    lines = tokensmith("models").output.splitlines()
    assert lines[0].split() == ["id", "kind", "provider", "context", "rates", "status"]
    assert len(lines) == 54


def test_requests_of_an_empty_ledger_are_none(tokensmith: RunCommand) -> None:
    assert tokensmith("requests", "list", "--json").json == []


@pytest.mark.parametrize("limit", ["0", "1001", "many"])
def test_limit_out_of_bounds_is_wrong_usage(tokensmith: RunCommand, limit: str) -> None:
    assert tokensmith("requests", "list", "--limit", limit).exit_code == 2


def test_audit_of_a_sound_ledger_is_clean(tokensmith: RunCommand) -> None:
    tokensmith("accounts", "create", "acme")
    tokensmith("credits", "grant", "--account", "acme", "5")
    report = tokensmith("ledger", "audit", "--json").json
    assert report == {
        "clean": True,
        "accounts": 1,
        "holds": 0,
        "open_holds": 0,
        "entries": 1,
        "attempts": 0,
        "violations": [],
    }


def test_audit_names_what_is_wrong_and_exits_with_six(
    tokensmith: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokensmith("accounts", "create", "acme")
    account = tokensmith("accounts", "list", "--json").json[0]["id"]
    tamper("UPDATE accounts SET available_microcredits = 7, granted_microcredits = 7")

    done = tokensmith("ledger", "audit")

    assert done.exit_code == 6
    assert f"I1 {account}: available is 7, rows say 0" in done.errors
    assert tokensmith("ledger", "audit", "--json").exit_code == 6


def tamper(statement: str) -> None:
    """Change the database behind the ledger's back."""
    path = parse_database_url(ServerSettings().database).sqlite_path
    assert path is not None
    connection = connect_sqlite(path)
    connection.execute(statement)
    connection.close()


def test_migrate_says_the_revision_and_may_be_repeated(tokensmith: RunCommand) -> None:
    first = tokensmith("migrate", "--json").json
    assert first["revision"]
    assert tokensmith("migrate", "--json").json == first
