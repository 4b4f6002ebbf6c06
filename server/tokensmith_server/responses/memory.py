"""A response store in memory, for tests. The contract suite holds it to what the databases do."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from tokensmith_server.responses.store import ResponseLink, StoredResponse


class MemoryResponseStore:
    """``ResponseStore`` that forgets everything with its process."""

    def __init__(self, has_call: Callable[[str, str], bool] = lambda *_: False) -> None:
        self._has_call = has_call
        self._rows: dict[tuple[str, str], StoredResponse] = {}

    @property
    def count(self) -> int:
        """How many responses are there, expired ones included."""
        return len(self._rows)

    async def has_call(self, account_id: str, hold_id: str) -> bool:
        """See ``ResponseStore.has_call``."""
        return self._has_call(account_id, hold_id)

    async def save_response(self, response: StoredResponse) -> float | None:
        """See ``ResponseStore.save_response``."""
        key = response.account_id, response.response_id
        known = self._rows.get(key)
        if known is not None and known.deleted:
            return None
        if known is not None:
            response = replace(
                response, created_time=known.created_time, expires_time=known.expires_time
            )
        self._rows[key] = response
        return response.expires_time

    async def find_response(
        self, account_id: str, response_id: str, now: float
    ) -> StoredResponse | None:
        """See ``ResponseStore.find_response``."""
        found = self._rows.get((account_id, response_id))
        if found is None or found.deleted or found.expires_time <= now:
            return None
        return found

    async def delete_response(self, account_id: str, response_id: str, now: float) -> bool:
        """See ``ResponseStore.delete_response``."""
        found = await self.find_response(account_id, response_id, now)
        if found is not None:
            self._rows[account_id, response_id] = replace(
                found, previous_id=None, response_json=b"", input_items_json=b""
            )
        return found is not None

    async def list_links(
        self, account_id: str, response_id: str, now: float, *, limit: int
    ) -> Sequence[ResponseLink]:
        """See ``ResponseStore.list_links``."""
        links: list[ResponseLink] = []
        wanted: str | None = response_id
        while wanted is not None and len(links) < limit:
            found = await self.find_response(account_id, wanted, now)
            if found is None:
                break
            links.append(ResponseLink(found.response_id, found.previous_id, found.size_bytes))
            wanted = found.previous_id
        return links

    async def forget_responses(self, now: float, *, limit: int) -> int:
        """See ``ResponseStore.forget_responses``."""
        expired = [key for key, row in self._rows.items() if row.expires_time <= now][:limit]
        for key in expired:
            del self._rows[key]
        return len(expired)
