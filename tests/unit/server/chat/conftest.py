from collections.abc import AsyncIterator

import pytest

from tests.support.chat import ChatRig, open_chat


@pytest.fixture
async def rig() -> AsyncIterator[ChatRig]:
    async with open_chat() as rig:
        yield rig
