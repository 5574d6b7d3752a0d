"""pause: for a time, until a weekday and time, until a date."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ivr.flow.elements.pause import PauseElement
from ivr.flow.ports import Play, StopPlay
from tests.kit.flow import Talk
from tests.kit.life import Life


def waits_until(fields: str, wall: str) -> str:
    """When the pause is over that begins at a moment; in the zone of that moment."""
    life = Life(
        f"""
variables: {{due: "2026-03-05"}}
elements:
  start: {{type: start_from_audience, next: wait}}
  wait: {{type: pause, {fields}, next: done}}
  done: {{type: tag, tags: done}}
""",
        wall=wall,
    ).run()
    assert life.path == ["start", "wait", "done"]
    return life.wall.isoformat()


@pytest.mark.parametrize(
    ("fields", "wall", "expected"),
    [
        ("duration: 2d", "2026-03-02T10:00:00+01:00", "2026-03-04T10:00:00+01:00"),
        ("duration: 0.25", "2026-03-02T10:00:00+01:00", "2026-03-02T10:00:00.250000+01:00"),
        ('until: {at: "09:00"}', "2026-03-02T08:59:59+01:00", "2026-03-02T09:00:00+01:00"),
        ('until: {at: "09:00"}', "2026-03-02T09:00:00+01:00", "2026-03-03T09:00:00+01:00"),
        ('until: {weekday: mon, at: "09:00"}', "2026-03-02T09:00:00+01:00", "2026-03-09T09:00:00+01:00"),
        ('until: {weekday: sat-sun, at: "24:00"}', "2026-03-02T09:00:00+01:00", "2026-03-08T00:00:00+01:00"),
        ('until: {weekday: [tue, sun], at: "00:00"}', "2026-03-02T09:00:00+01:00", "2026-03-03T00:00:00+01:00"),
        ('until: {at: "09:00", time_zone: America/New_York}', "2026-03-02T15:00:00+01:00", "2026-03-03T15:00:00+01:00"),
        ('until: {date: "2026-03-05"}', "2026-03-02T09:00:00+01:00", "2026-03-05T00:00:00+01:00"),
        ('until: {date: "{{ due }}", at: "09:30"}', "2026-03-02T09:00:00+01:00", "2026-03-05T09:30:00+01:00"),
        ('until: {date: "2026-03-05T08:00", at: "09:30"}', "2026-03-02T09:00:00+01:00", "2026-03-05T08:00:00+01:00"),
        ('until: {date: "2026-03-05T08:00+00:00"}', "2026-03-02T09:00:00+01:00", "2026-03-05T09:00:00+01:00"),
        ('until: {date: "2026-03-01"}', "2026-03-02T09:00:00+01:00", "2026-03-02T09:00:00+01:00"),
        ('until: {date: "soon"}', "2026-03-02T09:00:00+01:00", "2026-03-02T09:00:00+01:00"),
        # The clocks change: a day of 23 hours, and a time that is left out.
        ('until: {at: "09:00", time_zone: Europe/Berlin}', "2026-03-28T09:00:00+01:00", "2026-03-29T08:00:00+01:00"),
        ('until: {at: "02:30", time_zone: Europe/Berlin}', "2026-03-28T09:00:00+01:00", "2026-03-29T02:30:00+01:00"),
    ],
)
def test_without_a_caller(fields: str, wall: str, expected: str) -> None:
    assert waits_until(fields, wall) == expected


def talk(fields: str) -> Talk:
    return Talk(
        f"""
elements:
  start: {{type: start_incoming_call, numbers: ["100"], next: wait}}
  wait: {{type: pause, {fields}, next: bye}}
  bye: {{type: hang_up}}
"""
    ).start()


def test_a_caller_is_not_left_without_a_sound() -> None:
    call = talk('until: {at: "13:00"}').finish()
    assert call.elapsed == 10.0
    assert call.notes == ["pause: cut to 10 s, the caller hears nothing (hold_music)"]
    call = talk('until: {at: "13:00"}, hold_music: true').finish()
    assert call.elapsed == 3600.0
    assert [play.loop for play in call.commands(Play)] == [0]
    assert len(call.commands(StopPlay)) == 1


def test_who_hangs_up_leaves_the_pause() -> None:
    call = talk("duration: 1h, hold_music: {text: Please hold}").wait(30.0).hang_up()
    assert call.machine.finished
    assert call.said == ["Please hold"]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"duration": 1, "until": {"at": "09:00"}},
        {"until": {}},
        {"until": {"weekday": "mon"}},
        {"until": {"weekday": "monday", "at": "09:00"}},
        {"until": {"weekday": "mon", "date": "2026-03-05", "at": "09:00"}},
        {"until": {"at": 540}},
        {"until": {"at": "09:00", "time_zone": "Mars/Olympus"}},
    ],
)
def test_refuses(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PauseElement.model_validate({"type": "pause", **fields})
