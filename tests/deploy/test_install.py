"""`deploy/install.sh` into a folder of its own: what lies where, twice, beside Asterisk, and away again."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.settings import load_settings
from tests.kit.overlay import in_overlay
from tests.kit.sipp import require

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "deploy").rglob("*.sh"))


def install(prefix: Path, *options: str, code: int = 0) -> str:
    """What it says."""
    run = subprocess.run(
        ["sh", "deploy/install.sh", "--prefix", str(prefix), "--no-venv", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHON": sys.executable},
    )
    assert run.returncode == code, run.stdout + run.stderr
    return run.stdout + run.stderr


def files(prefix: Path) -> set[str]:
    return {path.relative_to(prefix).as_posix() for path in prefix.rglob("*") if path.is_file()}


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:04o}"


@pytest.fixture
def asterisk(tmp_path: Path) -> Path:
    """A machine with Asterisk, which has the ports 10000-20000 for sound."""
    folder = tmp_path / "etc" / "asterisk"
    folder.mkdir(parents=True)
    (folder / "rtp.conf").write_text("[general]\n; rtpstart=5000\nrtpstart=10000\nrtpend=20000\n")
    return tmp_path


def test_everything_has_its_place_and_the_configuration_holds(tmp_path: Path) -> None:
    install(tmp_path)
    assert {
        "etc/ivr/ivr.yaml",
        "etc/ivr/flows/welcome.yaml",
        "etc/systemd/system/ivr.service",
        "etc/logrotate.d/ivr",
        "usr/share/ivr/prometheus/alerts.yml",
        "usr/share/ivr/grafana/ivr.json",
        "usr/share/doc/ivr/security.md",
    } <= files(tmp_path)
    assert mode(tmp_path / "etc/ivr/ivr.yaml") == "0640"
    assert mode(tmp_path / "etc/ivr/secrets") == mode(tmp_path / "var/lib/ivr") == "0750"
    settings = load_settings(tmp_path / "etc/ivr/ivr.yaml", {})
    assert settings.store == "sqlite:////var/lib/ivr/ivr.db"
    assert (settings.recordings, settings.token_file) == (
        Path("/var/lib/ivr/recordings"),
        Path("/var/lib/ivr/api.token"),
    )
    assert not settings.lines
    assert settings.flows == tmp_path / "etc/ivr/flows"


def test_a_second_time_changes_nothing_of_yours_and_mends_what_is_ours(tmp_path: Path) -> None:
    install(tmp_path)
    config, flow = tmp_path / "etc/ivr/ivr.yaml", tmp_path / "etc/ivr/flows/welcome.yaml"
    unit = tmp_path / "etc/systemd/system/ivr.service"
    config.write_text("sip: {listen: ['udp:192.0.2.1:5060']}\n")
    flow.unlink()
    unit.write_text("[Unit]\n")
    said = install(tmp_path)
    assert config.read_text().startswith("sip: {listen: ['udp:192.0.2.1")
    assert not flow.exists()
    assert unit.read_text() == (ROOT / "deploy/systemd/ivr.service").read_text()
    assert "kept: " in said
    third = install(tmp_path)
    assert "installed: " not in third


def test_beside_asterisk_another_port_and_other_sound_ports_are_taken(asterisk: Path) -> None:
    said = install(asterisk)
    settings = load_settings(asterisk / "etc/ivr/ivr.yaml", {})
    (listener,) = settings.sip.listen
    assert (listener.host, listener.port in (5070, 5080, 5090, 5170)) == ("127.0.0.1", True)
    assert (settings.media.ports.first, settings.media.ports.last) == (20002, 29999)
    assert settings.lines["pbx"].host == "127.0.0.1"
    assert f"contact=sip:127.0.0.1:{listener.port}" in said


@pytest.mark.parametrize(
    ("rtp", "additional", "ports"),
    [
        ("[general]\n", None, (31002, 39999)),  # nothing is said: 5000-31000
        ("#include rtp_additional.conf\n", "rtpstart=10000\nrtpend=20000\n", (20002, 29999)),
        ("rtpstart = 16384 ; first\nrtpend => 32767\n", None, (40002, 49999)),
        ("rtpstart=20000\nrtpend=65000\n", None, (10002, 19999)),
    ],
)
def test_sound_ports_of_asterisk_are_left_alone(
    asterisk: Path, rtp: str, additional: str | None, ports: tuple[int, int]
) -> None:
    (asterisk / "etc/asterisk/rtp.conf").write_text(rtp)
    if additional is not None:
        (asterisk / "etc/asterisk/rtp_additional.conf").write_text(additional)
    install(asterisk)
    found = load_settings(asterisk / "etc/ivr/ivr.yaml", {}).media.ports
    assert (found.first, found.last) == ports


def test_where_asterisk_has_all_ports_they_must_be_given(asterisk: Path) -> None:
    (asterisk / "etc/asterisk/rtp.conf").write_text("rtpstart=1024\nrtpend=65535\n")
    assert "give ours by --rtp" in install(asterisk, code=1)
    install(asterisk, "--rtp", "30200-30299")


def test_a_taken_port_is_not_taken(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        with contextlib.suppress(OSError):  # somebody has it already: as good
            taken.bind(("127.0.0.1", 5060))
        install(tmp_path)
    assert load_settings(tmp_path / "etc/ivr/ivr.yaml", {}).sip.listen[0].port != 5060


def test_what_is_asked_for_is_written(tmp_path: Path) -> None:
    install(tmp_path, "--listen", "192.0.2.9", "--sip-port", "5099", "--http-port", "8099", "--pbx", "192.0.2.1:5160")
    settings = load_settings(tmp_path / "etc/ivr/ivr.yaml", {})
    assert str(settings.sip.listen[0]) == "udp:192.0.2.9:5099"
    assert (settings.lines["pbx"].host, settings.lines["pbx"].port) == ("192.0.2.1", 5160)
    assert str(settings.http.listen) == "127.0.0.1:8099"


def test_a_dry_run_does_nothing(tmp_path: Path) -> None:
    said = install(tmp_path, "--dry-run")
    assert "would run: install -D -m 0640" in said
    assert "installed: " not in said
    assert not list(tmp_path.iterdir())


def test_what_is_yours_stays_unless_it_is_to_go(tmp_path: Path) -> None:
    install(tmp_path)
    (tmp_path / "var/lib/ivr/ivr.db").write_text("records")
    install(tmp_path, "--uninstall")
    assert files(tmp_path) == {"etc/ivr/ivr.yaml", "etc/ivr/flows/welcome.yaml", "var/lib/ivr/ivr.db"}
    install(tmp_path, "--uninstall", "--purge")
    assert not files(tmp_path)


def test_fail2ban_is_told_where_it_is_installed(tmp_path: Path) -> None:
    (tmp_path / "etc" / "fail2ban").mkdir(parents=True)
    install(tmp_path)
    brought = {"etc/fail2ban/filter.d/ivr.conf", "etc/fail2ban/jail.d/ivr.conf"}
    assert brought <= files(tmp_path)
    install(tmp_path, "--uninstall")
    assert not brought & files(tmp_path)


def test_devices_are_opened_where_lines_on_hardware_are_asked_for(tmp_path: Path) -> None:
    brought = {"etc/systemd/system/ivr.service.d/hardware.conf", "etc/udev/rules.d/70-ivr.rules"}
    install(tmp_path)
    assert not brought & files(tmp_path)
    # As on a machine that has the Debian package.
    install(tmp_path, "--configure", "--hardware")
    assert brought <= files(tmp_path)
    opening = tmp_path / "etc/systemd/system/ivr.service.d/hardware.conf"
    opening.write_text("[Service]\n")
    install(tmp_path)  # an update, which is not told again
    assert opening.read_text() == (ROOT / "deploy/systemd/hardware.conf").read_text()
    install(tmp_path, "--uninstall")
    assert not brought & files(tmp_path)


def test_what_hardware_needs_is_installed_and_permitted(tmp_path: Path) -> None:
    said = install(tmp_path, "--hardware", "--dry-run")
    assert "70-ivr.rules" in said
    plain = subprocess.run(
        ["sh", "deploy/install.sh", "--dry-run", "--hardware"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "portaudio19-dev" in plain.stdout
    assert "would run: adduser --quiet ivr dialout" in plain.stdout
    assert "would run: adduser --quiet ivr audio" in plain.stdout


@pytest.mark.parametrize("options", [["--sip-port"], ["--purge"], ["--frobnicate"]])
def test_wrong_words_are_refused(tmp_path: Path, options: list[str]) -> None:
    install(tmp_path, *options, code=1)
    assert not files(tmp_path)


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_hold(script: str) -> None:
    subprocess.run(["sh", "-n", script], cwd=ROOT, check=True)
    subprocess.run([require("shellcheck"), "-x", script], cwd=ROOT, check=True)


# For once with everything, on a copy of this machine

LIFE = r"""
mkdir -p /etc/asterisk
printf '[general]\nrtpstart=10000\nrtpend=20000\n' >/etc/asterisk/rtp.conf
mkdir /tmp/checkout
tar -C /mnt --exclude=.venv --exclude=.git --exclude=var -cf - . | tar -xf - -C /tmp/checkout
cd /tmp/checkout
sh deploy/install.sh --no-packages --no-start
id ivr
ivr --version
ivr check
stat -c '%a %U:%G %n' /etc/ivr/ivr.yaml /etc/ivr/secrets /var/lib/ivr
printf secret >/etc/ivr/secrets/PBX_PASSWORD
echo '# mine' >>/etc/ivr/ivr.yaml
(cd / && setpriv --reuid ivr --regid ivr --clear-groups env HOME=/var/lib/ivr timeout -s TERM 15 ivr serve) || true
sh deploy/install.sh --no-packages --no-start
stat -c '%a %U:%G %n' /etc/ivr/secrets/PBX_PASSWORD
tail -n 1 /etc/ivr/ivr.yaml
sh deploy/install.sh --uninstall
test -f /etc/ivr/ivr.yaml
test ! -e /opt/ivr
sh deploy/install.sh --uninstall --purge
test ! -e /etc/ivr
! id ivr
echo gone
"""


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_a_life_on_a_machine_with_asterisk(tmp_path: Path) -> None:
    said = in_overlay(LIFE, tmp_path, ROOT)
    assert "640 root:ivr /etc/ivr/ivr.yaml" in said
    assert "750 ivr:ivr /var/lib/ivr" in said
    assert "640 root:ivr /etc/ivr/secrets/PBX_PASSWORD" in said
    assert re.search(r"ready sip=udp:127\.0\.0\.1:50[789]0 http=", said)
    assert "\n# mine\n" in said
    assert said.rstrip().endswith("gone")


# Log files


def test_a_log_file_is_rotated_and_pressed(tmp_path: Path) -> None:
    logs = tmp_path / "log"
    logs.mkdir(mode=0o750)
    config = tmp_path / "logrotate"
    text = (ROOT / "deploy/logrotate/ivr").read_text()
    me = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
    group = subprocess.run(["id", "-gn"], capture_output=True, text=True, check=True).stdout.strip()
    config.write_text(text.replace("/var/log/ivr", str(logs)).replace(" ivr ivr", f" {me} {group}"))
    config.chmod(0o644)
    rotate = [require("logrotate"), "-s", str(tmp_path / "state"), str(config)]
    checked = subprocess.run([*rotate, "-d"], capture_output=True, text=True, check=True)
    assert "error" not in checked.stderr
    for day in ("first", "second"):
        (logs / "ivr.log").write_text(f"{day}\n")
        subprocess.run([*rotate, "-f"], check=True)
    assert sorted(path.name for path in logs.iterdir()) == ["ivr.log", "ivr.log.1", "ivr.log.2.gz"]
    assert (logs / "ivr.log.1").read_text() == "second\n"
    assert mode(logs / "ivr.log") == "0640"
