"""baresip with SRTP: encrypted sound and keys both ways, and nothing in clear where that is required."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.conftest import FLOWS, make_config
from tests.kit.baresip import Phone
from tests.kit.daemon import Daemon
from tests.kit.sound import CLEAR, found_pieces, read_wav, speechlike, write_wav

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that speaks SRTP only."""
    flows = {"music": FLOWS["music"].replace("max_digits: 4", "max_digits: 2"), "desk": FLOWS["desk"]}
    config = make_config(tmp_path_factory.mktemp("daemon"), flows)
    config.write_text(config.read_text().replace("workers: 1}", "workers: 1, srtp: required}"))
    write_wav(config.parent / "prompts" / "played.wav", speechlike(1.5, 7))
    with Daemon(config) as running:
        yield running


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """What the caller says."""
    path = tmp_path / "spoken.wav"
    write_wav(path, speechlike(20.0, 11))
    return path


def test_a_caller_hears_presses_and_is_heard(daemon: Daemon, tmp_path: Path, spoken: Path) -> None:
    before = len(daemon.records(0))
    with Phone(tmp_path / "phone", daemon.sip_port, "caller", None, spoken, srtp="srtp-mand") as phone:
        phone.call("105")
        phone.wait_event("CALL_ESTABLISHED")
        daemon.reaches("ask")
        phone.press("47")
        time.sleep(1.5)
        phone.hang_up()
        phone.wait_event("CALL_CLOSED")
        record = daemon.records(before + 1)[-1]
    assert found_pieces(speechlike(1.5, 7), read_wav(phone.heard())[:, 0]) >= CLEAR
    assert "".join(item["digits"] for item in record["digits"]) == "47"
    assert record["quality"]["refused"] <= 4  # its RTCP at the begin and the end is not encrypted
    (file,) = (daemon.folder / "var" / "recordings").glob(f"*{record['short_id']}*.wav")
    said = read_wav(file)[:, 0]
    assert len(said) > 8000
    assert found_pieces(said, read_wav(spoken)[:, 0]) >= CLEAR
    assert "inline:" not in daemon.log()


def test_a_call_is_forwarded_to_a_phone_that_wants_it_encrypted(daemon: Daemon, tmp_path: Path, spoken: Path) -> None:
    answer = tmp_path / "answer.wav"
    write_wav(answer, speechlike(20.0, 12))
    with (
        Phone(tmp_path / "desk", daemon.sip_port, "200", "secret-200", answer, answer=True, srtp="srtp-mand") as desk,
        Phone(tmp_path / "caller", daemon.sip_port, "caller", None, spoken, srtp="srtp") as caller,
    ):
        desk.registered()
        caller.call("106")
        caller.wait_event("CALL_ESTABLISHED")
        desk.wait_event("CALL_ESTABLISHED")
        time.sleep(2.5)
        desk.hang_up()
        caller.wait_event("CALL_CLOSED")
    for phone, said in ((desk, spoken), (caller, answer)):
        assert found_pieces(read_wav(phone.heard())[4000:12000, 0], read_wav(said)[:, 0]) >= CLEAR


def test_a_caller_in_clear_is_refused(daemon: Daemon, tmp_path: Path, spoken: Path) -> None:
    with Phone(tmp_path / "phone", daemon.sip_port, "caller", None, spoken) as phone:
        phone.call("105")
        closed = phone.wait_event("CALL_CLOSED")
    assert "488" in closed["param"]
