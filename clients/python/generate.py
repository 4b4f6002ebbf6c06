"""Makes ``tokensmith/v1`` from ``protos/``, and checks both. Nothing else writes there.

    python generate.py            rewrite the generated code
    python generate.py --check    fail when it isn't what the protos say
    python generate.py --lint     buf: lint, format, and breaking changes since the newest release

The output depends on the tools' versions, so they are pinned here and refused otherwise. The
googleapis protos come out of the ``googleapis-common-protos`` wheel; nothing is downloaded.
"""

import argparse
import io
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Final

CLIENT: Final = Path(__file__).resolve().parent
ROOT: Final = CLIENT.parents[1]
PROTOS: Final = ROOT / "protos"
PACKAGE: Final = Path("tokensmith/v1")

# grpcio-tools is the oldest that we support: generated code refuses older runtimes than its own.
TOOL_VERSIONS: Final = {"grpcio-tools": "1.80.0", "mypy-protobuf": "5.1.0"}
GOOGLEAPIS: Final = "googleapis-common-protos"
RELEASE_TAG: Final = re.compile(r"v\d+\.\d+\.\d+")
INIT: Final = '"""Generated from ``protos/tokensmith/v1`` by ``generate.py``. Do not edit."""\n'


class GenerationError(Exception):
    """The tools are missing, have other versions than the pinned ones, or failed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0 all well, 1 not."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="compare, change nothing")
    parser.add_argument("--lint", action="store_true", help="check the protos with buf")
    options = parser.parse_args(arguments)
    try:
        problems = [
            *(lint() if options.lint else ()),
            *(check() if options.check else ()),
        ]
        if not (options.lint or options.check):
            rewrite(CLIENT / PACKAGE)
    except GenerationError as error:
        problems = [str(error)]
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    return 1 if problems else 0


def rewrite(target: Path) -> None:
    """Make ``target`` hold the generated code and nothing else.

    Files are replaced one by one and only when they differ, so that a program that imports them
    meanwhile never finds the folder empty.

    Raises:
        GenerationError: as for ``generate``.
    """
    with tempfile.TemporaryDirectory() as scratch:
        fresh = generate(Path(scratch))
        target.mkdir(parents=True, exist_ok=True)
        for name in sorted(difference(fresh, target)):
            if (fresh / name).exists():
                shutil.copyfile(fresh / name, target / name)
            else:
                (target / name).unlink()


def check(target: Path = CLIENT / PACKAGE) -> list[str]:
    """What is wrong with the generated code in ``target``, with the command that mends it.

    Raises:
        GenerationError: as for ``generate``.
    """
    with tempfile.TemporaryDirectory() as scratch:
        differing = difference(generate(Path(scratch)), target)
    if not differing:
        return []
    names = ", ".join(sorted(differing))
    return [f"Generated code is not what protos/ says ({names}). Run: make generate"]


def difference(fresh: Path, target: Path) -> set[str]:
    """Names of files that are in only one of two folders, or differ."""
    names = {path.name for folder in (fresh, target) for path in _files(folder)}
    return {name for name in names if _content(fresh / name) != _content(target / name)}


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.glob("*") if path.is_file()) if folder.exists() else iter(())


def _content(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


def generate(scratch: Path, protos: Path = PROTOS) -> Path:
    """Generate everything below ``scratch``; returns the package folder.

    Files without a service get no ``_grpc`` modules.

    Raises:
        GenerationError: a tool has another version than the pinned one, or protoc failed.
    """
    _check_tool_versions()
    # Only after its version was checked: another one may not even import.
    from grpc_tools import protoc  # type: ignore[import-untyped]  # noqa: PLC0415

    sources = sorted(path.relative_to(protos).as_posix() for path in protos.rglob("*.proto"))
    plugin = _script("protoc-gen-mypy_grpc")
    status = protoc.main(
        [
            "protoc",
            f"--proto_path={protos}",
            f"--proto_path={_googleapis_root()}",
            f"--proto_path={Path(protoc.__file__).parent / '_proto'}",
            f"--plugin=protoc-gen-mypy_grpc={plugin}",
            f"--python_out={scratch}",
            f"--pyi_out={scratch}",
            f"--grpc_python_out={scratch}",
            # Concrete servicers: a method that is not built yet answers UNIMPLEMENTED by itself.
            f"--mypy_grpc_out=quiet,generate_concrete_servicer_stubs:{scratch}",
            *sources,
        ]
    )
    if status != 0:
        raise GenerationError(f"protoc failed with status {status}")
    package = scratch / PACKAGE
    for source in sources:
        if not re.search(r"^service ", (protos / source).read_text(), re.MULTILINE):
            for suffix in ("_pb2_grpc.py", "_pb2_grpc.pyi"):
                (package / (Path(source).stem + suffix)).unlink(missing_ok=True)
    (package / "__init__.py").write_text(INIT)
    return package


def _check_tool_versions() -> None:
    for tool, pinned in TOOL_VERSIONS.items():
        try:
            found = metadata.version(tool)
        except metadata.PackageNotFoundError:
            found = "absent"
        if found != pinned:
            raise GenerationError(
                f"{tool} is {found}, but the generated code is made with {pinned}."
                f" Run: pip install {tool}=={pinned}"
            )


def _script(name: str) -> Path:
    path = Path(sysconfig.get_path("scripts")) / name
    if not path.exists():
        raise GenerationError(f"{name} is not installed beside {sys.executable}. Run: make check")
    return path


def _googleapis_root() -> Path:
    return Path(str(metadata.distribution(GOOGLEAPIS).locate_file("")))


def lint() -> list[str]:
    """What buf finds in the protos: lint, format, and breaking changes since the last release.

    Raises:
        GenerationError: buf is not installed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        current = _workspace(Path(scratch) / "current", PROTOS)
        findings = [
            _buf("lint", "protos", cwd=current),
            _buf("format", "--diff", "--exit-code", str(PROTOS), cwd=ROOT),
        ]
        released = _released_protos(Path(scratch) / "released")
        if released is not None:
            against = _workspace(Path(scratch) / "against", released)
            findings.append(
                _buf("breaking", "protos", "--against", str(against / "protos"), cwd=current)
            )
    return [finding for finding in findings if finding]


