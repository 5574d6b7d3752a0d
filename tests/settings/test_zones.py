"""Which time zone flows are in."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ivr.errors import ConfigError
from ivr.settings import Settings
from ivr.settings.zones import system_zone

Make = Callable[[str], Settings]


def test_the_one_that_is_configured(make_settings: Make) -> None:
    assert make_settings("time_zone: Europe/Berlin").zone == ZoneInfo("Europe/Berlin")
    with pytest.raises(ConfigError):
        make_settings("time_zone: Mars/Olympus")
    for settings in (make_settings(""), Settings()):
        assert datetime.now(settings.zone).utcoffset() == datetime.now(UTC).astimezone().utcoffset()


def test_that_of_the_system(tmp_path: Path) -> None:
    zone = tmp_path / "usr/share/zoneinfo/America/New_York"
    zone.parent.mkdir(parents=True)
    zone.touch()
    link = tmp_path / "localtime"
    link.symlink_to(zone)
    assert system_zone({}, link) == ZoneInfo("America/New_York")
    assert system_zone({"TZ": ":Asia/Tokyo"}, link) == ZoneInfo("Asia/Tokyo")
    assert system_zone({"TZ": "nonsense"}, link) == ZoneInfo("America/New_York")
    assert system_zone({}, tmp_path / "missing") == datetime.now(UTC).astimezone().tzinfo
