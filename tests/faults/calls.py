"""Calls of each kind that are under way while something happens to the gateway."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import openai

from tests.support.books import Customer
from tests.support.installations import Installation
from tests.support.processes import Simulator
from tests.support.waiting import eventually
from tokensmith.errors import TokensmithError, error_from_rpc
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import chat_service_pb2_grpc as chat_grpc

MODEL = "gpt-5.4-nano"
SLOW = "[[sim:pace=150]]"
HANGING = "[[sim:fault=hang]]"
_CALL_SECONDS = 60.0


@dataclass
class Told:
    """What came of a call: how many pieces, and the error."""

    pieces: int = 0
    error: Any = None


@dataclass
class Calls:
    """Calls under way, each in a thread of its own."""

    installation: Installation
    simulator: Simulator
    customer: Customer
    threads: ThreadPoolExecutor
    told: dict[str, Told] = field(default_factory=dict)
    ends: "dict[str, Future[None]]" = field(default_factory=dict)

    def begin(self, name: str, ask: "Ask", directive: str) -> None:
        """Make a call, and wait until it is under way: a stream, until its first piece is here."""
        marker = f"{self.customer.name}-{name}"
        told = self.told[name] = Told()
        prompt = f"Write 300 words. {marker} {directive}"
        self.ends[name] = self.threads.submit(ask, self, told, prompt)
        self.simulator.wait_for_call(marker)
        if directive == SLOW:
            eventually(lambda: told.pieces, "its first piece")

    def is_under_way(self, name: str) -> bool:
        return not self.ends[name].done()

    def outcome(self, name: str) -> Told:
        self.ends[name].result(_CALL_SECONDS)
        return self.told[name]

    def openai(self) -> openai.OpenAI:
        return openai.OpenAI(
            base_url=self.installation.base_url, api_key=self.customer.key, max_retries=0
        )

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        return (("authorization", f"Bearer {self.customer.key}"),)


Ask = Callable[[Calls, Told, str], None]


def rest_stream(calls: Calls, told: Told, prompt: str) -> None:
    with calls.openai() as client:
        try:
            with client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": prompt}], stream=True
            ) as stream:
                for _ in stream:
                    told.pieces += 1
        except openai.APIError as error:
            told.error = error


def rest_whole(calls: Calls, told: Told, prompt: str) -> None:
    with calls.openai() as client:
        try:
            client.chat.completions.create(
                model=MODEL, messages=[{"role": "user", "content": prompt}]
            )
            told.pieces = 1
        except openai.APIError as error:
            told.error = error


def params(prompt: str) -> chat_pb.ChatCompletionParams:
    message = chat_pb.ChatMessage(
        role=chat_pb.CHAT_ROLE_USER, content=chat_pb.ChatContent(text=prompt)
    )
    return chat_pb.ChatCompletionParams(model=MODEL, messages=[message])


def grpc_stream(calls: Calls, told: Told, prompt: str) -> None:
    with grpc.insecure_channel(calls.installation.grpc) as channel:
        stub: Any = chat_grpc.ChatServiceStub(channel)
        try:
            for _ in stub.StreamChatCompletion(
                chat_pb.StreamChatCompletionRequest(params=params(prompt)),
                metadata=calls.metadata,
                timeout=_CALL_SECONDS,
            ):
                told.pieces += 1
        except grpc.RpcError as error:
            told.error = _typed(error)


def grpc_whole(calls: Calls, told: Told, prompt: str) -> None:
    with grpc.insecure_channel(calls.installation.grpc) as channel:
        stub: Any = chat_grpc.ChatServiceStub(channel)
        try:
            stub.CreateChatCompletion(
                chat_pb.CreateChatCompletionRequest(params=params(prompt)),
                metadata=calls.metadata,
                timeout=_CALL_SECONDS,
            )
            told.pieces = 1
        except grpc.RpcError as error:
            told.error = _typed(error)


def _typed(error: Any) -> TokensmithError:
    return error_from_rpc(error)


@contextmanager
def calls_to(
    installation: Installation, simulator: Simulator, customer: Customer
) -> Iterator[Calls]:
    with ThreadPoolExecutor(8) as threads:
        yield Calls(installation, simulator, customer, threads)