def _workspace(folder: Path, protos: Path) -> Path:
    """Make a buf workspace of our protos and those of googleapis, which buf can't find itself.

    The settings are those of ``protos/buf.yaml``, whichever protos are looked at.
    """
    shutil.copytree(protos, folder / "protos", ignore=shutil.ignore_patterns("buf.yaml"))
    files = metadata.files(GOOGLEAPIS) or []
    for file in files:
        if file.suffix == ".proto":
            target = folder / "googleapis" / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(str(file.locate())), target)
    settings = (PROTOS / "buf.yaml").read_text()
    modules = "modules:\n  - path: .\n"
    if modules not in settings:
        raise GenerationError("protos/buf.yaml no longer names its one module as '.'")
    both = "modules:\n  - path: protos\n  - path: googleapis\n"
    (folder / "buf.yaml").write_text(settings.replace(modules, both))
    return folder


def _buf(*arguments: str, cwd: Path) -> str:
    """Run buf; returns what it found, or nothing."""
    done = subprocess.run(  # noqa: S603 - a fixed program with our own paths
        [_script("buf"), *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else (done.stdout + done.stderr).strip()


def _released_protos(folder: Path) -> Path | None:
    """The protos of the newest release tag; ``None`` where there is no tag or no repository."""
    tags = _git("tag", "--list", "v*", "--sort=-version:refname").decode().split()
    for tag in filter(RELEASE_TAG.fullmatch, tags):
        archive = _git("archive", "--format=tar", tag, "protos")
        if archive:
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                tar.extractall(folder, filter="data")
            return folder / "protos"
    return None


def _git(*arguments: str) -> bytes:
    git = shutil.which("git")
    if git is None:
        return b""
    done = subprocess.run(  # noqa: S603 - a fixed program with our own arguments
        [git, "-C", str(ROOT), *arguments], capture_output=True, check=False
    )
    return done.stdout if done.returncode == 0 else b""


if __name__ == "__main__":
    raise SystemExit(main())
