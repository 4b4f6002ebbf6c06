from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from tests.simulator.wire import KEY, Caller, user
from tokensmith_simulator.config import SimulatorConfig
from tokensmith_simulator.testing import RunningSimulator, running_simulator

MODEL = "gpt-5.4-mini"


@pytest.fixture
async def control(simulator: RunningSimulator) -> AsyncIterator[ClientSession]:
    async with ClientSession(base_url=simulator.origin) as opened:
        yield opened


async def test_journal_tells_what_was_asked_and_answered(
    simulator: RunningSimulator, openai_api: Caller, control: ClientSession
) -> None:
    answered = await openai_api.chat(model=MODEL, messages=user("Hi"))
    async with control.get("/_control/journal") as response:
        (entry,) = (await response.json())["entries"]
    assert entry["provider"] == "openai"
    assert entry["model"] == MODEL
    assert entry["body"] == {"model": MODEL, "messages": user("Hi")}
    assert entry["sent"] == answered.raw.decode()
    assert entry["request_id"] == answered.headers["x-request-id"]
    assert entry["usage"] == answered.body["usage"]
    assert entry["billed_usage"] == {
        "prompt_tokens": answered.body["usage"]["prompt_tokens"],
        "output_tokens": answered.body["usage"]["completion_tokens"],
    }
    assert entry["outcome"] == "answered"
    assert "authorization" in entry["header_names"]
    assert KEY not in str(entry)


async def test_journal_bills_reasoning_that_xai_counts_apart(
    simulator: RunningSimulator, xai_api: Caller
) -> None:
    answered = await xai_api.chat(
        model="grok-4.20-0309-reasoning", messages=user("Hi"), stream=True
    )
    assert answered.status == 200
    (entry,) = simulator.journal.entries()
    assert entry.usage is None  # It was not asked for, and is not sent; it is billed all the same.
    assert entry.billed_usage is not None
    assert entry.billed_usage["output_tokens"] > 96
    assert entry.sent_chunks == entry.planned_chunks


async def test_refusals_are_in_the_journal(simulator: RunningSimulator, openai_api: Caller) -> None:
    await openai_api.chat(model=MODEL, messages=[])
    (entry,) = simulator.journal.entries()
    assert (entry.outcome, entry.status, entry.billed_usage) == ("refused", 400, None)
    assert entry.error is not None


async def test_journal_is_filtered_limited_and_cleared(
    simulator: RunningSimulator, openai_api: Caller, xai_api: Caller, control: ClientSession
) -> None:
    for _ in range(3):
        await openai_api.chat(model=MODEL, messages=user("Hi"))
    await xai_api.send("GET", "/models")
    async with control.get("/_control/journal?provider=openai&limit=2") as response:
        entries = (await response.json())["entries"]
    assert [entry["id"] for entry in entries] == [2, 3]
    async with control.delete("/_control/journal") as response:
        assert response.status == 204
    assert simulator.journal.entries() == []


async def test_journal_is_bounded_by_number_and_bytes() -> None:
    config = SimulatorConfig(journal_capacity=5, journal_limit_bytes=40_000)
    async with running_simulator(config) as simulator, ClientSession() as session:
        api = Caller(session, simulator.openai_base_url)
        for _ in range(7):
            await api.chat(model=MODEL, messages=user("Hi"))
        assert [entry.id for entry in simulator.journal.entries()] == [3, 4, 5, 6, 7]
        await api.chat(model=MODEL, messages=user("word " * 7_000))
        assert len(simulator.journal.entries()) < 5


async def test_faults_are_queued_listed_and_cleared(
    openai_api: Caller, control: ClientSession
) -> None:
    faults = [{"kind": "server_error", "count": 2}, {"kind": "rate_limit", "count": None}]
    async with control.post("/_control/faults", json=faults) as response:
        assert (await response.json()) == {"ids": [1, 2]}
    assert (await openai_api.chat(model=MODEL, messages=user("Hi"))).status == 500
    async with control.get("/_control/faults") as response:
        listed = await response.json()
    assert [(fault["kind"], fault["count"]) for fault in listed] == [
        ("server_error", 1),
        ("rate_limit", None),
    ]
    async with control.delete("/_control/faults") as response:
        assert response.status == 204
    assert (await openai_api.chat(model=MODEL, messages=user("Hi"))).status == 200


async def test_pace_is_set_read_and_reset(control: ClientSession) -> None:
    async with control.post("/_control/pace", json={"tokens_per_chunk": 4}) as response:
        assert response.status == 200
    async with control.get("/_control/pace") as response:
        assert (await response.json())["tokens_per_chunk"] == 4
    async with control.delete("/_control/pace") as response:
        assert response.status == 204
    async with control.get("/_control/pace") as response:
        assert (await response.json())["tokens_per_chunk"] == 1


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/_control/faults", {"kind": "gremlins"}),
        ("/_control/faults", {"kind": "hang", "cuont": 1}),
        ("/_control/faults", {"kind": "hang", "count": 0}),
        ("/_control/pace", {"chunk_delay_ms": -1}),
    ],
)
async def test_bad_control_request_is_400(
    control: ClientSession, path: str, body: dict[str, object]
) -> None:
    async with control.post(path, json=body) as response:
        assert response.status == 400


async def test_release_needs_nobody_waiting(control: ClientSession) -> None:
    async with control.post("/_control/release") as response:
        assert response.status == 204


async def test_health_answers(control: ClientSession) -> None:
    async with control.get("/healthz") as response:
        assert (await response.json()) == {"status": "ok"}


async def test_configuration_closes_control_keys_and_directives() -> None:
    config = SimulatorConfig(
        api_keys=frozenset({"sk-only"}), control_enabled=False, directives_enabled=False
    )
    async with running_simulator(config) as simulator, ClientSession() as session:
        async with session.get(simulator.origin + "/_control/journal") as response:
            assert response.status == 404
        api = Caller(session, simulator.openai_base_url)
        assert (await api.chat(key="other", model=MODEL, messages=user("Hi"))).status == 401
        told = user("Hi [[sim:fault=500]]")
        assert (await api.chat(key="sk-only", model=MODEL, messages=told)).status == 200


async def test_body_over_the_limit_is_413() -> None:
    config = SimulatorConfig(request_limit_bytes=10_000)
    async with running_simulator(config) as simulator, ClientSession() as session:
        api = Caller(session, simulator.openai_base_url)
        answered = await api.chat(model=MODEL, messages=user("x" * 20_000))
        assert answered.status == 413
        assert answered.body["error"]["message"]
