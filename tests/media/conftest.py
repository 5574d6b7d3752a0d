"""What tests of the media plane with real workers share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from media import MediaConfig, MediaPool
from tests.kit.pool import CALLERS, free_range


@pytest.fixture(autouse=True)
def hang_up() -> Iterator[None]:
    yield
    while CALLERS:
        CALLERS.pop().socket.close()


@pytest.fixture
async def pool() -> AsyncIterator[MediaPool]:
    pool = await MediaPool.start(MediaConfig(ports=free_range(), workers=1, spare=False))
    yield pool
    await pool.close()
