"""The generator notices what it is there to notice."""

import importlib.util
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "generate", ROOT / "clients" / "python" / "generate.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def protos(tmp_path: Path, generator: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Path:
    copy = tmp_path / "protos"
    shutil.copytree(ROOT / "protos", copy)
    monkeypatch.setattr(generator, "PROTOS", copy)
    monkeypatch.setattr(generator, "ROOT", tmp_path)
    return copy


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def git(folder: Path, *arguments: str) -> None:
    settings = ("-c", "user.name=t", "-c", "user.email=t@t.invalid", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *settings, *arguments], cwd=folder, check=True, capture_output=True)


def test_committed_code_is_what_the_protos_say(generator: ModuleType) -> None:
    assert generator.check() == []


def test_stale_missing_and_foreign_files_are_named_with_the_cure(
    generator: ModuleType, tmp_path: Path
) -> None:
    target = tmp_path / "v1"
    shutil.copytree(generator.CLIENT / generator.PACKAGE, target)
    (target / "usage_pb2.py").unlink()
    (target / "chat_service_pb2.pyi").write_text("stale")
    (target / "old_pb2.py").write_text("foreign")
    (problem,) = generator.check(target)
    assert "make generate" in problem
    for name in ("usage_pb2.py", "chat_service_pb2.pyi", "old_pb2.py"):
        assert name in problem

    generator.rewrite(target)

    assert generator.check(target) == []
    assert not (target / "old_pb2.py").exists()


def test_files_without_a_service_have_no_grpc_module(generator: ModuleType) -> None:
    folder = generator.CLIENT / generator.PACKAGE
    names = {path.name for path in folder.glob("*_pb2_grpc.py")}
    services = {f"{path.stem}_pb2_grpc.py" for path in ROOT.glob("protos/**/*_service.proto")}
    assert names == services


def test_other_tool_versions_are_refused(
    generator: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(generator, "TOOL_VERSIONS", {"grpcio-tools": "0.1"})
    assert generator.main(["--check"]) == 1
    assert "grpcio-tools==0.1" in capsys.readouterr().err


def test_protos_are_clean(generator: ModuleType) -> None:
    assert generator.lint() == []


def test_missing_comment_is_found(generator: ModuleType, protos: Path) -> None:
    edit(protos / "tokensmith/v1/usage.proto", "  // Tokens read, cached ones included.\n", "")
    assert "input_tokens" in "".join(generator.lint())


def test_odd_format_is_found(generator: ModuleType, protos: Path) -> None:
    edit(protos / "tokensmith/v1/usage.proto", "int64 input_tokens", "int64   input_tokens")
    assert "input_tokens" in "".join(generator.lint())


def test_breaking_change_since_the_newest_release_is_found(
    generator: ModuleType, protos: Path, tmp_path: Path
) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "protos")
    git(tmp_path, "commit", "--quiet", "--message", "first")
    git(tmp_path, "tag", "v0.9.0")
    git(tmp_path, "tag", "v0.10.0")
    git(tmp_path, "tag", "v1.0.0-rc1")
    assert generator.lint() == []

    edit(protos / "tokensmith/v1/usage.proto", "int64 output_tokens = 2;", "int64 tokens = 2;")

    assert "tokens" in "".join(generator.lint())
    git(tmp_path, "tag", "--delete", "v0.9.0", "v0.10.0")
    assert generator.lint() == []
