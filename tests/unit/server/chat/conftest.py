from collections.abc import AsyncIterator, Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.support.chat import TWO_ROUTES, ChatRig, open_chat


@pytest.fixture
async def rig() -> AsyncIterator[ChatRig]:
    async with open_chat() as rig:
        yield rig


@pytest.fixture
async def two() -> AsyncIterator[ChatRig]:
    """A model that two providers serve."""
    async with open_chat(routes=TWO_ROUTES) as rig:
        yield rig


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """What the test logs, instead of a page of traceback on the terminal."""
    with capture_logs() as lines:
        yield lines
