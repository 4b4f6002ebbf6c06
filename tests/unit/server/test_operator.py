"""The operator's token: made once, for its owner alone, the same for every process."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from tokensmith_server.admin.token import FILE_NAME, ensure_token, read_token
from tokensmith_server.config import ServerSettings
from tokensmith_server.errors import InvalidAPIKey
from tokensmith_server.rpc.operator import OperatorGate


def test_token_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    token = ensure_token(data_dir)
    assert token is not None
    assert len(token) > 40
    assert ensure_token(data_dir) == read_token(data_dir) == token
    assert stat.S_IMODE((data_dir / FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in data_dir.iterdir()] == [FILE_NAME]


def test_processes_that_start_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        tokens = set(threads.map(lambda _: ensure_token(tmp_path), range(8)))
    assert len(tokens) == 1
    assert [path.name for path in tmp_path.iterdir()] == [FILE_NAME]


def test_without_a_place_for_it_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert ensure_token(tmp_path / "file") is None
    assert read_token(tmp_path / "nowhere") is None


@pytest.mark.parametrize("token", [None, ""])
def test_gate_without_a_token_lets_nobody_in(token: str | None) -> None:
    for given in (None, "", "Bearer ", "Bearer None"):
        with pytest.raises(InvalidAPIKey):
            OperatorGate(token).check(given)


def test_gate_says_nothing_of_the_token() -> None:
    gate = OperatorGate("adm_secret_secret")
    gate.check("Bearer adm_secret_secret")
    with pytest.raises(InvalidAPIKey) as refused:
        gate.check("Bearer adm_secret_secreT")
    assert "secret" not in str(refused.value)


def test_short_token_is_refused_at_the_start() -> None:
    with pytest.raises(ValidationError, match="admin_token"):
        ServerSettings.model_validate({"admin_token": "short"})
    settings = ServerSettings.model_validate({"admin_token": "adm_0123456789abcdef"})
    assert "adm_0123" not in repr(settings)
