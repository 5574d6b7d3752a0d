"""SIGHUP: settings and flows come into force together, or neither does."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ivr.daemon.reloading import Reloading
from ivr.errors import ConfigError, Fault, FlowLoadError
from ivr.settings import Settings, parse_settings

CONFIG = """
calendars:
  office: {time_zone: Europe/Berlin, hours: {mon-fri: "09:00-17:00"}}
"""
OTHER = """
calendars:
  shop: {time_zone: Europe/Berlin, hours: {tue: "10:00-18:00"}}
queues: {sales: {}}
"""


class Parts:
    """What is reloaded; notes what comes into force."""

    def __init__(self, folder: Path) -> None:
        self.source = folder / "ivr.yaml"
        self.source.write_text(CONFIG)
        settings = parse_settings(CONFIG, self.source, {})
        self.done: list[str] = []
        self.centre: Settings | None = None
        self.calendars = settings.calendars
        self.flow_faults: Sequence[Fault] = ()
        self.objection = ""
        self.services = SimpleNamespace(settings=settings, take_calendars=self._take)
        self.turns = asyncio.Event()
        service = SimpleNamespace(reloading=lambda: self.done.append("begin"), ready=self._ready)
        self.reloading = Reloading(
            cast(Any, service),
            cast(Any, SimpleNamespace(reload=self._flows)),
            cast(Any, SimpleNamespace(reload_tls=lambda: self.done.append("certificates"))),
            cast(Any, SimpleNamespace(office=self)),
            cast(Any, self.services),
        )

    def _ready(self) -> None:
        self.done.append("ready")
        self.turns.set()

    def _take(self, calendars: Any) -> None:
        self.done.append("calendars")
        self.calendars = calendars

    async def _flows(self) -> dict[str, None]:
        if self.flow_faults:
            raise FlowLoadError(self.flow_faults)
        self.done.append("flows")
        return {}

    def look_ahead(self, settings: Settings) -> None:
        if self.objection:
            raise ConfigError([Fault(self.objection, "ivr.yaml")])

    def reload(self, settings: Settings) -> None:
        self.done.append("centre")
        self.centre = settings

    async def hup(self) -> list[str]:
        self.done.clear()
        task = asyncio.create_task(self.reloading.run())
        self.reloading.ask()
        await self.turns.wait()
        self.turns.clear()
        task.cancel()
        return [what for what in self.done if what not in ("begin", "ready", "certificates")]


@pytest.fixture
def parts(tmp_path: Path) -> Parts:
    return Parts(tmp_path)


async def test_all_of_it_comes_into_force(parts: Parts) -> None:
    parts.source.write_text(OTHER)
    assert await parts.hup() == ["flows", "centre", "calendars"]
    assert parts.centre is not None
    assert "sales" in parts.centre.queues
    assert set(parts.calendars) == {"office", "shop"}  # flows that calls are on may ask for the one that is gone


@pytest.mark.parametrize("text", ["queues: {sales: {weight: nine}}", "queues: [", "calendars: {a: {days: {x: y}}}"])
async def test_settings_that_do_not_hold_change_nothing(
    parts: Parts, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    parts.source.write_text(text)
    with caplog.at_level(logging.ERROR):
        assert await parts.hup() == []
    assert "nothing is taken up anew, neither settings nor flows: ivr.yaml does not hold" in caplog.text
    assert "ivr.yaml:" in caplog.text  # and the line
    parts.source.write_text(OTHER)
    assert await parts.hup() == ["flows", "centre", "calendars"]


async def test_what_callers_stand_in_the_way_of_changes_nothing(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    parts.objection = "2 callers are in the queue sales"
    assert await parts.hup() == []
    assert parts.objection in caplog.text


async def test_flows_that_do_not_hold_keep_the_settings_too(parts: Parts, caplog: pytest.LogCaptureFixture) -> None:
    parts.flow_faults = [Fault("did you mean play?", "menu.yaml")]
    parts.source.write_text(OTHER)
    assert await parts.hup() == []
    assert "neither settings nor flows: the flows do not hold" in caplog.text
    assert "did you mean play?" in caplog.text


async def test_a_file_that_is_gone_and_a_fault_of_ours_change_nothing(
    parts: Parts, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts.source.unlink()
    assert await parts.hup() == []
    assert "nothing is taken up anew" in caplog.text
    parts.source.write_text(OTHER)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(parts, "look_ahead", fail)
    assert await parts.hup() == []
    monkeypatch.undo()
    assert await parts.hup() == ["flows", "centre", "calendars"]
