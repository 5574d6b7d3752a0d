"""A softphone that is not ours, by TLS and SRTP alone: it registers, calls, is called, presses keys and hears."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.interop.conftest import FLOWS, make_config
from tests.kit.baresip import Phone
from tests.kit.certificate import make_certificate
from tests.kit.daemon import Daemon
from tests.kit.sound import CLEAR, found_pieces, read_wav, speechlike, write_wav

pytestmark = pytest.mark.interop


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"), "127.0.0.1")


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory, certificate: Path) -> Iterator[Daemon]:
    """A daemon that speaks TLS and SRTP only."""
    flows = {"music": FLOWS["music"].replace("max_digits: 4", "max_digits: 2"), "desk": FLOWS["desk"]}
    config = make_config(tmp_path_factory.mktemp("daemon") / "it", flows)
    text = config.read_text()
    udp = text.split("listen: ['")[1].split("']")[0]
    text = text.replace(f"'{udp}']", f"'tls:127.0.0.1:{free_port()}'], tls: {{certificate: '{certificate}'}}")
    config.write_text(text.replace("workers: 1}", "workers: 1, srtp: required}"))
    write_wav(config.parent / "prompts" / "played.wav", speechlike(1.5, 7))
    with Daemon(config) as running:
        yield running


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    """What the caller says."""
    path = tmp_path / "spoken.wav"
    write_wav(path, speechlike(20.0, 11))
    return path


def test_a_registered_phone_calls(daemon: Daemon, certificate: Path, tmp_path: Path, spoken: Path) -> None:
    before = len(daemon.records(0))
    with Phone(
        tmp_path / "phone", daemon.sip_port, "200", "secret-200", spoken, srtp="srtp-mand", ca=certificate
    ) as phone:
        phone.registered()
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
    assert record["line"] == "200"
    (file,) = (daemon.folder / "var" / "recordings").glob(f"*{record['short_id']}*.wav")
    assert found_pieces(read_wav(file)[:, 0], read_wav(spoken)[:, 0]) >= CLEAR
    assert "inline:" not in daemon.log()


def test_a_phone_is_called_by_the_connection_it_registered_on(
    daemon: Daemon, certificate: Path, tmp_path: Path, spoken: Path
) -> None:
    answer = tmp_path / "answer.wav"
    write_wav(answer, speechlike(20.0, 12))
    port = daemon.sip_port
    with (
        Phone(
            tmp_path / "desk", port, "200", "secret-200", answer, answer=True, srtp="srtp-mand", ca=certificate
        ) as desk,
        Phone(tmp_path / "caller", port, "201", "secret-201", spoken, srtp="srtp-mand", ca=certificate) as caller,
    ):
        desk.registered()
        caller.registered()
        caller.call("106")
        caller.wait_event("CALL_ESTABLISHED")
        desk.wait_event("CALL_ESTABLISHED")
        time.sleep(3.0)
        caller.command("sndcode", "5")
        desk.wait_for(lambda event: event.get("type") == "CALL_DTMF_START" and event.get("param") == "5", 10, "key 5")
        desk.hang_up()
        caller.wait_event("CALL_CLOSED")
    for phone, said in ((desk, spoken), (caller, answer)):
        assert found_pieces(read_wav(phone.heard())[12000:20000, 0], read_wav(said)[:, 0]) >= CLEAR
