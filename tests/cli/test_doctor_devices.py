"""`ivr doctor` on lines on hardware: ports that are there or not, who has them, and sound devices by name."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.cli.doctor import devices
from ivr.cli.doctor.devices import device_checks, holders
from ivr.cli.doctor.finding import Finding
from ivr.settings import Settings
from media.devices import CardError, CardInfo

Make = Callable[[str], Settings]


@pytest.fixture
def port() -> Iterator[str]:
    master, slave = os.openpty()
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


def found(settings: Settings) -> list[tuple[str, str, str]]:
    return [(one.what, one.status, one.found) for one in device_checks(settings)]


def modem(make: Make, port: str, more: str = "") -> Settings:
    return make(f"lines: {{old: {{type: modem, port: {port}}}}}\n{more}")


def test_a_port_that_is_there(make_settings: Make, port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_runs", lambda program: False)
    assert found(modem(make_settings, port)) == [("old", "ok", f"{port} is there")]


def test_a_port_that_is_not_there(make_settings: Make) -> None:
    ((what, status, text),) = found(modem(make_settings, "/dev/ttyNONE"))
    assert (what, status, text) == ("old", "fault", "there is no serial port /dev/ttyNONE")


def test_a_port_that_may_not_be_opened(make_settings: Make, port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    (finding,) = device_checks(modem(make_settings, port))
    assert (finding.status, finding.found) == ("fault", f"{port} may not be opened")
    assert finding.advice.startswith("adduser ivr ")


@pytest.mark.parametrize(("command", "status"), [("ivr.devices", "ok"), ("minicom", "fault")])
def test_who_has_the_port(
    make_settings: Make, port: str, command: str, status: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "_runs", lambda program: program == "ModemManager")
    code = "import sys; file = open(sys.argv[2]); print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", code, command, port], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None and other.stdin is not None
        other.stdout.readline()
        assert [pid for pid, _ in holders(port)] == [other.pid]
        findings = list(device_checks(modem(make_settings, port)))
        other.stdin.close()
    assert [(one.what, one.status) for one in findings] == [
        ("old", "ok"),
        ("old", status),
        ("old, ModemManager", "warning"),
    ]
    assert f"process {other.pid}" in findings[1].found


def test_nobody_has_what_is_not_there() -> None:
    assert holders("/dev/ttyNONE") == []


def card(name: str, inputs: int, outputs: int) -> CardInfo:
    return CardInfo(0, name, inputs, outputs, 48000)


def test_sound_devices_by_name(make_settings: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("media.devices.list_cards", lambda: [card("USB handset", 1, 2), card("HDMI", 0, 8)])
    settings = make_settings("lines: {desk: {type: sound_card, input: handset, output: handset, channel: 2}}")
    assert found(settings) == [
        ("desk, input", "fault", "USB handset has 1 channels"),
        ("desk, output", "ok", "USB handset"),
    ]
    settings = make_settings("lines: {desk: {type: sound_card, input: HDMI}}")
    (first, *_) = device_checks(settings)
    assert first.status == "fault" and "no input device 'HDMI'" in first.found


def test_without_portaudio_it_says_what_to_install(make_settings: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def none() -> list[CardInfo]:
        raise CardError("PyAudio is not installed")

    monkeypatch.setattr("media.devices.list_cards", none)
    (finding,) = device_checks(make_settings("lines: {desk: {type: sound_card}}"))
    assert (finding.status, finding.found) == ("fault", "PyAudio is not installed")
    assert "ivr[phone]" in finding.advice


def test_the_services_user_must_be_in_the_groups(make_settings: Make, port: str) -> None:
    findings: list[Finding] = list(device_checks(modem(make_settings, port, "user: nobody\n")))
    (group,) = [one for one in findings if one.what == "group dialout"]
    assert (group.status, group.advice) == ("fault", "adduser nobody dialout")


def test_lines_over_the_network_have_no_devices(make_settings: Make, tmp_path: Path) -> None:
    assert found(make_settings("lines: {a: {type: sip_trunk, host: h}}\nuser: nobody\n")) == []
