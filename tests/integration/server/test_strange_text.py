"""Whatever text a caller puts wherever it can: it is the caller's error, and nobody else's trouble.

PostgreSQL takes no NUL in any text, which is no reason to lose a connection, to try again, or to
call the ledger unavailable. Every string field of every method that is built is tried on a whole
server over both databases.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from pydantic import SecretStr

from tests.integration.server.rig import KEY, OPERATOR, OPERATOR_TOKEN, ServerRig, failure_of
from tests.integration.server.test_edge import BUILT, METHODS
from tests.support import postgres, sqlite
from tests.support.chat import params
from tests.support.fake_provider import FakeChatProvider
from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith.v1 import response_service_pb2 as response_pb
from tokensmith_gateway.cli.accounts import create_key
from tokensmith_gateway.inprocess import InProcessChannel, InProcessServer
from tokensmith_server.app import ServerApp, open_app
from tokensmith_server.billing.commands import GrantCredits
from tokensmith_server.config import ServerSettings
from tokensmith_server.rpc.layer import OPERATOR_PREFIX

Lines = list[MutableMapping[str, Any]]

DATABASES = {"sqlite": sqlite.fresh_database, "postgres": postgres.fresh_database}
STRANGE = (
    "\0",
    "\0req_1",
    "req_1\0",
    "a\nb",
    "'",
    '"',
    "\\",
    "{a,b}",
    '{"',
    "%00",
    "é",
    "\u2028",
    "\U0001f600",
    "\ufffe",
    "x" * 100_000,
)
# What strange text may end a call with.
CALLERS = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
}
TROUBLE = {"ledger.trouble", "ledger.write_refused", "storage.failed", "rpc.defect", "chat.defect"}


@dataclass
class Served:
    """A whole server on a database, with one customer who calls in-process."""

    app: ServerApp
    channel: Any
    account_id: str
    key: tuple[str, str]

    async def code_of(self, path: str, request: Message, *metadata: tuple[str, str]) -> Any:
        """The status that a call ends with."""
        method = METHODS[path]
        kind = "unary_stream" if method.server_streaming else "unary_unary"
        call = getattr(self.channel, kind)(
            path,
            request_serializer=type(request).SerializeToString,
            response_deserializer=method.output_type._concrete_class.FromString,
        )
        who = OPERATOR if path.startswith(OPERATOR_PREFIX) else self.key
        try:
            if method.server_streaming:
                async for _ in call(request, metadata=(who, *metadata), timeout=30.0):
                    pass
            else:
                await call(request, metadata=(who, *metadata), timeout=30.0)
        except grpc.aio.AioRpcError as error:
            return error.code()
        return grpc.StatusCode.OK


@pytest.fixture(params=list(DATABASES))
async def served(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Served]:
    with DATABASES[request.param]() as url:
        async with serving(url, tmp_path) as served:
            yield served
            report = await served.app.store.audit(now=4_000_000_000.0)
            assert report.violations == ()


@asynccontextmanager
async def serving(url: str, data_dir: Path) -> AsyncIterator[Served]:
    settings = ServerSettings(
        data_dir=data_dir,
        database_url=url,
        admin_token=SecretStr(OPERATOR_TOKEN),
    )
    provider = FakeChatProvider("openai")
    async with open_app(settings, providers={"openai": provider}) as app:
        account = await app.store.create_account("acct_1", "customer", 0.0)
        await app.store.grant_credits(GrantCredits("grant_1", "acct_1", 10**12, "test", 0.0))
        _, secret = await create_key(app.store, account, "test")
        server = InProcessServer((app.layers,))
        app.add_to(server)
        await server.start()
        channel = InProcessChannel(server)
        yield Served(app, channel, account.account_id, ("authorization", f"Bearer {secret}"))
        await channel.close()
        await server.stop(None)


def sound_request(path: str) -> Any:
    """A request that is in order, as far as one field can make it strange."""
    request: Any = METHODS[path].input_type._concrete_class()
    if "params" in request.DESCRIPTOR.fields_by_name:
        request.params.CopyFrom(params())
    elif path.endswith("/Estimate"):
        request.chat.CopyFrom(params())
    elif path.endswith("/SaveResponse"):
        request.response.CopyFrom(
            response_pb.StoredResponse(
                id="resp_1",
                model="gpt-5.4",
                state=response_pb.RESPONSE_STATE_COMPLETED,
                response_json=b"{}",
                input_items_json=b"[]",
            )
        )
    elif path.endswith("/InspectRequest"):
        request.account_id, request.id = "acct_1", "req_1"
    return request


def text_fields(message: Descriptor, depth: int = 2) -> Iterable[tuple[str, ...]]:
    """The way to every string of a message that is no list's, and to those of its parts."""
    for field in message.fields:
        if field.is_repeated:
            continue
        if field.type == FieldDescriptor.TYPE_STRING:
            yield (field.name,)
        elif field.message_type is not None and depth > 1:
            for rest in text_fields(field.message_type, depth - 1):
                yield (field.name, *rest)


