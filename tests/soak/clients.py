"""Clients that call, leave, repeat and misbehave in every way; and what each of them saw."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

import aiohttp
import msgspec

from tests.soak.dialects import DIALECTS, Answer, Body, Dialect
from tests.soak.waiting import stopped
from tests.support.books import Customer

TRIES_MAX = 5
PATIENCE_SECONDS = 20.0
STREAM_SECONDS = 60.0
RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504, 529})
POOLED = "pooled"
MODELS = (
    "gpt-5.4-nano",
    "claude-haiku-4-5",
    "gemini-3-flash",
    "grok-4-1-fast-reasoning",
    "openai/gpt-oss-120b",
    POOLED,
    POOLED,
    POOLED,
)
_MIDDLE = "after=5 pace=5 reasoning=0"
DIRECTIVES = (
    "fault=429 retry_after=1",
    "fault=503",
    f"fault=reset_mid_stream {_MIDDLE}",
    f"fault=error_mid_stream {_MIDDLE}",
    "fault=missing_usage",
    "fault=huge_usage",
    "fault=moderation_block",
    "fault=content_filter after=5",
    "fault=empty_content",
    "pace=40",
    "pace=20",
    "pace=20",
    "pace=10",
)
SPOILED = ("model", "field", "key", "limit", "empty")


@dataclass
class Try:
    """One HTTP request, and what came back of it.

    ``left`` says that the client hung up, ``lost`` that its connection or its patience ended.
    """

    patience_seconds: float
    status: int = 0
    request_id: str = ""
    replayed: bool = False
    code: str = ""
    left: bool = False
    lost: bool = False
    answer: Answer = field(default_factory=Answer)

    @property
    def answered(self) -> bool:
        """Whether the client has a whole answer."""
        return self.status == 200 and self.answer.complete


@dataclass
class Wish:
    """What a client wants, under a marker of its own, and its tries to get it.

    ``key`` is its idempotency key. ``counts`` says that it counts its retries, as the SDKs do.
    ``spoiled`` names what is wrong with it on purpose.
    """

    marker: str
    dialect: Dialect
    stream: bool
    body: Body
    customer: Customer
    key: str | None
    counts: bool
    spoiled: str
    tries: list[Try] = field(default_factory=list)
    repeats: list[Try] = field(default_factory=list)

    def headers(self) -> dict[str, str]:
        """Those of the next try."""
        secret = self.customer.key if self.spoiled != "key" else "pk_live_" + "A" * 43
        headers = {"authorization": f"Bearer {secret}", "content-type": "application/json"}
        if self.key is not None:
            headers["idempotency-key"] = self.key
        if self.counts:
            headers["x-stainless-retry-count"] = str(len(self.tries))
        return headers


def make_wish(dice: Random, customers: Sequence[Customer]) -> Wish:
    """Draw one."""
    marker = f"soak-{uuid.UUID(int=dice.getrandbits(128), version=4).hex[:16]}"
    dialect, stream = dice.choice(DIALECTS), dice.random() < 0.5
    prompt = f"{marker} Write {dice.choice((5, 20, 60, 200))} words."
    if dice.random() < 0.3:
        prompt += f" [[sim:{dice.choice(DIRECTIVES)}]]"
    limit = dice.choice((50, 300, 2_000))
    wish = Wish(
        marker=marker,
        dialect=dialect,
        stream=stream,
        body=dialect.body(dice.choice(MODELS), prompt, limit, stream=stream),
        customer=dice.choice(customers),
        key=f"key-{marker}" if dice.random() < 0.4 else None,
        counts=dice.random() < 0.6,
        spoiled=dice.choice(SPOILED) if dice.random() < 0.08 else "",
    )
    _spoil(wish)
    return wish


def _spoil(wish: Wish) -> None:
    match wish.spoiled:
        case "model":
            wish.body["model"] = "gpt-5.4-nanoo"
        case "field":
            wish.body["frobnicate"] = True
        case "limit":
            wish.body[wish.dialect.limit_field] = 2**31
        case "empty":
            wish.body[wish.dialect.input_field] = []


@dataclass
class Client:
    """One that wishes again and again, one wish at a time."""

    base_url: str
    customers: Sequence[Customer]
    dice: Random
    wishes: list[Wish] = field(default_factory=list)

    async def run(self, stop: asyncio.Event) -> None:
        """Wish until ``stop`` is set."""
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            while not stop.is_set():
                wish = make_wish(self.dice, self.customers)
                self.wishes.append(wish)
                await self._pursue(session, wish)

    async def _pursue(self, session: aiohttp.ClientSession, wish: Wish) -> None:
        never = asyncio.Event()
        for number in range(TRIES_MAX):
            last = await self._try(session, wish, wish.tries, leave=self.dice.random() < 0.12)
            if not _worth_another(wish, last):
                break
            await stopped(never, 0.05 + 0.3 * 2**number * self.dice.random())
        if wish.key is not None and wish.tries[-1].answered and self.dice.random() < 0.5:
            await self._try(session, wish, wish.repeats, leave=False)

    async def _try(
        self, session: aiohttp.ClientSession, wish: Wish, tries: list[Try], *, leave: bool
    ) -> Try:
        hasty = self.dice.random() < 0.08
        made = Try(self.dice.choice((0.05, 0.3, 1.0)) if hasty else PATIENCE_SECONDS)
        headers = wish.headers() | {"x-stainless-timeout": str(made.patience_seconds)}
        tries.append(made)
        seconds = STREAM_SECONDS if wish.stream else made.patience_seconds
        if leave and not wish.stream:
            made.left, seconds = True, self.dice.random() * 0.3
        frames_max = self.dice.randint(1, 12) if leave else None
        try:
            async with asyncio.timeout(seconds):
                await self._send(session, wish, made, headers, frames_max)
        except (aiohttp.ClientError, OSError):
            made.lost = True
        return made

    async def _send(
        self,
        session: aiohttp.ClientSession,
        wish: Wish,
        made: Try,
        headers: dict[str, str],
        frames_max: int | None,
    ) -> None:
        path = self.base_url + wish.dialect.path
        async with session.post(path, json=wish.body, headers=headers) as response:
            made.status = response.status
            made.request_id = response.headers["x-request-id"]
            made.replayed = "idempotent-replayed" in response.headers
            if response.content_type == "text/event-stream":
                made.left = await _read_stream(response, wish.dialect, made.answer, frames_max)
                return
            body = msgspec.json.decode(await response.read())
            made.left = False
            if response.status == 200:
                wish.dialect.read_whole(body, made.answer)
            else:
                made.code = body["error"].get("code") or body["error"]["type"]


async def _read_stream(
    response: aiohttp.ClientResponse, dialect: Dialect, answer: Answer, frames_max: int | None
) -> bool:
    """Read to the end, or leave after so many frames; whether it was left."""
    frames = 0
    async for line in response.content:
        frames += dialect.read_line(line, answer)
        if frames_max is not None and frames >= frames_max and not answer.complete:
            response.close()
            return True
    return False


def _worth_another(wish: Wish, last: Try) -> bool:
    """What a careful client tries again: what may have been lost, and what it is told to."""
    if last.answered:
        return False
    if last.left or last.status == 200:
        return wish.key is not None or (wish.counts and not wish.stream)
    return last.lost or last.status in RETRIED
