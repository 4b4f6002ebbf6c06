from collections.abc import Iterator

import msgspec
import pytest
import structlog

from tokensmith_bridge.logs import configure_logs


@pytest.fixture(autouse=True)
def restore_structlog() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_a_line_is_json_and_shows_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(log_format="json", log_level="info")
    structlog.get_logger("x").info("request", model="pk_live_abcdefgh123", status=200)
    line = msgspec.json.decode(capsys.readouterr().err)
    assert line["model"] == "pk_live_[redacted]"
    assert (line["event"], line["status"], line["level"]) == ("request", 200, "info")


def test_lines_below_the_level_are_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(log_format="json", log_level="warning")
    structlog.get_logger("x").info("request")
    assert capsys.readouterr().err == ""


def test_terminal_that_is_gone_fails_no_request(monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone:
        def write(self, line: str) -> None:
            raise OSError(5, "Input/output error")

        def flush(self) -> None:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr("sys.stderr", Gone())
    configure_logs(log_format="json", log_level="info")
    structlog.get_logger("x").info("request")
