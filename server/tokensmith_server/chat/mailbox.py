"""A bounded hand-over from the task that relays an upstream stream to the one who listens."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class ReaderTooSlow(Exception):
    """The listener took nothing for too long while the mailbox was full."""


class Mailbox(Generic[T]):
    """Messages for one listener. A full one makes the sender wait, for a bounded time."""

    def __init__(self, capacity: int, slow_reader_seconds: float) -> None:
        self._capacity = capacity
        self._slow_reader_seconds = slow_reader_seconds
        self._messages: deque[T] = deque()
        self._waker: asyncio.Future[None] | None = None
        self._room: asyncio.Future[None] | None = None
        self._error: BaseException | None = None
        self._closed = False
        self._left = False

    async def put(self, message: T) -> None:
        """Leave a message. Once the listener has left, messages are dropped.

        Raises:
            ReaderTooSlow: there was no room for longer than a reader may take.
        """
        while len(self._messages) >= self._capacity and not self._left:
            self._room = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(self._slow_reader_seconds):
                    await self._room
            except TimeoutError as error:
                raise ReaderTooSlow from error
            finally:
                self._room = None
        if not self._left:
            self._messages.append(message)
            self._wake()

    def put_last(self, message: T) -> None:
        """Leave the message that must not be lost to a slow reader, room or no room."""
        if not self._left:
            self._messages.append(message)
            self._wake()

    def close(self, error: BaseException | None = None) -> None:
        """Say that nothing more comes; the listener gets what is there first, then ``error``.

        Only the first closing counts.
        """
        if not self._closed:
            self._error = error
            self._closed = True
            self._wake()

    def leave(self) -> list[T]:
        """The listener goes. Returns what it never took."""
        self._left = True
        unread = list(self._messages)
        self._messages.clear()
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        return unread

    def __aiter__(self) -> "Mailbox[T]":
        return self

    async def __anext__(self) -> T:
        """Take the next message, or wait for it.

        Raises:
            StopAsyncIteration: the mailbox was closed, and what was there is taken; the error it
                was closed with, if any, comes first.
        """
        while not self._messages:
            if self._closed:
                error, self._error = self._error, None
                raise error or StopAsyncIteration
            self._waker = asyncio.get_running_loop().create_future()
            try:
                await self._waker
            finally:
                self._waker = None
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        return self._messages.popleft()

    def _wake(self) -> None:
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)
