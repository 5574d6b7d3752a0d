"""pyVoIP as a softphone in a process and a virtual environment of its own (it is GPL: never imported here)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import free_port
from tests.interop.conftest import make_config
from tests.kit.daemon import Daemon
from tests.kit.sound import find, speechlike

pytestmark = pytest.mark.interop

VERSION = "1.6.8"
ENVIRONMENT = Path(__file__).resolve().parents[2] / "var" / f"pyvoip-{VERSION}"
CHILD = Path(__file__).resolve().parents[1] / "kit" / "pyvoip_child.py"
LONGEST = 60.0

# It rings first: pyVoIP enters its call into its table after it has sent the INVITE, and an answer that comes before
# finds no call.
FLOWS = {
    "music": """
        elements:
          start: {type: start_incoming_call, numbers: ["105"], answer: {after: 1s}, next: sound}
          sound: {type: play, file: played.wav, pause: 1s, next: done}
          done: {type: hang_up}
    """,
}


@pytest.fixture(scope="module")
def interpreter() -> Path:
    """The Python of an environment that has pyVoIP; made on first use, kept under var/."""
    if sys.version_info >= (3, 13):
        pytest.skip(f"pyVoIP {VERSION} needs audioop, which Python {sys.version_info.minor} no longer has")
    python = ENVIRONMENT / "bin" / "python"
    if not (ENVIRONMENT / "complete").exists():
        venv.create(ENVIRONMENT, with_pip=True, clear=True)
        done = subprocess.run(
            [python, "-m", "pip", "install", "-q", f"pyVoIP=={VERSION}"], capture_output=True, text=True, check=False
        )
        if done.returncode:
            reason = f"pyVoIP {VERSION} cannot be installed: {done.stderr.strip()[-300:]}"
            if os.environ.get("CI"):
                pytest.fail(reason)
            pytest.skip(reason)
        (ENVIRONMENT / "complete").touch()
    return python


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon whose 105 plays 4 s of sound and hangs up."""
    config = make_config(tmp_path / "daemon", FLOWS)
    config.write_text(config.read_text().replace("sip: {", "sip: {legacy_digest: true, "))  # pyVoIP knows no qop
    with Daemon(config) as running:
        yield running


def test_registers_calls_hears_and_is_hung_up(daemon: Daemon, interpreter: Path, tmp_path: Path) -> None:
    heard = tmp_path / "heard.raw"
    arguments = [daemon.sip_port, "201", "secret-201", free_port(), 32_600 + os.getpid() % 8 * 20, "105", heard]
    done = subprocess.run(
        [interpreter, CHILD, *map(str, arguments)], capture_output=True, text=True, timeout=LONGEST, check=False
    )
    events = [json.loads(line)["event"] for line in done.stdout.splitlines() if line.startswith("{")]
    assert events[:3] == ["registered", "answered", "ended"], f"{done.stdout}\n{done.stderr}\n{daemon.log()}"
    record = daemon.records(1)[-1]
    assert (record["line"], record["caller"], record["cause"]) == ("201", "201", "ended_by_flow")
    # pyVoIP gives 8-bit samples and fills what is late with silence: the sound is there, not every frame whole.
    samples = (np.frombuffer(heard.read_bytes(), np.uint8).astype(np.float64) - 128) * 256
    match = find(speechlike(4.0, 7), samples)
    assert match.correlation > 0.9, match
    assert abs(match.level) < 1.0, match
