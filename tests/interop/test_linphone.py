"""linphonec by TLS and SRTP: it verifies us, registers, calls the desk, presses keys, and both sides hear."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.interop.conftest import FLOWS, make_config
from tests.kit.certificate import make_certificate
from tests.kit.daemon import Daemon
from tests.kit.linphone import HOST, NAMESPACE, Linphone
from tests.kit.sound import CLEAR, RATE, found_pieces, read_wav, speechlike, write_wav

pytestmark = pytest.mark.interop


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that speaks TLS and SRTP only, in a network of its own."""
    if subprocess.run(["unshare", "-n", "true"], capture_output=True, check=False).returncode:
        pytest.skip("making a network namespace is not permitted here (run as root)")
    (tmp_path / "tls").mkdir()
    certificate = make_certificate(tmp_path / "tls", HOST)
    config = make_config(tmp_path / "it", {"music": FLOWS["music"].replace("max_digits: 4", "max_digits: 2")})
    text = config.read_text()
    udp = text.split("listen: ['")[1].split("']")[0]
    text = text.replace(f"'{udp}']", f"'tls:{HOST}:{free_port()}'], tls: {{certificate: '{certificate}'}}")
    config.write_text(text.replace("workers: 1}", "workers: 1, srtp: required}"))
    with Daemon(config, prefix=NAMESPACE) as running:
        yield running


def test_it_registers_calls_presses_and_hears(daemon: Daemon, tmp_path: Path) -> None:
    said = tmp_path / "said.wav"
    write_wav(said, speechlike(20.0, 11))
    ca = tmp_path / "tls" / "cert.pem"
    with Linphone(tmp_path / "phone", daemon.process.pid, daemon.sip_port, "200", "secret-200", ca) as phone:
        phone.call("105")
        phone.say(f"play {said}")
        time.sleep(5.5)
        for key in "47":
            phone.say(key)
            time.sleep(0.4)
        time.sleep(2.5)
        phone.hang_up()
        record = daemon.records(1)[-1]
    assert (record["line"], record["cause"]) == ("200", "user_hung_up")
    assert "".join(item["digits"] for item in record["digits"]) == "47"
    # In the first second its buffer fills.
    assert found_pieces(speechlike(4.0, 7)[RATE:], read_wav(phone.heard)[:, 0]) >= CLEAR
    (file,) = (daemon.folder / "var" / "recordings").glob(f"*{record['short_id']}*.wav")
    recorded = read_wav(file)[:, 0]
    assert found_pieces(recorded[RATE // 2 : -RATE // 2], read_wav(said)[:, 0]) >= CLEAR
    assert "inline:" not in daemon.log()
