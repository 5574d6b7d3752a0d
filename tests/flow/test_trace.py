"""The trace as records keep it."""

from __future__ import annotations

from ivr.flow.trace import Step, digits, path


def test_path_and_digits() -> None:
    steps = [
        Step("main", "hello", "play", 10.0, 12.0, "audio_played", {"ended": "completed"}),
        Step("main", "keys", "collect", 12.0, None, None, {"status": "collected", "digits": "1", "keys": []}),
        Step("main", "pin", "collect", 12.0, None, None, {"status": "collected"}),
    ]
    assert path(steps, 1000.0)[0] == {
        "element": "hello",
        "type": "play",
        "entered_at": 1010.0,
        "left_at": 1012.0,
        "branch": "audio_played",
        "flow": "main",
        "ended": "completed",
    }
    assert path(steps, 1000.0)[1]["left_at"] is None
    assert digits(steps) == [{"flow": "main", "element": "keys", "status": "collected", "digits": "1", "keys": []}]
