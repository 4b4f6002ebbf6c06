"""What processes cost, from /proc, and on which CPUs they run. Linux only."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_LISTENING = "0A"  # TCP_LISTEN, as /proc/net/tcp spells it.
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except FileNotFoundError:
        return
    for child in children:
        yield from tree(int(child))


def cpu_seconds(roots: Iterable[int]) -> float:
    """CPU time, user and system, that the trees have used so far.

    It includes children that ended and were waited for, such as PostgreSQL's backends.
    """
    return sum(_ticks(pid) for root in roots for pid in tree(root)) / _TICKS_PER_SECOND


def _ticks(pid: int) -> int:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return 0
    # utime, stime, cutime, cstime; counted from behind the name, which may hold spaces.
    return sum(map(int, stat.rpartition(")")[2].split()[11:15]))


def resident_bytes(roots: Iterable[int]) -> int:
    """Resident memory of the trees; pages that processes share count in each."""
    return sum(_resident_kibibytes(pid) for root in roots for pid in tree(root)) * 1024


def _resident_kibibytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def split_cpus() -> tuple[set[int], set[int]]:
    """The CPU for the measured system, and the one for the load and the upstream.

    Both are all there are where there is only one.
    """
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        return set(allowed), set(allowed)
    return {allowed[0]}, {allowed[1]}


@contextmanager
def on_cpus(cpus: set[int]) -> Iterator[None]:
    """Processes that are started inside, and their children, run on these CPUs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def listening_port(pid: int) -> int | None:
    """The lowest TCP port that a process itself listens on; none while there is none."""
    inodes = set(_socket_inodes(pid))
    # gRPC listens on an IPv6 socket, for addresses of IPv4 too.
    tables = (Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))
    rows = (line.split() for table in tables for line in table.splitlines()[1:])
    ports = [
        int(row[1].rpartition(":")[2], 16)
        for row in rows
        if row[3] == _LISTENING and row[9] in inodes
    ]
    return min(ports, default=None)


def _socket_inodes(pid: int) -> Iterator[str]:
    for handle in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):
            target = os.readlink(handle)
            if target.startswith("socket:["):
                yield target[len("socket:[") : -1]
