"""The Debian package: built, judged by lintian, and installed into a copy of this machine that nobody else sees."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.kit.overlay import in_overlay
from tests.kit.sipp import require

ROOT = Path(__file__).resolve().parents[2]
BUILD_SECONDS = 900

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(BUILD_SECONDS)]

LIFE = r"""
dpkg -i /mnt/ivr_*.deb
id ivr
ivr --version
ivr check
stat -c '%a %U:%G %n' /etc/ivr/ivr.yaml /var/lib/ivr /etc/ivr/secrets
echo '# mine' >>/etc/ivr/ivr.yaml
port=$(sed -n 's/^http: .*:\([0-9]*\)".*/\1/p' /etc/ivr/ivr.yaml)
setpriv --reuid ivr --regid ivr --clear-groups env HOME=/var/lib/ivr timeout -s TERM 20 ivr serve &
for turn in $(seq 60); do
    ! python3 -c "import urllib.request as u; print(u.urlopen('http://127.0.0.1:$port/readyz').read())" || break
    sleep 0.3
done 2>/dev/null
kill %1 2>/dev/null || true
wait || true
dpkg -i /mnt/ivr_*.deb
tail -n 1 /etc/ivr/ivr.yaml
dpkg -r ivr
test -f /etc/ivr/ivr.yaml
test ! -e /opt/ivr
dpkg -P ivr
test ! -e /etc/ivr
test ! -e /var/lib/ivr
echo gone
"""


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("dpkg-deb")
    folder = tmp_path_factory.mktemp("deb")
    subprocess.run(["sh", "deploy/deb/build.sh", str(folder)], cwd=ROOT, check=True, timeout=BUILD_SECONDS)
    (built,) = folder.glob("ivr_*.deb")
    return built


def test_lintian_finds_no_error(package: Path) -> None:
    lintian = require("lintian")
    run = subprocess.run(
        [lintian, "--allow-root", "--fail-on", "error,warning", str(package)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout


def test_it_is_installed_updated_removed_and_purged(package: Path, tmp_path: Path) -> None:
    said = in_overlay(LIFE, tmp_path, package.parent)
    assert "640 root:ivr /etc/ivr/ivr.yaml" in said
    assert "750 ivr:ivr /var/lib/ivr" in said
    assert "ready sip=udp:" in said
    assert "\n# mine\n" in said
    assert said.rstrip().endswith("gone")


SANDBOX = r"""
dpkg -i /mnt/ivr_*.deb
sed -i 's/udp:0.0.0.0:5060/udp:127.0.0.1:506/; s/127.0.0.1:8080/127.0.0.1:18080/' /etc/ivr/ivr.yaml
cp UNIT_SANDBOX /tmp/sandbox.py
/usr/bin/python3 /tmp/sandbox.py /lib/systemd/system/ivr.service \
    /usr/bin/timeout -s TERM 60 /opt/ivr/venv/bin/ivr --config /etc/ivr/ivr.yaml serve &
for turn in $(seq 100); do
    ! curl -sf http://127.0.0.1:18080/readyz || break
    sleep 0.5
done
python3 -c "import urllib.request as u; print(u.urlopen('http://127.0.0.1:18080/metrics').read().decode())"
worker=$(pgrep -u ivr -f media.worker | head -n 1)
chrt -p "$worker"
grep CapEff "/proc/$worker/status"
pkill -u ivr -f 'timeout -s TERM' || true
wait || true
"""


def test_the_daemon_works_within_what_the_unit_permits(package: Path, tmp_path: Path) -> None:
    """Its system calls, capabilities and files, on a port below 1024."""
    if subprocess.run(["/usr/bin/python3", "-c", "import seccomp"], check=False).returncode:
        pytest.skip("needs python3-seccomp")
    require("systemd-analyze")
    commands = SANDBOX.replace("UNIT_SANDBOX", str(ROOT / "tests" / "kit" / "unit_sandbox.py"))
    said = in_overlay(commands, tmp_path, package.parent)
    assert "ready sip=udp:127.0.0.1:506 " in said
    assert "SCHED_RR" in said
    assert "CapEff:\t0000000000000000" in said
    for name in ("process_open_fds", 'ivr_media_worker_memory_bytes{worker="0"}', "ivr_ready 1.0"):
        assert f"\n{name}" in said, name
