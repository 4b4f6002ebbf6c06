"""Settings that can't be used end a command with exit code 2, all at once, and nothing is made."""

from pathlib import Path

import pytest

from tests.unit.gateway.conftest import RunCommand
from tokensmith_gateway.environment import Environment, SettingsError, server_settings
from tokensmith_gateway.settings import GatewaySettings
from tokensmith_server.config import ServerSettings

WRONG = {
    "TOKENSMITH_WORKERS": "0",
    "TOKENSMITH_PUBLIC_URL": "ai.example.com",
    "TOKENSMITH_REST_LISTEN": "nonsense",
    "TOKENSMITH_GRPC_LISTEN": "::1:50051",
    "TOKENSMITH_LOG_FORMAT": "xml",
    "TOKENSMITH_DRAIN_SECONDS": "inf",
    "TOKENSMITH_IDLE_SECONDS": "1e300",
    "TOKENSMITH_CALLS_MAX": "many",
    "TOKENSMITH_DATABASE_URL": "mysql://u:hunter2@h/d",
    "TOKENSMITH_CATALOG": "/nowhere/overlay.toml",
    "TOKENSMITH_OPENAI_API_KEY": "sk-hunter2,sk-hunter2",
    "TOKENSMITH_XAI_BASE_URL": "https://xai.example.com/v1",
    "TOKENSMITH_ADMIN_TOKEN": "hunter2",
    "TOKENSMITH_FAULT_POINTS": "junk",
}


@pytest.fixture
def new_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory that is not there, with the default database in it."""
    path = tmp_path / "new"
    monkeypatch.setenv("TOKENSMITH_DATA_DIR", str(path))
    monkeypatch.delenv("TOKENSMITH_DATABASE_URL", raising=False)
    return path


def test_every_wrong_setting_is_listed_by_its_variable_before_anything_is_made(
    tokensmith: RunCommand, new_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in WRONG.items():
        monkeypatch.setenv(name, text)
    done = tokensmith("up")
    assert done.exit_code == 2
    first, *lines = done.errors.splitlines()
    assert first == "tokensmith: the settings are not valid"
    assert {line.partition(": ")[0] for line in lines} == WRONG.keys()
    assert len(lines) == len(WRONG)
    assert "hunter2" not in done.errors
    assert not new_dir.exists()


@pytest.mark.parametrize(
    ("variable", "text", "allowed"),
    [
        ("REST_LISTEN", "http://0.0.0.0:8080", "must be host:port"),
        ("REST_LISTEN", "127.0.0.1:70000", "must be host:port"),
        ("METRICS_LISTEN", "9090", "must be host:port"),
        ("LOG_LEVEL", "loud", "must be 'debug', 'info', 'warning' or 'error'"),
        ("WORKERS", "300", "must be less than or equal to 256"),
        ("DEMO_CREDITS", "9223372036855", "must be less than or equal to 9223372036854"),
        ("BODY_SECONDS", "0", "must be greater than 0"),
        ("XAI_API_KEY", "key\nkey", "must be printable ASCII"),
        ("FAULT_POINTS", "x=explode", "name=kill"),
        ("PROFILE", "staging", "must be 'development' or 'production'"),
    ],
)
def test_what_is_allowed_is_said(
    tokensmith: RunCommand, monkeypatch: pytest.MonkeyPatch, variable: str, text: str, allowed: str
) -> None:
    monkeypatch.setenv(f"TOKENSMITH_{variable}", text)
    done = tokensmith("up")
    assert done.exit_code == 2
    assert f"TOKENSMITH_{variable}: " in done.errors
    assert allowed in done.errors


@pytest.mark.parametrize("command", ["up", "server"])
def test_address_of_a_provider_without_its_key_is_refused(
    tokensmith: RunCommand, new_dir: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("TOKENSMITH_OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("TOKENSMITH_OPENAI_API_KEY", " , ")
    done = tokensmith(command)
    assert done.exit_code == 2
    assert "TOKENSMITH_OPENAI_BASE_URL: nobody is called there without " in done.errors
    assert "TOKENSMITH_OPENAI_API_KEY" in done.errors
    assert not new_dir.exists()
    doctor = tokensmith("doctor")
    assert doctor.exit_code == 1
    assert "TOKENSMITH_OPENAI_BASE_URL" in doctor.output


def test_address_without_a_key_keeps_nobody_from_looking_at_the_books(
    tokensmith: RunCommand, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENSMITH_OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    assert tokensmith("accounts", "list").exit_code == 0


def test_host_of_the_overlay_that_takes_no_key_is_well(
    new_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = tmp_path / "overlay.toml"
    overlay.write_text('[providers.local]\nbase_url = "http://127.0.0.1:9/v1"\n', encoding="utf-8")
    monkeypatch.setenv("TOKENSMITH_CATALOG", str(overlay))
    assert server_settings().catalog == overlay


def test_every_problem_of_the_overlay_is_listed_with_the_others(
    tokensmith: RunCommand, new_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overlay = tmp_path / "overlay.toml"
    overlay.write_text('[[models]]\nid = "gpt-5.4"\nprice = 1\ncolour = 2\n', encoding="utf-8")
    monkeypatch.setenv("TOKENSMITH_CATALOG", str(overlay))
    monkeypatch.setenv("TOKENSMITH_WORKERS", "0")
    done = tokensmith("up")
    assert done.exit_code == 2
    assert done.errors.count("TOKENSMITH_CATALOG: ") == 2
    assert "TOKENSMITH_WORKERS: " in done.errors


def test_listeners_of_one_process_want_addresses_of_their_own(
    tokensmith: RunCommand, new_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("REST", "GRPC"):
        monkeypatch.setenv(f"TOKENSMITH_{name}_LISTEN", "127.0.0.1:8080")
    done = tokensmith("up")
    assert done.exit_code == 2
    assert "TOKENSMITH_GRPC_LISTEN: is the address of TOKENSMITH_REST_LISTEN too" in done.errors


def test_several_workers_on_sqlite_are_a_wrong_setting(
    tokensmith: RunCommand, new_dir: Path
) -> None:
    done = tokensmith("up", "--workers", "2")
    assert done.exit_code == 2
    assert "TOKENSMITH_WORKERS: 2 workers need PostgreSQL" in done.errors


def test_variable_that_is_empty_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = ServerSettings()
    for field in ServerSettings.model_fields:
        monkeypatch.setenv(f"TOKENSMITH_{field.upper()}", "")
    assert ServerSettings() == usual


def test_settings_without_fault_are_read_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENSMITH_WORKERS", "3")
    environment = Environment()
    assert environment.read(GatewaySettings).workers == 3
    environment.require_valid()
    environment.note("WORKERS", "are too many")
    with pytest.raises(SettingsError) as refusal:
        environment.require_valid()
    assert refusal.value.problems == ("TOKENSMITH_WORKERS: are too many",)
