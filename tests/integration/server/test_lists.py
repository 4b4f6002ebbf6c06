"""An account's calls, holds, entries and key over gRPC."""

from typing import Any

import pytest

from tests.integration.server.rig import KEY, SECRET, ServerRig, failure_of, open_server
from tests.support.chat import params
from tests.support.fake_provider import failure
from tokensmith.v1 import billing_service_pb2 as billing_pb
from tokensmith.v1 import model_service_pb2 as model_pb
from tokensmith.v1 import usage_pb2
from tokensmith_server.providers.base import ErrorKind

LISTS = ("ListRequests", "ListHolds", "ListEntries")


def ask(rig: ServerRig, method: str, **fields: Any) -> Any:
    request = getattr(billing_pb, f"{method}Request")(**fields)
    return getattr(rig.billing, method)(request, metadata=(KEY,))


async def pages(rig: ServerRig, method: str, field: str, **fields: Any) -> list[Any]:
    """Everything, page by page."""
    found: list[Any] = []
    token = ""
    while True:
        page = await ask(rig, method, page_token=token, **fields)
        found += getattr(page, field)
        token = page.next_page_token
        if not token:
            return found


async def calls(rig: ServerRig) -> list[str]:
    """Three calls: two of them served, one not; the ids, newest first."""
    await rig.complete(("x-request-id", "req_1"))
    await rig.complete(("x-request-id", "req_2"), params=params(model="gpt-5.4"))
    rig.chat.provider.queue(failure(ErrorKind.INVALID_REQUEST))
    await failure_of(rig.complete(("x-request-id", "req_3")))
    return ["req_3", "req_2", "req_1"]


async def test_calls_are_listed_as_their_receipts_say() -> None:
    async with open_server("inprocess") as rig:
        ids = await calls(rig)
        listed = await pages(rig, "ListRequests", "requests", page_size=2)
        assert [record.id for record in listed] == ids
        for record in listed:
            receipt = await ask(rig, "GetRequest", id=record.id)
            assert receipt.request == record
        assert listed[1].price_lines


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({"model": "gpt-5.4"}, ["req_2"]),
        ({"kind": model_pb.MODEL_KIND_TEXT}, ["req_3", "req_2", "req_1"]),
        ({"kind": model_pb.MODEL_KIND_IMAGE}, []),
        ({"key_id": "key-1"}, ["req_3", "req_2", "req_1"]),
        ({"key_id": "key-2"}, []),
        ({"outcome": usage_pb2.OUTCOME_DELIVERED}, ["req_2", "req_1"]),
        ({"outcome": usage_pb2.OUTCOME_DELIVERED, "model": "gpt-5.4"}, ["req_2"]),
        ({"state": billing_pb.Hold.STATE_VOIDED}, ["req_3"]),
        ({"state": billing_pb.Hold.STATE_HELD}, []),
        ({"start_time": {"seconds": 4_000_000_000}}, []),
        ({"end_time": {"seconds": 1}}, []),
        ({"start_time": {"seconds": 1}}, ["req_3", "req_2", "req_1"]),
    ],
)
async def test_calls_are_filtered(fields: dict[str, Any], wanted: list[str]) -> None:
    async with open_server("inprocess") as rig:
        await calls(rig)
        listed = await pages(rig, "ListRequests", "requests", **fields)
        assert [record.id for record in listed] == wanted


async def test_calls_are_found_by_every_name_of_their_model() -> None:
    dated = "gpt-5.4-mini-2026-03-17"
    async with open_server("inprocess") as rig:
        await rig.complete(("x-request-id", "req_1"), params=params(model=dated))
        await rig.complete(("x-request-id", "req_2"), params=params(model="gpt-5.4-mini"))
        await rig.complete(("x-request-id", "req_3"), params=params(model="gpt-5.4"))
        for name in (dated, "gpt-5.4-mini"):
            listed = await pages(rig, "ListRequests", "requests", model=name)
            assert [record.id for record in listed] == ["req_2", "req_1"]
            assert {record.model for record in listed} == {"gpt-5.4-mini"}


