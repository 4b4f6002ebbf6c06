"""A newcomer's first minutes: ``tokensmith up`` on an empty folder, and what can go wrong there."""

import re
import shlex
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import openai
import pytest
from pysqlite3 import dbapi2

from tests.support.processes import Gateway, descendants, environment, is_running, run_cli
from tests.support.processes import running_gateway as run_gateway
from tests.support.waiting import eventually
from tokensmith_gateway.whereabouts import whereabouts_path
from tokensmith_server.storage import migrate


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway on a folder that did not exist, with the simulator that it starts itself."""
    with run_gateway(tmp_path_factory.mktemp("first") / "data") as gateway:
        yield gateway


def test_printed_curl_line_works_as_it_is(fresh: Gateway) -> None:
    printed = fresh.printed()
    lines = printed.partition("Try it:\n")[2].partition("\n\n")[0]
    words = shlex.split(lines.replace("\\\n", " "))
    assert words[0] == "curl"
    done = subprocess.run(
        [*words, "--silent", "--show-error"], capture_output=True, text=True, timeout=30, check=True
    )
    assert '"content":"' in done.stdout
    assert '"cost":' in done.stdout


def test_demo_key_is_in_a_file_for_its_owner_alone(fresh: Gateway) -> None:
    path = fresh.data_dir / "demo.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert fresh.demo_key in fresh.printed()
    client = openai.OpenAI(base_url=fresh.base_url, api_key=fresh.demo_key)
    answer = client.chat.completions.create(
        model="gpt-5.4-nano", messages=[{"role": "user", "content": "Hello"}]
    )
    client.close()
    assert answer.choices[0].message.content


def test_demo_account_was_granted_credits(fresh: Gateway) -> None:
    (account,) = fresh.cli_json("accounts", "list")
    assert account["name"] == "demo"
    assert account["granted"] == "100000"


def test_health_and_readiness_need_no_key(fresh: Gateway) -> None:
    root = fresh.base_url.removesuffix("/v1")
    assert httpx.get(f"{root}/healthz").status_code == 200
    assert httpx.get(f"{root}/readyz").status_code == 200


def test_second_server_on_the_same_file_is_refused_by_name(fresh: Gateway) -> None:
    done = fresh.cli("up")
    assert done.returncode == 5
    assert re.fullmatch(
        rf"tokensmith: another server \(process {fresh.pid}\) already uses this database; .*\n",
        done.stderr.splitlines(keepends=True)[-1],
    )
    assert httpx.get(f"{fresh.base_url}/models").status_code == 401, "the first one serves on"
    assert whereabouts_path(fresh.data_dir).exists()


def test_database_in_use_is_not_migrated_by_a_second_start(fresh: Gateway) -> None:
    path = fresh.data_dir / "tokensmith.db"
    with closing(dbapi2.connect(str(path), isolation_level=None)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0002'")
        try:
            assert fresh.cli("up").returncode == 5
            assert migrate.current_revision(fresh.database_url) == "0002"
        finally:
            connection.execute(
                "UPDATE alembic_version SET version_num = ?", (migrate.head_revision(),)
            )


def test_several_workers_on_sqlite_are_refused(tmp_path: Path) -> None:
    done = run_cli("up", "--workers", "2", env=environment(tmp_path / "data"))
    assert done.returncode == 2
    assert "TOKENSMITH_WORKERS: 2 workers need PostgreSQL" in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "variable",
    ["TOKENSMITH_REST_LISTEN", "TOKENSMITH_GRPC_LISTEN", "TOKENSMITH_METRICS_LISTEN"],
)
def test_taken_address_is_told_in_one_line(tmp_path: Path, variable: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run_cli(
            "up",
            env=environment(
                tmp_path / "data",
                TOKENSMITH_SIMULATOR_URL="http://127.0.0.1:9",
                **{variable: address},
            ),
        )
    assert done.returncode == 1
    said = [line for line in done.stderr.splitlines() if line.startswith("tokensmith: ")]
    assert len(said) == 1
    assert f"cannot listen on {address} ({variable}): " in said[0]
    assert "in use" in said[0]
    assert "Traceback" not in done.stderr
    assert "add_port" not in done.stderr, "gRPC's C core has nothing to add"


def test_restart_keeps_account_key_and_balance_and_ends_cleanly(tmp_path: Path) -> None:
    with run_gateway(tmp_path / "data") as gateway:
        key = gateway.demo_key
        children = descendants(gateway.pid)
        assert children, "the simulator is a process of its own"
        assert gateway.stop() == 0
        assert not whereabouts_path(gateway.data_dir).exists()
        eventually(lambda: not any(map(is_running, children)), "its simulator ends too")
    with run_gateway(tmp_path / "data") as gateway:
        assert gateway.demo_key == key
        credit = httpx.get(
            f"{gateway.base_url}/credits", headers={"Authorization": f"Bearer {key}"}
        ).json()
        assert credit["available"] == 100_000


def test_killed_gateway_leaves_no_simulator_behind(tmp_path: Path) -> None:
    with run_gateway(tmp_path / "data") as gateway:
        children = descendants(gateway.pid)
        gateway.kill()
    assert children
    eventually(lambda: not any(map(is_running, children)), "its simulator ends")
