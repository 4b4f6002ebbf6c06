"""Child processes that never outlive this one, and say when they are ready.

A child gets a pipe as standard input and ends when that closes, so a killed parent leaves no
orphan. It prints one JSON line on standard output once it serves. A terminal's signals do not
reach it: the parent says when it is to end.
"""

import asyncio
import signal
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

_READY_SECONDS = 60.0
# From the end of a child's output to its own; killed before, it would have no exit code of its own.
_LAST_WORDS_SECONDS = 5.0


class ChildFailed(OSError):
    """A child ended, or stayed silent, before it was ready."""


class Child:
    """One running child process."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, ready: Any) -> None:
        self.name = name
        self.ready = ready
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    async def wait(self) -> int:
        """Wait until it ends; its exit code."""
        return await self._process.wait()

    async def stop(self, grace_seconds: float = 30.0) -> None:
        """Ask it to drain and wait; kill it when it takes longer than its grace."""
        if self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            async with asyncio.timeout(grace_seconds):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    def hurry(self) -> None:
        """Ask it to end at once, whether it was asked to drain before or not."""
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGQUIT)


async def start_child(
    name: str,
    module: str,
    arguments: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Child:
    """Start ``python -m module`` and wait for its JSON line.

    Raises:
        ChildFailed: it ended or stayed silent; its own words are on standard error.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", module, *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=dict(environment) if environment is not None else None,
        start_new_session=True,
    )
    assert process.stdout is not None  # noqa: S101 - asked for above
    try:
        async with asyncio.timeout(_READY_SECONDS):
            line = await process.stdout.readline()
    except TimeoutError:
        line = b""
    except asyncio.CancelledError:
        process.kill()
        raise
    if not line:
        code = await _ended(process)
        raise ChildFailed(f"the {name} did not start (exit code {code})")
    return Child(name, process, msgspec.json.decode(line))


async def _ended(process: asyncio.subprocess.Process) -> int:
    """The exit code of a child that closes its output, or says nothing; killed if it stays."""
    try:
        async with asyncio.timeout(_LAST_WORDS_SECONDS):
            return await process.wait()
    except TimeoutError:
        process.kill()
        return await process.wait()


async def stdin_closed() -> None:
    """In a child: wait until the parent is gone."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.read(4096):
        pass
