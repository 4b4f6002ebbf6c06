from collections.abc import AsyncIterator

import pytest

from tests.integration.server.rig import KINDS, ServerRig, open_server


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
async def rig(kind: str) -> AsyncIterator[ServerRig]:
    async with open_server(kind) as rig:
        yield rig
