"""A key that is revoked on the command line stops working everywhere within five seconds."""

import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support import postgres
from tests.support.books import Books
from tests.support.processes import Gateway, Simulator, environment, run_cli, running_gateway
from tests.support.waiting import eventually

REVOKED_WITHIN_SECONDS = 5.0


@pytest.fixture(scope="module")
def pair(
    simulator: Simulator, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Gateway, Gateway]]:
    """Two gateways on one database."""
    folder = tmp_path_factory.mktemp("pair")
    with postgres.fresh_database() as url:
        variables = {
            "TOKENSMITH_DATABASE_URL": url,
            "TOKENSMITH_SIMULATOR_URL": simulator.origin,
        }
        with (
            running_gateway(folder / "one", **variables) as one,
            running_gateway(folder / "two", **variables) as two,
        ):
            yield one, two


def test_revoked_key_is_refused_by_every_process_within_five_seconds(
    pair: tuple[Gateway, Gateway],
) -> None:
    one, two = pair
    customer = Books(one.database_url).customer()

    def statuses() -> set[int]:
        return {
            httpx.get(
                f"{gateway.base_url}/credits", headers={"Authorization": f"Bearer {customer.key}"}
            ).status_code
            for gateway in pair
        }

    assert statuses() == {200}
    revoked = one.cli_json("keys", "revoke", customer.key_id, "--account", customer.name)
    assert revoked["revoked"]
    began = time.monotonic()
    eventually(lambda: statuses() == {401}, "both refuse the key", seconds=REVOKED_WITHIN_SECONDS)
    assert time.monotonic() - began <= REVOKED_WITHIN_SECONDS
    assert two.process.poll() is None


def test_key_made_on_the_command_line_works_at_once(gateway: Gateway) -> None:
    made = gateway.cli_json("accounts", "create", "late")
    key = gateway.cli_json("keys", "create", "--account", "late", "--name", "laptop")["key"]
    headers = {"Authorization": f"Bearer {key}"}
    assert httpx.get(f"{gateway.base_url}/credits", headers=headers).json()["available"] == 0

    gateway.cli_json("credits", "grant", "--account", "late", "12.5")

    assert httpx.get(f"{gateway.base_url}/credits", headers=headers).json()["available"] == 12.5
    again = run_cli("accounts", "create", "late", env=environment(gateway.data_dir))
    assert again.returncode == 4
    assert made["name"] == "late"
