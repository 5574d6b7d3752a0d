"""`ivr doctor`: what each check finds, and a loop call for real."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from ivr.cli.doctor.finding import Finding
from ivr.cli.doctor.host import host_checks
from ivr.cli.doctor.loop import OURS, RATE, THEIRS, Outcome, judged, loop_checks, tone_seconds
from ivr.cli.doctor.network import nat_checks
from ivr.cli.doctor.ports import daemon_answers, port_checks
from ivr.cli.main import cli
from ivr.settings import Settings, load_settings
from ivr.sip.stun import binding_response, read_request


def by_what(findings: list[Finding]) -> dict[str, Finding]:
    return {finding.what: finding for finding in findings}


def sine(frequency: float, seconds: float) -> np.ndarray:
    count = np.arange(int(seconds * RATE))
    return (8000 * np.sin(2 * np.pi * frequency * count / RATE)).astype(np.int16)


# Ports


def test_free_ports(config_file: Path) -> None:
    settings = load_settings(config_file)
    assert not daemon_answers(settings)
    assert {finding.status for finding in port_checks(settings, running=False)} == {"ok"}


def test_a_port_that_another_program_has(config_file: Path) -> None:
    settings = load_settings(config_file)
    entry = settings.sip.listen[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((entry.host, entry.port))
        found = by_what(list(port_checks(settings, running=False)))[str(entry)]
        assert (found.status, found.found) == ("fault", "taken by another program")
        assert "5070" in found.advice


def test_an_address_that_this_machine_has_not(make_settings: Callable[[str], Settings]) -> None:
    settings = make_settings("sip: {listen: ['udp:192.0.2.55:5060']}")
    found = by_what(list(port_checks(settings, running=False)))["udp:192.0.2.55:5060"]
    assert (found.status, found.found) == ("fault", "this machine does not have the address")


def test_an_rtp_range_among_the_ports_of_the_kernel(make_settings: Callable[[str], Settings]) -> None:
    settings = make_settings("media: {ports: '40000-40100'}")
    found = by_what(list(port_checks(settings, running=False)))["rtp and the kernel's"]
    assert found.status == "warning"


# Host


def test_the_host_is_looked_at_without_a_fault(config_file: Path) -> None:
    found = by_what(list(host_checks(load_settings(config_file))))
    assert {"system", "cores", "media loops", "open files", "timers", "recordings", "cache"} <= set(found)
    assert not [finding for finding in found.values() if finding.status == "fault"]


# The loop


def test_seconds_of_a_tone() -> None:
    assert tone_seconds(sine(THEIRS, 1.0), THEIRS) == pytest.approx(1.0, abs=0.06)
    assert tone_seconds(sine(THEIRS, 1.0), OURS) == 0
    assert tone_seconds(np.zeros(8000, np.int16), THEIRS) == 0
    noise = np.random.default_rng(1).normal(0, 3000, 8000).astype(np.int16)
    assert tone_seconds(noise, THEIRS) == 0


def test_what_a_loop_call_is_judged_by() -> None:
    good = Outcome(sine(THEIRS, 1.5), sine(OURS, 1.5), {"rfc4733": "1", "info": "2", "inband": "3"}, "pcmu", 0, 0.1)
    assert {finding.status for finding in judged(good, "pcmu")} == {"ok"}
    bad = Outcome(sine(THEIRS, 1.5), np.zeros(8000, np.int16), {"rfc4733": "11", "info": "2"}, "pcma", 3, 0.1)
    found = by_what(list(judged(bad, "pcmu")))
    assert found["call, pcmu"].status == "warning"
    assert found["sound from the daemon, pcmu"].status == "ok"
    assert found["sound to the daemon, pcmu"].status == "fault"
    assert (found["key by rfc4733, pcmu"].status, found["key by rfc4733, pcmu"].found) == ("fault", "taken as '11'")
    assert found["key by info, pcmu"].status == "ok"
    assert found["key by inband, pcmu"].found == "not taken"


@pytest.mark.alone
def test_a_loop_call(make_settings: Callable[[str], Settings]) -> None:
    findings = list(loop_checks(make_settings("media: {codecs: [pcma]}")))
    assert len(findings) == 6
    assert {finding.status for finding in findings} == {"ok"}, findings


# The command


def test_the_report_and_its_exit_code(config_file: Path) -> None:
    runner = CliRunner()
    good = runner.invoke(cli, ["--config", str(config_file), "doctor", "--only", "ports"])
    assert (good.exit_code, "0 at fault" in good.output) == (0, True), good.output
    entry = load_settings(config_file).sip.listen[0]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind((entry.host, entry.port))
        bad = runner.invoke(cli, ["--config", str(config_file), "doctor", "--only", "ports"])
        told = runner.invoke(cli, ["--config", str(config_file), "doctor", "--only", "ports", "--json"])
    assert bad.exit_code == told.exit_code == 1
    assert "FAULT" in bad.output and "1 at fault" in bad.output
    assert [row["status"] for row in json.loads(told.output)].count("fault") == 1


# NAT


def test_a_public_address_that_a_server_tells(make_settings: Callable[[str], Settings]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        port = server.getsockname()[1]

        def answer() -> None:
            data, peer = server.recvfrom(2048)
            transaction = read_request(data)
            assert transaction is not None
            server.sendto(binding_response(transaction, "203.0.113.7", 4000), peer)

        thread = threading.Thread(target=answer)
        thread.start()
        settings = make_settings(f"sip: {{listen: ['udp:0.0.0.0:5060'], public_address: 'stun:127.0.0.1:{port}'}}")
        (found,) = nat_checks(settings)
        thread.join()
    assert (found.status, "203.0.113.7" in found.found) == ("ok", True), found


def test_a_listener_that_only_this_machine_reaches(config_file: Path) -> None:
    (found,) = nat_checks(load_settings(config_file))
    assert found.status == "skipped"
