"""What the process of a line reads, before there is any hardware."""

from __future__ import annotations

import io
import json
import sys

import pytest

from ivr.devices.process import main, read_setup
from ivr.settings import Modem, SoundCard


def test_the_setup_is_what_the_daemon_has_read() -> None:
    line = Modem(type="modem", port="/dev/ttyACM0", country="DE", answer_after_rings=3)
    card = SoundCard(type="sound_card", input="USB", hang_up_after=20.0, echo="off")
    for settings in (line, card):
        text = json.dumps(
            {
                "name": "old",
                "line": settings.model_dump(mode="json"),
                "socket": 7,
                "daemon": ["127.0.0.1", 5060],
                "level": "info",
            }
        )
        setup = read_setup(text)
        assert (setup.line, setup.daemon, setup.level) == (settings, ("127.0.0.1", 5060), "INFO")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"name": "old"}', "not JSON"])
def test_who_starts_it_by_hand_is_told_that_the_daemon_does(
    text: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("signal.signal", lambda number, action: None)
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))
    assert main() == 2
    assert "is started by the daemon" in capsys.readouterr().err
