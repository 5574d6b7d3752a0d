"""Dialogues as the documentation of chips has them, replayed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.devices.modem.protocol import State
from tests.kit.modem.transcripts import replay

FOLDER = Path(__file__).parent / "transcripts"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.txt")), ids=lambda path: path.stem)
def test_transcripts(path: Path) -> None:
    assert "not recorded from hardware" in path.read_text()
    state = replay(path).state
    assert state is (State.RINGING if path.stem == "usr5637-lost-answers" else State.IDLE)


def test_a_replay_notices_what_is_not_said(tmp_path: Path) -> None:
    path = tmp_path / "wrong.txt"
    path.write_text("0.00 ! open\n0.00 > AT\n0.02 < OK\n0.02 > AT+FCLASS=8\n")
    with pytest.raises(AssertionError, match=r"wrong.txt:4: not said: 'AT\+FCLASS=8'"):
        replay(path)