CASES = [
    (path, ".".join(way))
    for path in sorted(BUILT)
    for way in text_fields(METHODS[path].input_type)
    # Another kind of call to price, which is not built.
    if way[0] not in {"image", "image_edit", "video", "motion_control"}
]


def with_text(path: str, field: str, text: str) -> Any:
    request = sound_request(path)
    *parts, name = field.split(".")
    holder = request
    for part in parts:
        holder = getattr(holder, part)
    setattr(holder, name, text)
    return request


async def test_strange_text_in_any_field_is_the_callers_error(
    served: Served, logged: Lines
) -> None:
    wrong: dict[str, str] = {}
    for path, field in CASES:
        for text in STRANGE:
            code = await served.code_of(path, with_text(path, field, text))
            if code not in CALLERS:
                wrong[f"{path} {field} {text[:10]!r}"] = code.name
    assert wrong == {}
    assert [line for line in logged if line["event"] in TROUBLE] == []


async def test_strange_idempotency_keys_are_refused_beside_calls_that_go_on(
    served: Served, logged: Lines
) -> None:
    chat = "/tokensmith.v1.ChatService/"
    strange = [
        served.code_of(chat + name, request(params=params(), request_id=f"\0{number}"))
        for number in range(8)
        for name, request in (
            ("CreateChatCompletion", chat_pb.CreateChatCompletionRequest),
            ("StreamChatCompletion", chat_pb.StreamChatCompletionRequest),
        )
    ]
    plain = [
        served.code_of(
            chat + "CreateChatCompletion",
            chat_pb.CreateChatCompletionRequest(params=params(), request_id=f"key-{number}"),
        )
        for number in range(16)
    ]
    codes = await asyncio.gather(*strange, *plain)
    assert set(codes[:16]) == {grpc.StatusCode.INVALID_ARGUMENT}
    assert set(codes[16:]) == {grpc.StatusCode.OK}
    assert [line for line in logged if line["event"] in TROUBLE] == []


async def test_strange_metadata_changes_nothing(served: Served) -> None:
    path = "/tokensmith.v1.ChatService/CreateChatCompletion"
    request = chat_pb.CreateChatCompletionRequest(params=params())
    for name in ("x-request-id", "x-stainless-retry-count", "traceparent", "user-agent", "x-y"):
        for text in ("'", '{"', "%00", "\\", "9" * 40, "~" * 4_000):
            assert await served.code_of(path, request, (name, text)) is grpc.StatusCode.OK


@pytest.mark.parametrize("text", ["\0", "a\0b", "a\nb", "é", "x" * 256])
@pytest.mark.parametrize("how", ["complete", "stream"])
async def test_idempotency_key_is_printable_ascii(rig: ServerRig, how: str, text: str) -> None:
    told = await failure_of(getattr(rig, how)(request_id=text))
    assert (told.code, told.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_ARGUMENT")
    assert told.facts["param"] == "request_id"
    assert told.facts["allowed"] == "at most 255 printable ASCII characters"
    assert rig.chat.provider.calls == []
    assert rig.chat.journal == []


@pytest.mark.parametrize("text", ["", "a\0b", "a\nb", "é", "x" * 129])
async def test_request_that_cannot_be_is_not_found(rig: ServerRig, text: str) -> None:
    request = billing_pb.GetRequestRequest(id=text)
    told = await failure_of(rig.billing.GetRequest(request, metadata=(KEY,)))
    assert (told.code, told.reason) == (grpc.StatusCode.NOT_FOUND, "REQUEST_NOT_FOUND")
    assert told.facts["resource"] == text


@pytest.mark.parametrize("field", ["model", "key_id"])
@pytest.mark.parametrize("text", ["a\0b", "a\nb", "é", "x" * 256])
async def test_filter_that_nothing_can_pass_is_refused_by_name(
    rig: ServerRig, field: str, text: str
) -> None:
    fields: dict[str, Any] = {field: text}
    request = billing_pb.ListRequestsRequest(**fields)
    told = await failure_of(rig.billing.ListRequests(request, metadata=(KEY,)))
    assert (told.code, told.facts["param"]) == (grpc.StatusCode.INVALID_ARGUMENT, field)
