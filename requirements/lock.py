"""Write the lock files: exact versions and hashes for every platform, and no index address."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MEMBERS = (
    "tokensmith",
    "tokensmith-server",
    "tokensmith-bridge",
    "tokensmith-gateway",
    "tokensmith-simulator",
)
MEMBERS_FILE = "requirements/members.in"
HEADER = (
    "# Made by `make lock`. Exact versions and hashes; the members themselves are not listed.\n"
)


def lock(target: str, group: str, *inputs: str, constraints: tuple[str, ...] = ()) -> None:
    """Resolve one dependency group, plus the ``inputs``, into ``requirements/<target>``."""
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "--quiet"),
        *("--universal", "--python-version", "3.11", "--generate-hashes"),
        *("--no-emit-index-url", "--no-emit-find-links", "--no-header", "--no-annotate"),
        *(argument for member in MEMBERS for argument in ("--no-emit-package", member)),
        *(argument for file in constraints for argument in ("--constraint", file)),
        *("--group", group, *inputs, "--output-file", f"requirements/{target}"),
    ]
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603
    path = ROOT / "requirements" / target
    path.write_text(HEADER + path.read_text(encoding="utf-8"), encoding="utf-8")


if __name__ == "__main__":
    lock("dev.txt", "dev", MEMBERS_FILE)
    # Constrained by the wider file, so that a package has one version in both.
    lock("runtime.txt", "build", MEMBERS_FILE, constraints=("requirements/dev.txt",))
    lock("interop.txt", "interop")
