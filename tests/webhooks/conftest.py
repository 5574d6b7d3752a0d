from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path}/ivr.db")
    yield store
    store.close()
