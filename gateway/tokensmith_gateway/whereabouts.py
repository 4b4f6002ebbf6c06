"""``<data dir>/gateway.json``: where a running ``tokensmith up`` serves, for scripts and tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec


class Whereabouts(msgspec.Struct, frozen=True):
    """The addresses of one running gateway.

    Attributes:
        pid: The process that was started; the file is stale when there is no such process.
        rest: Host and port of the REST bridge.
        grpc: Host and port of the gRPC server.
        public_url: What people use to reach the bridge.
        simulator: Address of the upstream simulator, if it stands in for a provider.
    """

    pid: int
    rest: str
    grpc: str
    public_url: str
    simulator: str | None


def whereabouts_path(data_dir: Path) -> Path:
    """Where the file of a data directory is."""
    return data_dir / "gateway.json"


@contextmanager
def announced(data_dir: Path) -> Iterator["Announcement"]:
    """Removes what was announced when the block ends, if it is still there and ours."""
    announcement = Announcement(whereabouts_path(data_dir))
    try:
        yield announcement
    finally:
        announcement.withdraw()


class Announcement:
    """Writes the file whole, so that a reader never sees a part of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._written: Whereabouts | None = None

    def publish(self, whereabouts: Whereabouts) -> None:
        """Say where this process serves.

        Raises:
            OSError: the file can't be written.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        draft.write_bytes(msgspec.json.encode(whereabouts) + b"\n")
        draft.replace(self._path)
        self._written = whereabouts

    def withdraw(self) -> None:
        """Remove the file, unless another gateway has written its own meanwhile."""
        if self._written is not None and read_whereabouts(self._path.parent) == self._written:
            with suppress(FileNotFoundError):
                self._path.unlink()


def read_whereabouts(data_dir: Path) -> Whereabouts | None:
    """What the file says; ``None`` when there is none, or none that can be read."""
    try:
        return msgspec.json.decode(whereabouts_path(data_dir).read_bytes(), type=Whereabouts)
    except (OSError, msgspec.DecodeError):
        return None
