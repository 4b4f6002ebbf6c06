"""A process that makes calls with a canary in the prompt, and logs for real to standard error.

``python -m tests.integration.server.log_canary json|console``; prints "ok" when every call ended
as it should.
"""

import asyncio
import sys

import grpc.aio

from tests.integration.server.rig import SECRET, ServerRig, open_server
from tests.support.chat import params
from tests.support.fake_provider import Answer, Script, batch, ending, failure
from tokensmith_server.logs import configure_logs
from tokensmith_server.providers.base import ErrorKind, Phase

CANARY = "the-canary-sings-at-midnight"


async def make_calls(rig: ServerRig) -> list[str]:
    """Good ones, bad ones and a defect that quotes a key; their statuses."""
    chat = params(f"Say {CANARY}", user=CANARY)
    rig.chat.provider.queue(
        Answer(CANARY),
        failure(ErrorKind.INVALID_REQUEST),
        RuntimeError(f"could not use {SECRET}"),
        Script([batch(CANARY), *ending()]),
        Script([batch(CANARY), failure(ErrorKind.CONNECTION, Phase.STREAMING)]),
    )
    statuses = []
    for kind in ("whole", "whole", "whole", "stream", "stream"):
        try:
            if kind == "whole":
                await rig.complete(params=chat)
            else:
                async for _ in rig.stream(params=chat):
                    pass
        except grpc.aio.AioRpcError as error:
            statuses.append(error.code().name)
        else:
            statuses.append("OK")
    return statuses


async def main(log_format: str) -> None:
    configure_logs(log_format, "debug")
    async with open_server("network") as rig:
        statuses = await make_calls(rig)
    assert statuses == ["OK", "INVALID_ARGUMENT", "INTERNAL", "OK", "UNAVAILABLE"], statuses
    sys.stdout.write("ok\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
