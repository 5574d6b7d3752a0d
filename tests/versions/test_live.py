from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ivr.errors import FlowLoadError
from ivr.flow import FlowSet
from ivr.settings import Settings
from ivr.store import FlowVersions
from ivr.versions import FlowKeeper, LiveFlows, live
from tests.api.conftest import FLOW


class Force:
    """What is in force, set by set."""

    def __init__(self) -> None:
        self.sets: list[FlowSet] = []
        self.changed = asyncio.Event()

    def __call__(self, flows: FlowSet) -> None:
        self.sets.append(flows)
        self.changed.set()


class Folder:
    """A folder of one flow with the object under test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir()
        self.write("One.")
        self.store = FlowVersions.open(f"sqlite:///{path.parent}/ivr.db")
        keeper = FlowKeeper(Settings(flows=path), self.store, author="test")
        self.force = Force()
        self.live = LiveFlows(keeper, keeper.load(), (), self.force)

    def write(self, text: str, head: str = "") -> None:
        (self.path / "desk.yaml").write_text(FLOW.format(text=text, number="100", head=head))


@pytest.fixture
async def folder(tmp_path: Path) -> AsyncIterator[Folder]:
    folder = Folder(tmp_path / "flows")
    yield folder
    folder.store.close()


async def test_each_change_is_put_into_force(folder: Folder) -> None:
    folder.write("Two.")
    flows = await folder.live.reload()
    assert folder.force.sets == [flows]
    assert (await folder.live.rollback("desk"))["desk"].number == 1
    assert (await folder.live.activate("desk", 2, 0.5)).candidates["desk"].share == 0.5
    assert folder.live.flows is folder.force.sets[-1]


async def test_changes_asked_for_at_the_same_time_come_one_after_another(folder: Folder) -> None:
    folder.write("Two.")
    await folder.live.reload()
    await asyncio.gather(*(folder.live.activate("desk", number) for number in (1, 2, 1, 2)))
    assert [flows.number for flows in folder.force.sets] == [2, 3, 4, 5, 6]
    assert folder.store.states()["desk"].active == folder.live.flows["desk"].number


async def test_a_bad_folder_stays_in_mind_until_it_holds(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    folder.write("Two.", head="canary: often")
    with pytest.raises(FlowLoadError):
        await folder.live.reload()
    await folder.live.reload_and_tell()
    assert "the flows are not changed: 1 faults" in caplog.text
    assert (folder.force.sets, len(folder.live.faults)) == ([], 1)
    folder.write("Two.")
    await folder.live.reload_and_tell()
    assert folder.live.faults == ()


async def test_what_nobody_expected_changes_nothing(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(previous: FlowSet) -> FlowSet:
        raise RuntimeError("surprise")

    monkeypatch.setattr(folder.live.keeper, "load", fail)
    await folder.live.reload_and_tell()
    assert folder.force.sets == []
    assert "surprise" in caplog.text


async def test_a_watched_folder_is_taken_up_when_it_lies_still(
    folder: Folder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(live, "WATCH_SECONDS", 0.02)
    watching = asyncio.create_task(folder.live.watch(folder.path))
    async with asyncio.timeout(20):
        await folder.force.changed.wait()  # as it was at the start
        for number in (2, 3):
            folder.force.changed.clear()
            folder.write("x" * number)
            await folder.force.changed.wait()
            assert folder.live.flows["desk"].number == number
    watching.cancel()


def test_a_folder_that_cannot_be_read_has_no_signature(tmp_path: Path) -> None:
    assert live._signature(tmp_path / "nowhere") == ()
