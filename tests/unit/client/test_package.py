"""What the client distribution shows to the outside, and what it must not pull in."""

import subprocess
import sys
import tomllib
from pathlib import Path

import grpc
import pytest

import tokensmith
import tokensmith.testing
from tokensmith.channels import CHANNEL_OPTIONS, is_local, open_channel

CLIENT = Path(__file__).parents[3] / "clients" / "python"


def test_public_names_are_pinned() -> None:
    assert tokensmith.__all__ == [
        "MICROCREDITS_PER_CREDIT",
        "AuthenticationError",
        "Client",
        "ContentRefusedError",
        "DeadlineError",
        "IdempotencyError",
        "InsufficientCreditsError",
        "InternalError",
        "InvalidRequestError",
        "NotFoundError",
        "NotReadyError",
        "PermissionDeniedError",
        "QuotaExceededError",
        "RateLimitedError",
        "RequestInProgressError",
        "RetryPolicy",
        "StreamInterruptedError",
        "TokensmithError",
        "UnavailableError",
        "UnimplementedError",
        "UpstreamError",
        "error_from_rpc",
        "format_credits",
        "new_request_id",
        "parse_credits",
    ]
    assert tokensmith.testing.__all__ == [
        "DEFAULT_MODELS",
        "Answer",
        "Failure",
        "FakeTokensmith",
        "RecordedCall",
        "ToolCall",
    ]


@pytest.mark.parametrize("module", [tokensmith, tokensmith.testing])
def test_public_names_exist(module: object) -> None:
    assert all(hasattr(module, name) for name in module.__all__)  # type: ignore[attr-defined]


def test_importing_the_client_pulls_in_its_own_dependencies_only() -> None:
    program = (
        "import sys; before = set(sys.modules); import tokensmith, tokensmith.testing;"
        "print(*sorted({name.partition('.')[0] for name in set(sys.modules) - before}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=True
    ).stdout.split()
    # grpc itself looks for the modules of its sister distributions.
    allowed = {"google", "tokensmith", "typing_extensions", "cython_runtime"}
    foreign = {
        name
        for name in set(loaded) - set(sys.stdlib_module_names) - allowed
        if not name.startswith(("grpc", "_"))
    }
    assert foreign == set()


def test_lower_bounds_are_what_the_generated_code_asks_for() -> None:
    project = tomllib.loads((CLIENT / "pyproject.toml").read_text())["project"]
    dependencies = set(project["dependencies"])
    generated = (CLIENT / "tokensmith" / "v1" / "chat_service_pb2_grpc.py").read_text()
    messages = (CLIENT / "tokensmith" / "v1" / "chat_service_pb2.py").read_text()
    assert "GRPC_GENERATED_VERSION = '1.80.0'" in generated
    assert "# Protobuf Python Version: 6.31.1" in messages
    assert {"grpcio>=1.80", "protobuf>=6.31.1"} <= dependencies


@pytest.mark.parametrize(
    ("target", "local"),
    [
        ("localhost:50051", True),
        ("127.0.0.1:50051", True),
        ("[::1]:50051", True),
        ("dns:///localhost:50051", True),
        ("ipv4:127.0.0.1:50051", True),
        ("unix:/run/tokensmith.sock", True),
        ("gateway:50051", False),
        ("dns:///gateway.internal:50051", False),
        ("localhost.example:50051", False),
        ("ipv4:127.0.0.1:50051,10.0.0.1:50051", False),
    ],
)
def test_only_this_machine_is_local(target: str, *, local: bool) -> None:
    assert is_local(target) is local


def test_credentials_without_tls_are_refused() -> None:
    with pytest.raises(ValueError, match="credentials need TLS"):
        open_channel("gateway:1", credentials=grpc.ssl_channel_credentials(), tls=False)


def test_keepalive_stays_above_what_servers_permit() -> None:
    options = dict(CHANNEL_OPTIONS)
    assert int(options["grpc.keepalive_time_ms"]) >= 60_000
    assert options["grpc.keepalive_permit_without_calls"] == 0
