"""Calls over IPv6, signalling and sound, beside calls over IPv4 on the same machine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from media.codecs.g711 import ULAW_DECODE, ULAW_ENCODE
from tests.interop.conftest import FLOWS, make_config
from tests.kit.caller import RawCaller
from tests.kit.daemon import Daemon
from tests.kit.sound import CLEAR, find, found_pieces, read_wav, speechlike, write_wav

pytestmark = [pytest.mark.interop, pytest.mark.heavy]


def test_callers_of_both_families_are_heard_hear_and_press(tmp_path: Path) -> None:
    flows = {"music": FLOWS["music"].replace("max_digits: 4", "max_digits: 1")}
    config = make_config(tmp_path / "it", flows)
    port = config.read_text().split("'udp:127.0.0.1:")[1].split("'")[0]
    both = f"'udp:127.0.0.1:{port}', 'udp:[::1]:{port}'"
    config.write_text(config.read_text().replace(f"'udp:127.0.0.1:{port}'", both))
    write_wav(config.parent / "prompts" / "played.wav", speechlike(0.8, 7))
    said = ULAW_ENCODE[speechlike(1.2, 11).astype(np.int16).view(np.uint16)].tobytes()
    with Daemon(config) as daemon, RawCaller(daemon.sip_port, host="::1", server="::1") as six:
        with RawCaller(daemon.sip_port) as four:
            for caller in (six, four):
                caller.call("105")
            six.be_silent(2.0)
            for caller in (six, four):
                caller.press("5")
                caller.be_silent(0.3)
            six.speak(said)
            for caller in (six, four):
                assert caller.hang_up() == 200
        records = daemon.records(2)
        assert six.remote[0] == "::1"
        assert {packet.source[0] for packet in six.packets} == {"::1"}
        assert [record["digits"][0]["digits"] for record in records] == ["5", "5"]
        heard = ULAW_DECODE[np.frombuffer(six.heard(), np.uint8)].astype(np.float64)
        match = find(speechlike(0.8, 7), heard)
        assert match.correlation > 0.98, match
        files = list((daemon.folder / "var" / "recordings").glob("*.wav"))
        recorded = max((read_wav(file)[:, 0] for file in files), key=lambda sound: np.abs(sound).sum())
        assert found_pieces(speechlike(1.2, 11)[:8000], recorded) >= CLEAR
