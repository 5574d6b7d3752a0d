"""The unit of the service, as systemd itself judges it, and what the daemon needs of it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from ivr.settings import Limits
from tests.kit.sipp import require

ROOT = Path(__file__).resolve().parents[2]
UNIT = ROOT / "deploy" / "systemd" / "ivr.service"
MOST_EXPOSED = 2.5


def settings() -> dict[str, str]:
    """Keys of [Service]; of those that stand twice the last."""
    lines = UNIT.read_text().partition("[Service]")[2].partition("[Install]")[0].splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "ivr.service"
    unit.write_text(UNIT.read_text().replace("/opt/ivr/venv/bin/ivr ", "/bin/true "))
    run = subprocess.run([require("systemd-analyze"), "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout + run.stderr) == (0, "")


def test_lines_on_hardware_open_their_devices_and_no_others(tmp_path: Path) -> None:
    opening = (ROOT / "deploy" / "systemd" / "hardware.conf").read_text()
    unit = tmp_path / "ivr.service"
    unit.write_text(UNIT.read_text().replace("/opt/ivr/venv/bin/ivr ", "/bin/true "))
    (tmp_path / "ivr.service.d").mkdir()
    (tmp_path / "ivr.service.d" / "hardware.conf").write_text(opening)
    run = subprocess.run([require("systemd-analyze"), "verify", str(unit)], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout + run.stderr) == (0, "")
    assert "PrivateDevices=no\n" in opening and "DevicePolicy=closed\n" in opening
    allowed = {line.split("=")[1] for line in opening.splitlines() if line.startswith("DeviceAllow=")}
    assert allowed == {"char-ttyACM rw", "char-ttyUSB rw", "char-alsa rw", "char-hidraw rw"}


def test_little_of_the_system_is_open_to_it() -> None:
    run = subprocess.run(
        [require("systemd-analyze"), "security", "--offline=true", "--no-pager", str(UNIT)],
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"Overall exposure level for ivr.service: (\d+\.\d)", run.stdout)
    assert found is not None, run.stdout + run.stderr
    assert float(found[1]) <= MOST_EXPOSED


def test_it_has_what_low_ports_and_real_time_need() -> None:
    found = settings()
    wanted = {"CAP_NET_BIND_SERVICE", "CAP_SYS_NICE"}
    assert wanted == set(found["AmbientCapabilities"].split()) == set(found["CapabilityBoundingSet"].split())
    assert int(found["LimitRTPRIO"]) >= 1
    filters = [line for line in UNIT.read_text().splitlines() if line.startswith("SystemCallFilter=")]
    assert not any(line.startswith("SystemCallFilter=~") and "@resources" in line for line in filters)
    assert "SystemCallFilter=capset" in filters  # capabilities are given up once they have done their service


def test_files_suffice_for_the_calls_that_are_permitted() -> None:
    assert int(settings()["LimitNOFILE"]) >= 2 * 2 * Limits().calls


def test_stopping_takes_longer_than_draining() -> None:
    found = settings()
    assert int(found["TimeoutStopSec"]) > Limits().drain_timeout + 10
    assert found["KillMode"] == "mixed"


def test_what_is_written_has_a_folder() -> None:
    found = settings()
    assert found["ProtectSystem"] == "strict"
    for kind in ("State", "Cache", "Logs", "Configuration"):
        assert found[f"{kind}Directory"] == "ivr"
