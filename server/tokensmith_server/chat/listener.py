"""The end of a streamed call at which its messages are taken."""

from collections.abc import Awaitable

from tokensmith.v1 import chat_service_pb2 as chat_pb
from tokensmith_server.chat.mailbox import Mailbox
from tokensmith_server.chat.request import ChatRequest
from tokensmith_server.chat.streaming import StreamRun


class StreamListener:
    """Iterate it for the messages, and close it, however that ends: the close settles.

    The call goes on by itself in a supervised task, which ``attach`` makes known once it has a
    hold to spend.
    """

    def __init__(
        self, request: ChatRequest, mailbox: Mailbox[chat_pb.StreamChatCompletionResponse]
    ) -> None:
        self.mailbox = mailbox
        self._request = request
        self._run: StreamRun | None = None

    def attach(self, run: StreamRun) -> None:
        """Name the run that must hear of it when the listener goes."""
        self._run = run

    def __aiter__(self) -> "StreamListener":
        return self

    def __anext__(self) -> Awaitable[chat_pb.StreamChatCompletionResponse]:
        """Take the next message; see ``Mailbox``."""
        return self.mailbox.__anext__()

    async def aclose(self) -> None:
        """Listen no more. A call that has no hold yet is not begun; safe to call twice."""
        self._request.listening = False
        if self._run is None:
            self.mailbox.leave()
        else:
            self._run.listener_left()
