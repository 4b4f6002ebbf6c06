"""The rules of keeping responses: how long, how large, and how far back a conversation goes."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any, Final

import msgspec

from tokensmith_server.clock import Clock
from tokensmith_server.errors import InvalidField
from tokensmith_server.ids import may_be_name, namesake
from tokensmith_server.responses.errors import ResponseNotFound, ResponseTooLarge
from tokensmith_server.responses.store import ResponseStore, StoredResponse

DOCUMENT_BYTES_MAX: Final = 3_932_160
"""What is kept of one response: with its envelope it stays below a message's 4 MiB."""

CONVERSATION_RESPONSES_MAX: Final = 256
CONVERSATION_BYTES_MAX: Final = 20 * 1024 * 1024

_object_decoder: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_objects_decoder: Final = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])

_ID: Final = re.compile(r"resp_[A-Za-z0-9_-]{1,59}", re.ASCII)


class ResponseService:
    """Keeps responses of accounts for ``kept_seconds``."""

    def __init__(self, store: ResponseStore, clock: Clock, *, kept_seconds: float) -> None:
        self._store = store
        self._clock = clock
        self._kept_seconds = kept_seconds

    async def save(self, response: StoredResponse) -> float:
        """Keep a response; when it expires. Its times are set here.

        Raises:
            InvalidField: an id, the model or a document is malformed, or the account has made no
                call that this could be the response of.
            ResponseTooLarge: the documents are larger than what is kept.
            ResponseNotFound: the response was deleted.
            LedgerUnavailable: the database did not answer.
        """
        _check(response)
        # So that what an account keeps is bounded by what it calls, which costs credits.
        hold_id = namesake(response.response_id, "hold_")
        if not await self._store.has_call(response.account_id, hold_id):
            raise InvalidField(
                "response.id",
                "The account has made no call that this could be the response of.",
                allowed="resp_ and what follows chatcmpl- in the id of a call's answer",
            )
        now = self._clock.now()
        kept_until = await self._store.save_response(
            replace(response, created_time=now, expires_time=now + self._kept_seconds)
        )
        if kept_until is None:
            raise ResponseNotFound(response.response_id)
        return kept_until

    async def get(self, account_id: str, response_id: str) -> StoredResponse:
        """One response of the account.

        Raises:
            ResponseNotFound: it has none of this id.
        """
        _check_findable(response_id)
        found = await self._store.find_response(account_id, response_id, self._clock.now())
        if found is None:
            raise ResponseNotFound(response_id)
        return found

    async def delete(self, account_id: str, response_id: str) -> None:
        """Delete one response of the account for good.

        Raises:
            ResponseNotFound: it has none of this id.
        """
        _check_findable(response_id)
        if not await self._store.delete_response(account_id, response_id, self._clock.now()):
            raise ResponseNotFound(response_id)

    async def conversation(
        self, account_id: str, response_id: str
    ) -> AsyncIterator[StoredResponse]:
        """The response and those that it went on from, newest first; one is in memory at a time.

        Raises:
            ResponseNotFound: it, or one of those, is not there (any more).
            InvalidField: the conversation is longer or larger than what is put together.
        """
        _check_findable(response_id)
        links = await self._store.list_links(
            account_id, response_id, self._clock.now(), limit=CONVERSATION_RESPONSES_MAX
        )
        if not links:
            raise ResponseNotFound(response_id)
        before = links[-1].previous_id
        if before is not None and len(links) < CONVERSATION_RESPONSES_MAX:
            raise ResponseNotFound(before)
        if before is not None:
            raise InvalidField(
                "response_id",
                f"The conversation has more than {CONVERSATION_RESPONSES_MAX} responses.",
                allowed=f"at most {CONVERSATION_RESPONSES_MAX} responses",
            )
        if sum(link.size_bytes for link in links) > CONVERSATION_BYTES_MAX:
            raise InvalidField(
                "response_id",
                f"The conversation has more than {CONVERSATION_BYTES_MAX} bytes.",
                allowed=f"at most {CONVERSATION_BYTES_MAX} bytes",
            )
        for link in links:
            yield await self.get(account_id, link.response_id)


def _check_findable(response_id: str) -> None:
    """Refuse what no response's id can be before the database is asked, which may not take it."""
    if _ID.fullmatch(response_id) is None:
        raise ResponseNotFound(response_id)


def _check(response: StoredResponse) -> None:
    if _ID.fullmatch(response.response_id) is None:
        raise InvalidField(
            "response.id", "A response's id is malformed.", allowed="resp_ and 1 to 59 characters"
        )
    if response.previous_id is not None and _ID.fullmatch(response.previous_id) is None:
        raise InvalidField("response.previous_id", "The previous response's id is malformed.")
    if not may_be_name(response.model):
        raise InvalidField("response.model", "The model is missing, or no model can have this id.")
    if response.size_bytes > DOCUMENT_BYTES_MAX:
        raise ResponseTooLarge(DOCUMENT_BYTES_MAX)
    if not _is_json(_object_decoder, response.response_json):
        raise InvalidField(
            "response.response_json", "The document is not a JSON object.", allowed="a JSON object"
        )
    if not _is_json(_objects_decoder, response.input_items_json):
        raise InvalidField(
            "response.input_items_json",
            "The document is not a JSON array of objects.",
            allowed="a JSON array of objects",
        )


def _is_json(decoder: "msgspec.json.Decoder[Any]", document: bytes) -> bool:
    """Whether the document is JSON of the decoder's shape; what is in it is its owner's affair."""
    try:
        document.decode()
        decoder.decode(document)
    except (UnicodeDecodeError, msgspec.MsgspecError, RecursionError):
        return False
    return True
