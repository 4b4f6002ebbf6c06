from collections.abc import AsyncIterator, Iterator, MutableMapping
from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.integration.server.rig import KINDS, ServerRig, open_server


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
async def rig(kind: str) -> AsyncIterator[ServerRig]:
    async with open_server(kind) as rig:
        yield rig


@pytest.fixture(autouse=True)
def logged() -> Iterator[list[MutableMapping[str, Any]]]:
    """What the test logs, instead of a page of traceback on the terminal."""
    with capture_logs() as lines:
        yield lines
