"""The load: callers in a closed loop, each on a connection of its own that it keeps.

Every answer is read to its end and checked: status 200, a whole body, all pieces of a stream and
its ``[DONE]``. Run as ``python -m benchmarks.endtoend.load``: a ``LoadSpec`` in JSON on standard
input, a ``LoadResult`` on standard output. The measured system's CPU time is read here, so that it
spans exactly the time in which answers are counted.
"""

import asyncio
import sys
import time
from collections.abc import Awaitable
from typing import Literal, cast

import msgspec
import uvloop

from benchmarks.endtoend.http1 import Answer, AnswerReader
from benchmarks.endtoend.messages import CHUNKS, DONE, MODEL, PATH, request_body
from benchmarks.endtoend.procfs import cpu_seconds

Kind = Literal["unary", "stream"]


class LoadSpec(msgspec.Struct, frozen=True):
    """What to send, and how long: for ``seconds`` after a warm-up, or ``requests`` in all."""

    port: int
    kind: Kind
    connections: int
    keys: list[str]
    # Roots of the process trees whose CPU time counts.
    pids: list[int]
    model: str = MODEL
    warm_up_seconds: float = 0.0
    seconds: float = 0.0
    requests: int = 0


class LoadResult(msgspec.Struct, frozen=True):
    """What came back. Latencies are from the request's write to the answer's last byte."""

    requests: int
    seconds: float
    cpu_seconds: float
    p50_milliseconds: float
    p99_milliseconds: float


class LoadFailed(Exception):
    """An answer was not what it must be."""


class Load:
    """One run: what its callers share."""

    def __init__(self, spec: LoadSpec) -> None:
        self.spec = spec
        body = request_body(spec.model, stream=spec.kind == "stream")
        self._requests = [_request(key, body) for key in spec.keys]
        self._sent = 0
        self.latencies: list[float] = []
        self.stopping = False
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.drained = asyncio.Event()

    def next_request(self) -> bytes | None:
        """The next request, keys in turn; none once the run ends."""
        if self.stopping or (self.spec.requests and self._sent >= self.spec.requests):
            return None
        self._sent += 1
        return self._requests[self._sent % len(self._requests)]

    def check(self, answer: Answer) -> None:
        """Look whether an answer is what it must be.

        Raises:
            LoadFailed: it is not; names what came instead.
        """
        status, body = answer
        if self.spec.kind == "unary":
            good = status == 200 and b'"choices"' in body
        else:
            good = status == 200 and body.endswith(DONE) and body.count(b"data: ") > CHUNKS
        if not good:
            raise LoadFailed(f"{status} {body[:500]!r} ... {body[-200:]!r}")

    def fail(self, error: Exception) -> None:
        """End the run with an error, the first one."""
        if not self.failed.done():
            self.failed.set_exception(error)


def _request(key: str, body: bytes) -> bytes:
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Caller(asyncio.Protocol):
    """One connection: a request, its answer, the next request."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._reader = AnswerReader()
        self._sent_time = 0.0
        self._transport: asyncio.Transport | None = None
        self.done = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        """Read on; with a whole answer, count it and go on to the next request."""
        try:
            answer = self._reader.feed(data)
            if answer is None:
                return
            self._load.check(answer)
        except (ValueError, LoadFailed) as error:
            self._load.fail(error)
            return
        self._load.latencies.append(time.perf_counter() - self._sent_time)
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody but us may close."""
        if not self.done.done():
            self._load.fail(LoadFailed(f"connection lost: {exc}"))

    def _send(self) -> None:
        transport = self._transport
        assert transport is not None
        request = self._load.next_request()
        if request is None:
            self.done.set_result(None)
            transport.close()
            return
        self._sent_time = time.perf_counter()
        transport.write(request)


async def run(spec: LoadSpec) -> LoadResult:
    """Carry out a run.

    Raises:
        LoadFailed, ValueError: an answer was not what it must be, or a connection broke.
    """
    load = Load(spec)
    loop = asyncio.get_running_loop()
    callers = []
    for _ in range(spec.connections):
        _, caller = await loop.create_connection(lambda: Caller(load), "127.0.0.1", spec.port)
        callers.append(caller)
    all_done = asyncio.gather(*(caller.done for caller in callers))
    await _while_good(load, asyncio.sleep(spec.warm_up_seconds))
    load.latencies.clear()
    started, cpu_before = time.perf_counter(), cpu_seconds(spec.pids)
    await _while_good(load, asyncio.sleep(spec.seconds) if spec.seconds else all_done)
    cpu, seconds = cpu_seconds(spec.pids) - cpu_before, time.perf_counter() - started
    latencies = sorted(load.latencies)
    load.stopping = True
    await _while_good(load, all_done)
    return LoadResult(
        requests=len(latencies),
        seconds=seconds,
        cpu_seconds=cpu,
        p50_milliseconds=latencies[len(latencies) // 2] * 1000,
        p99_milliseconds=latencies[len(latencies) * 99 // 100] * 1000,
    )


async def _while_good(load: Load, awaitable: Awaitable[object]) -> None:
    waited = asyncio.ensure_future(awaitable)
    await asyncio.wait((waited, load.failed), return_when=asyncio.FIRST_COMPLETED)
    if load.failed.done():
        load.failed.result()


def main() -> None:
    spec = msgspec.json.decode(sys.stdin.buffer.read(), type=LoadSpec)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(run(spec))))


if __name__ == "__main__":
    main()