async def test_holds_and_entries_are_those_of_the_calls() -> None:
    async with open_server("inprocess") as rig:
        ids = await calls(rig)
        holds = await pages(rig, "ListHolds", "holds", page_size=1)
        assert [hold.log_request_id for hold in holds] == ids
        voided = await pages(rig, "ListHolds", "holds", state=billing_pb.Hold.STATE_VOIDED)
        assert [hold.log_request_id for hold in voided] == ["req_3"]

        entries = await pages(rig, "ListEntries", "entries", page_size=3)
        kinds = [billing_pb.Entry.Kind.Name(entry.kind) for entry in entries]
        assert kinds == [
            "KIND_VOID",
            "KIND_HOLD",
            "KIND_SETTLE",
            "KIND_HOLD",
            "KIND_SETTLE",
            "KIND_HOLD",
            "KIND_GRANT",
        ]
        assert entries[-1].description == "for the test"
        assert (entries[2].log_request_id, entries[2].description) == ("req_2", "gpt-5.4")
        assert len({entry.id for entry in entries}) == len(entries)
        assert all(entry.id.startswith("entry_") for entry in entries)
        balance = (await ask(rig, "GetBalance")).balance
        assert sum(entry.available_delta_microcredits for entry in entries) == (
            balance.available_microcredits
        )
        settled = await pages(rig, "ListEntries", "entries", kind=billing_pb.Entry.KIND_SETTLE)
        assert sum(entry.charged_delta_microcredits for entry in settled) == (
            balance.charged_microcredits
        )


@pytest.mark.parametrize("method", LISTS)
@pytest.mark.parametrize(
    "token", ["x", "0", "requests:5", "é", "9" * 5_000, "cmVxdWVzdHM6LTE", "b3RoZXI6NQ", "===="]
)
async def test_token_of_another_list_or_of_none_is_refused(method: str, token: str) -> None:
    async with open_server("inprocess") as rig:
        told = await failure_of(ask(rig, method, page_token=token))
        assert (told.reason, told.facts["param"]) == ("INVALID_ARGUMENT", "page_token")


async def test_token_says_nothing_about_another_list() -> None:
    async with open_server("inprocess") as rig:
        await calls(rig)
        token = (await ask(rig, "ListRequests", page_size=1)).next_page_token
        told = await failure_of(ask(rig, "ListEntries", page_token=token))
        assert told.facts["param"] == "page_token"


@pytest.mark.parametrize(
    ("method", "fields", "param"),
    [
        ("ListRequests", {"page_size": -1}, "page_size"),
        ("ListHolds", {"page_size": -1}, "page_size"),
        ("ListEntries", {"page_size": -1}, "page_size"),
        ("ListRequests", {"kind": 99}, "kind"),
        ("ListRequests", {"state": 99}, "state"),
        ("ListRequests", {"outcome": 99}, "outcome"),
        ("ListHolds", {"state": 99}, "state"),
        ("ListEntries", {"kind": 99}, "kind"),
        ("ListRequests", {"start_time": {"seconds": 2**62}}, "start_time"),
        ("ListEntries", {"end_time": {"seconds": 5, "nanos": -1}}, "end_time"),
    ],
)
async def test_list_that_cannot_be_is_refused_by_its_field(
    method: str, fields: dict[str, Any], param: str
) -> None:
    async with open_server("inprocess") as rig:
        told = await failure_of(ask(rig, method, **fields))
        assert (told.reason, told.facts["param"]) == ("INVALID_ARGUMENT", param)


async def test_page_has_two_hundred_items_at_most() -> None:
    async with open_server("inprocess") as rig:
        for _ in range(201):
            await rig.complete()
        assert len((await ask(rig, "ListRequests")).requests) == 50
        assert len((await ask(rig, "ListRequests", page_size=1_000)).requests) == 200
        assert len(await pages(rig, "ListRequests", "requests", page_size=1_000)) == 201


async def test_key_of_the_call_is_described_without_its_secret() -> None:
    async with open_server("inprocess") as rig:
        told = await ask(rig, "GetCurrentKey")
        assert (told.key.id, told.account_id) == ("key-1", "account-1")
        assert told.account_display_name == "demo"
        assert told.key.hint == f"pk_live_...{SECRET[-4:]}"
        assert told.key.HasField("last_use_time")
        assert not told.key.HasField("revoke_time")
        assert SECRET not in str(told)
