"""Calls by SIPp, in scenarios that other stacks get wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from media.codecs.g711 import ULAW_ENCODE
from media.dtmf.generator import digit_samples
from tests.kit import sipp
from tests.kit.daemon import Daemon

pytestmark = pytest.mark.interop


@pytest.mark.parametrize(
    ("scenario", "number", "cause"),
    [
        ("call", "101", "user_hung_up"),
        ("server_hangs_up", "100", "ended_by_flow"),
        ("cancel", "102", "user_hung_up"),
        ("hold", "101", "user_hung_up"),
        ("lost_ack", "101", "user_hung_up"),
        ("retransmissions", "101", "user_hung_up"),
        ("delayed_offer", "101", "user_hung_up"),
        ("info_digit", "103", "ended_by_flow"),
    ],
)
def test_scenario(daemon: Daemon, tmp_path: Path, scenario: str, number: str, cause: str) -> None:
    before = len(daemon.records(0))
    result = sipp.run(scenario, daemon.sip_port, number, tmp_path)
    assert result.returncode == 0, sipp.explain(tmp_path, result)
    records = daemon.records(before + 1)[before:]
    assert [record["cause"] for record in records] == [cause]
    assert daemon.get("/v1/calls") == {"calls": []}


def test_fifty_calls_at_once(daemon: Daemon, tmp_path: Path) -> None:
    before = len(daemon.records(0))
    result = sipp.run("call", daemon.sip_port, "101", tmp_path, calls=50, rate=50)
    assert result.returncode == 0, sipp.explain(tmp_path, result)
    records = daemon.records(before + 50)[before:]
    assert {record["cause"] for record in records} == {"user_hung_up"}
    assert len({record["sip_call_id"] for record in records}) == 50


@pytest.mark.heavy
def test_a_call_without_ack_ends_by_itself(daemon: Daemon, tmp_path: Path) -> None:
    before = len(daemon.records(0))
    result = sipp.run("no_ack", daemon.sip_port, "101", tmp_path)
    assert result.returncode == 0, sipp.explain(tmp_path, result)
    assert daemon.records(before + 1, 40)[-1]["cause"] == "network"


def _typed(daemon: Daemon, before: int) -> str:
    record = daemon.records(before + 1, 20)[-1]
    return "".join(item["digits"] if "digits" in item else item["digit"] for item in record["digits"])


def test_telephone_events_count_once_each(daemon: Daemon, tmp_path: Path) -> None:
    before = len(daemon.records(0))
    sipp.write_pcap(tmp_path / "rtp.pcap", sipp.event_packets("1122*0#9"))
    result = sipp.run("play_pcap", daemon.sip_port, "104", tmp_path)
    assert result.returncode == 0, sipp.explain(tmp_path, result)
    assert _typed(daemon, before) == "1122*0#9"


def test_tones_in_the_sound_count_once_each(daemon: Daemon, tmp_path: Path) -> None:
    before = len(daemon.records(0))
    silence = np.zeros(800, np.int16)
    parts = [silence]
    for digit in "4711*0#D":
        parts += [digit_samples(digit, 80), silence]
    samples = np.concatenate([*parts, np.zeros(8000, np.int16)])
    sipp.write_pcap(tmp_path / "rtp.pcap", sipp.tone_packets(ULAW_ENCODE[samples.view(np.uint16)]))
    result = sipp.run("play_pcap_no_events", daemon.sip_port, "104", tmp_path)
    assert result.returncode == 0, sipp.explain(tmp_path, result)
    assert _typed(daemon, before) == "4711*0#D"
