"""`tokensmith doctor`: what it checks when nothing runs, and how it shows and judges routes."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from tests.unit.gateway.conftest import RunCommand
from tokensmith.v1 import admin_service_pb2 as admin_pb
from tokensmith_gateway import doctor
from tokensmith_gateway.route_report import RouteReport, RouteRow, rows_of
from tokensmith_gateway.whereabouts import Announcement, Whereabouts, whereabouts_path

Health = admin_pb.RouteHealth


@pytest.fixture(autouse=True)
def free_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REST", "GRPC"):
        monkeypatch.setenv(f"TOKENSMITH_{name}_LISTEN", "127.0.0.1:0")


def found(tokensmith: RunCommand) -> dict[str, Any]:
    """Each check by its name."""
    return {one["check"]: one for one in tokensmith("doctor", "--json").json["checks"]}


def test_sound_installation_is_sound_although_nothing_runs(tokensmith: RunCommand) -> None:
    told = tokensmith("doctor", "--json").json
    assert [one["check"] for one in told["checks"]] == [
        "python",
        "sqlite",
        "data_dir",
        "database",
        "catalog",
        "providers",
        "ports",
        "routes",
    ]
    assert told["ok"]
    assert all(one["ok"] for one in told["checks"])
    assert (told["process"], told["routes"]) == (None, [])
    assert "no server runs here" in tokensmith("doctor").output


def test_broken_catalog_is_named_and_exits_with_one(
    tokensmith: RunCommand, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = data_dir / "overlay.toml"
    overlay.write_text('[[models]]\nid = "gpt-5.4"\nprice = 1\n', encoding="utf-8")
    monkeypatch.setenv("TOKENSMITH_CATALOG", str(overlay))
    done = tokensmith("doctor")
    assert done.exit_code == 1
    assert "price" in done.output


def test_route_to_a_withdrawn_model_is_trouble(
    tokensmith: RunCommand, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = '{ provider = "openai", model = "gpt-5.4" }'
    other = '{ provider = "xai", model = "grok-4-1-fast-reasoning" }'
    overlay = data_dir / "overlay.toml"
    overlay.write_text(f'[[models]]\nid = "gpt-5.4"\nroutes = [{own}, {other}]\n', "utf-8")
    monkeypatch.setenv("TOKENSMITH_CATALOG", str(overlay))
    monkeypatch.setenv("TOKENSMITH_XAI_API_KEY", "xai-only")
    done = tokensmith("doctor")
    assert done.exit_code == 1
    assert "gpt-5.4 by xai/grok-4-1-fast-reasoning" in done.output


def test_keys_are_counted_and_never_shown(
    tokensmith: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENSMITH_OPENAI_API_KEY", "sk-first,sk-second")
    monkeypatch.setenv("TOKENSMITH_XAI_API_KEY", "xai-only")
    assert found(tokensmith)["providers"]["detail"] == "API keys: openai (2), xai (1)"
    assert "sk-" not in tokensmith("doctor").output


def test_host_of_the_overlay_without_its_key_is_trouble(
    tokensmith: RunCommand, data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = data_dir / "overlay.toml"
    overlay.write_text(
        '[providers.eu]\nbase_url = "http://h/v1"\napi_key_env = "EU_KEY"\n', encoding="utf-8"
    )
    monkeypatch.setenv("TOKENSMITH_CATALOG", str(overlay))
    done = tokensmith("doctor")
    assert done.exit_code == 1
    assert "eu needs EU_KEY" in done.output
    monkeypatch.setenv("EU_KEY", "one,two")
    assert found(tokensmith)["providers"]["detail"] == "API keys: eu (2)"


def test_port_that_somebody_else_has_is_trouble(
    tokensmith: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        listen = f"127.0.0.1:{other.getsockname()[1]}"
        monkeypatch.setenv("TOKENSMITH_REST_LISTEN", listen)
        done = tokensmith("doctor")
    assert done.exit_code == 1
    assert f"taken by somebody else: REST {listen}" in done.output


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to the superuser")
def test_data_directory_that_cannot_be_written_is_trouble(
    tokensmith: RunCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    monkeypatch.setenv("TOKENSMITH_DATA_DIR", str(closed))
    done = tokensmith("doctor")
    assert done.exit_code == 1
    assert "can't be written" in done.output


def announce(data_dir: Path, pid: int) -> None:
    where = Whereabouts(pid, "127.0.0.1:1", "127.0.0.1:2", "http://127.0.0.1:1", None)
    Announcement(whereabouts_path(data_dir)).publish(where)


def test_gateway_that_is_gone_is_no_gateway(tokensmith: RunCommand, data_dir: Path) -> None:
    announce(data_dir, pid=2**22 + 1)
    assert found(tokensmith)["routes"]["detail"] == "no server runs here"


def test_gateway_that_does_not_answer_is_trouble(tokensmith: RunCommand, data_dir: Path) -> None:
    announce(data_dir, os.getpid())
    (data_dir / "admin.token").write_text("adm_0123456789abcdef\n", encoding="ascii")
    done = tokensmith("doctor")
    assert done.exit_code == 1
    assert "127.0.0.1:2 does not answer" in done.output


def row(**fields: Any) -> RouteRow:
    whole: dict[str, Any] = {
        "route": "openai/a",
        "credential": "openai#1",
        "fit": True,
        "out_seconds": None,
        "reason": None,
        "probing": False,
        "error_rate": 0.25,
        "first_byte_seconds": 0.5,
        "tries": 8,
        "failures": 2,
        "in_flight": 1,
        "models": ("gpt-5.4 (group 1, weight 1)",),
    }
    return RouteRow(**(whole | fields))


OUT = {"fit": False, "out_seconds": 30.0}


@pytest.mark.parametrize(
    ("rows", "trouble"),
    [
        ([row()], ""),
        ([row(**OUT, reason="rate_limited")], ""),
        ([row(), row(credential="openai#2", **OUT, reason="operator_auth")], "openai#2"),
        ([row(reason="operator_credit", probing=True)], "openai#1"),
        ([row(**OUT, reason="overloaded")], "out: openai/a"),
        ([row(), row(credential="openai#2", **OUT, reason="model_unavailable")], ""),
    ],
)
def test_routes_are_trouble_when_somebody_must_act(
    tokensmith: RunCommand,
    data_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[RouteRow],
    trouble: str,
) -> None:
    announce(data_dir, os.getpid())
    (data_dir / "admin.token").write_text("adm_0123456789abcdef\n", encoding="ascii")
    asked: list[tuple[str, str]] = []

    def ask(target: str, token: str) -> RouteReport:
        asked.append((target, token))
        return RouteReport("host:1", tuple(rows))

    monkeypatch.setattr(doctor, "ask_routes", ask)
    done = tokensmith("doctor")
    assert asked == [("127.0.0.1:2", "adm_0123456789abcdef")]
    assert done.exit_code == (1 if trouble else 0)
    assert trouble in done.output
    assert "25%" in done.output
    assert "0.50 s" in done.output


def seconds(number: int) -> Duration:
    return Duration(seconds=number)


def test_row_says_the_longest_wait_and_its_reason() -> None:
    lane = admin_pb.Lane(
        credential="openai#1",
        health=Health(
            breaker=Health.BREAKER_STATE_OPEN, reason="rate_limited", wait=seconds(3), try_count=9
        ),
        credential_health=Health(
            breaker=Health.BREAKER_STATE_OPEN, reason="operator_credit", wait=seconds(60)
        ),
        in_flight_count=2,
    )
    use = admin_pb.RouteUse(model="m", group_number=1, weight=3)
    route = admin_pb.Route(name="openai/a", lanes=[lane], uses=[use])
    (told,) = rows_of([route])
    assert (told.fit, told.out_seconds, told.reason) == (False, 60.0, "operator_credit")
    assert (told.tries, told.in_flight, told.first_byte_seconds) == (9, 2, None)
    assert told.models == ("m (group 1, weight 3)",)
    assert told.needs_operator
    (well,) = rows_of([admin_pb.Route(name="openai/a", lanes=[admin_pb.Lane(credential="c")])])
    assert (well.fit, well.out_seconds, well.reason, well.probing) == (True, None, None, False)
