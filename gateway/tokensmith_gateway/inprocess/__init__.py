"""A gRPC channel between a stub and a servicer of the same process: no socket, no copy.

`InProcessServer` takes servicers and interceptors as `grpc.aio.Server` does; `InProcessChannel`
is the `grpc.aio.Channel` that generated stubs call them through. The contract suite in
`tests/contract/channel` runs against this pair and against a network pair.
"""

from tokensmith_gateway.inprocess.channel import InProcessChannel
from tokensmith_gateway.inprocess.context import InProcessServicerContext
from tokensmith_gateway.inprocess.server import InProcessServer

__all__ = ["InProcessChannel", "InProcessServer", "InProcessServicerContext"]
