"""A bounded, one-reader one-writer hand-over of messages between two tasks of one loop."""

import asyncio
from collections import deque
from typing import Generic, TypeVar

import grpc.aio

Message = TypeVar("Message")


class MessagePipe(Generic[Message]):
    """Messages of one direction of one call, in order, by reference.

    The writer runs ahead of the reader by at most `window` messages and is then suspended until
    the reader has taken half of them: a slow reader stops the writer, and two fast tasks change
    places once per half window and not once per message.

    `items` and `closed` are read directly by the two ends: they are on the path of every message.
    """

    __slots__ = ("_reader", "_writer", "closed", "items", "window")

    def __init__(self, window: int) -> None:
        self.items: deque[Message] = deque()
        self.window = window
        self.closed = False
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    def put(self, message: Message) -> None:
        """Adds a message without regard to the window and wakes the reader."""
        self.items.append(message)
        reader = self._reader
        if reader is not None and not reader.done():
            reader.set_result(None)

    def take(self) -> Message:
        """Removes the oldest message and wakes a suspended writer at half a window.

        Raises:
            IndexError: If there is none.
        """
        message = self.items.popleft()
        if self._writer is not None and len(self.items) * 2 <= self.window:
            self._wake_writer()
        return message

    async def wait_for_room(self) -> None:
        """Suspends the writer while the window is full and the pipe open.

        Raises:
            grpc.aio.InternalError: If another task is already waiting to write.
        """
        while len(self.items) >= self.window and not self.closed:
            if self._writer is not None:
                raise grpc.aio.InternalError("Only one write may be under way on a call")
            self._writer = asyncio.get_running_loop().create_future()
            try:
                await self._writer
            finally:
                self._writer = None

    async def wait_for_message(self) -> None:
        """Suspends the reader until there is a message or the pipe is closed.

        Raises:
            grpc.aio.InternalError: If another task is already waiting to read.
        """
        while not self.items and not self.closed:
            if self._reader is not None:
                raise grpc.aio.InternalError("Only one read may be under way on a call")
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None

    def close(self) -> None:
        """Says that nothing more will be written: the reader takes what is left, then the end."""
        self.closed = True
        reader = self._reader
        if reader is not None and not reader.done():
            reader.set_result(None)
        self._wake_writer()

    def discard(self) -> None:
        """Closes the pipe and forgets what was not read."""
        self.items.clear()
        self.close()

    def _wake_writer(self) -> None:
        writer = self._writer
        if writer is not None and not writer.done():
            writer.set_result(None)
