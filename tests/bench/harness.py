"""What the load bench needs around the calls: the generator, its sounds, a daemon to measure, the machine's name."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.conftest import free_port
from tests.kit.daemon import Daemon

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "load"
"""The load generator with its workloads and the sounds of both sides; not part of this repository."""
CACHE = ROOT / "var" / "bench"
FLOWS = Path(__file__).resolve().parent / "flows"

FORCE_PYTHON = """\
import sys
sys.modules["media._batch"] = None
"""
"""As `sitecustomize`, hides the compiled socket loops from the daemon and its workers."""


def generator() -> Path | None:
    """The folder of the generator, built and with its sounds; None where the harness is absent."""
    if not SHARED.exists():
        return None
    folder = CACHE / "load"
    if not (folder / "callgen.c").exists():
        shutil.copytree(SHARED, folder, dirs_exist_ok=True)
        for path in folder.rglob("*"):
            path.chmod(path.stat().st_mode | 0o200)
    subprocess.run(["make", "-s"], cwd=folder, check=True)
    if not (folder / "audio" / "caller30.ulaw").exists():
        subprocess.run(["sh", "make_audio.sh"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder


def workloads(folder: Path) -> dict[str, dict[str, Any]]:
    """The workloads of the generator, by name."""
    spec = importlib.util.spec_from_file_location("load_workloads", folder / "workloads.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: dict[str, dict[str, Any]] = module.WORKLOADS
    return found


CONFIG = """\
sip: {{listen: ['udp:127.0.0.1:{sip}'], trusted: ['127.0.0.0/8']}}
http: {{listen: '127.0.0.1:{http}'}}
media: {{ports: '20002-29999', workers: {workers}}}
flows: '{flows}'
prompts: '{prompts}'
speech: {{engine: espeak-ng, language: en}}
limits: {{calls: 4000, calls_per_second_per_source: 100000, drain_timeout: 1s}}
"""


@contextmanager
def server(prompts: Path, *, batch: str, workers: str = "auto") -> Iterator[Daemon]:
    """A daemon with the flows of the load harness, in a folder that is deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="ivr-bench-") as name:
        folder = Path(name)
        config = folder / "ivr.yaml"
        config.write_text(
            CONFIG.format(
                sip=free_port(), http=free_port(socket.SOCK_STREAM), workers=workers, flows=FLOWS, prompts=prompts
            )
        )
        path = [str(ROOT)]
        if batch == "python":
            (folder / "sitecustomize.py").write_text(FORCE_PYTHON)
            path.insert(0, str(folder))
        with Daemon(config, {"PYTHONPATH": os.pathsep.join(path)}) as daemon:
            if f"batch={batch}" not in daemon.log():
                raise SystemExit(f"the daemon does not run with batch={batch}:\n{daemon.log()}")
            yield daemon


def machine() -> str:
    """The machine in a line: processor, cores, kernel, Python."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, Python {sys.version.split()[0]}"
