"""baresip as a phone: registers, calls, is forwarded to, presses keys; what it hears is what was played."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.kit.baresip import Phone
from tests.kit.daemon import Daemon
from tests.kit.sound import CLEAR, found_pieces, read_wav, speechlike, write_wav

pytestmark = pytest.mark.interop


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """What the caller says: 30 s."""
    path = tmp_path / "spoken.wav"
    write_wav(path, speechlike(30.0, 11))
    return path


@pytest.mark.parametrize("dtmf", ["rtpevent", "info"])
def test_a_guest_hears_presses_and_leaves_a_message(daemon: Daemon, tmp_path: Path, spoken: Path, dtmf: str) -> None:
    before = len(daemon.records(0))
    with Phone(tmp_path / "phone", daemon.sip_port, "caller", None, spoken, dtmf=dtmf) as phone:
        phone.call("105")
        phone.wait_event("CALL_ESTABLISHED")
        daemon.reaches("ask")
        phone.press("4711")
        daemon.reaches("message")
        time.sleep(4.0)
        phone.hang_up()
        phone.wait_event("CALL_CLOSED")
        record = daemon.records(before + 1)[-1]
    heard = read_wav(phone.heard())[:, 0]
    assert found_pieces(speechlike(4.0, 7), heard) >= CLEAR
    assert record["cause"] == "user_hung_up"
    assert "".join(item["digits"] for item in record["digits"]) == "4711"
    files = list((daemon.folder / "var" / "recordings").glob(f"*{record['short_id']}*.wav"))
    assert len(files) == 1, files
    said = read_wav(files[0])[:, 0]
    assert 2.5 < len(said) / 8000 < 5.0
    assert found_pieces(said, read_wav(spoken)[:, 0]) >= CLEAR


def test_a_call_is_forwarded_to_a_registered_phone(daemon: Daemon, tmp_path: Path, spoken: Path) -> None:
    before = len(daemon.records(0))
    answer = tmp_path / "answer.wav"
    write_wav(answer, speechlike(30.0, 12))
    with (
        Phone(tmp_path / "desk", daemon.sip_port, "200", "secret-200", answer, answer=True) as desk,
        Phone(tmp_path / "caller", daemon.sip_port, "caller", None, spoken) as caller,
    ):
        desk.registered()
        caller.call("106")
        caller.wait_event("CALL_ESTABLISHED")
        desk.wait_event("CALL_ESTABLISHED")
        time.sleep(4.0)
        desk.hang_up()
        caller.wait_event("CALL_CLOSED")
        record = daemon.records(before + 1)[-1]
    for phone, said in ((desk, spoken), (caller, answer)):
        assert found_pieces(read_wav(phone.heard())[8000:24000, 0], read_wav(said)[:, 0]) >= CLEAR
    assert record["cause"] == "ended_by_flow"
    assert record["hand_offs"][0]["outcome"] == "returned"
    assert 2.0 < record["hand_offs"][0]["talk_time"] < 6.0
    files = list((daemon.folder / "var" / "recordings").glob("forwarded-*.wav"))
    both = read_wav(files[-1])
    assert both.shape[1] == 2
    for channel, said in ((0, spoken), (1, answer)):
        assert found_pieces(both[8000:24000, channel], read_wav(said)[:, 0]) >= CLEAR, channel


def test_a_wrong_password_is_refused(daemon: Daemon, tmp_path: Path, spoken: Path) -> None:
    with Phone(tmp_path / "phone", daemon.sip_port, "201", "wrong", spoken) as phone:
        phone.wait_log("401 Unauthorized")


def test_a_phone_calls_a_phone(daemon: Daemon, tmp_path: Path, spoken: Path) -> None:
    with (
        Phone(tmp_path / "desk", daemon.sip_port, "200", "secret-200", spoken, answer=True) as desk,
        Phone(tmp_path / "shop", daemon.sip_port, "201", "secret-201", spoken) as shop,
    ):
        desk.registered()
        shop.registered()
        shop.call("200")
        shop.wait_event("CALL_ESTABLISHED")
        desk.wait_event("CALL_ESTABLISHED")
        shop.hang_up()
        desk.wait_event("CALL_CLOSED")


def test_a_guest_cannot_reach_a_phone(daemon: Daemon, tmp_path: Path, spoken: Path) -> None:
    with Phone(tmp_path / "phone", daemon.sip_port, "caller", None, spoken) as phone:
        phone.call("200")
        phone.wait_event("CALL_CLOSED")
        assert not any(event.get("type") == "CALL_ESTABLISHED" for event in phone.events)
