"""SIPp as the caller: scenarios of ours, run against a daemon on loopback."""

from __future__ import annotations

import shutil
import struct
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SCENARIOS = Path(__file__).parent.parent / "interop" / "scenarios"
HOST = "127.0.0.1"


def require(program: str) -> str:
    """The path of a program that a test needs; the test fails in CI and is skipped elsewhere when it is not there."""
    import os

    import pytest

    path = shutil.which(program)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(f"{program} is not installed: deploy/test.sh installs it")
        pytest.skip(f"{program} is not installed")
    return path


def run(
    scenario: str | Path,
    target_port: int,
    number: str,
    folder: Path,
    *,
    calls: int = 1,
    rate: int = 10,
    seconds: float = 60.0,
    port: int = 0,
    transport: str = "u1",
    keys: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a scenario (one of ours by name, or a file) to its end in `folder`; the returncode is 0 when every call went
    as it says. `keys` are further words in brackets that it uses."""
    program = require("sipp")
    from tests.conftest import free_port

    command = [
        program,
        f"{HOST}:{target_port}",
        "-sf",
        str(scenario if isinstance(scenario, Path) else SCENARIOS / f"{scenario}.xml"),
        "-s",
        number,
        "-i",
        HOST,
        "-p",
        str(port or free_port()),
        "-mp",
        str(free_port() & ~1),
        "-m",
        str(calls),
        "-r",
        str(rate),
        "-t",
        transport,
        "-nostdin",
        "-trace_err",
        "-timeout",
        f"{int(seconds)}s",
        "-timeout_error",
    ]
    for name, value in (keys or {}).items():
        command += ["-key", name, value]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=seconds + 20, check=False)


def explain(folder: Path, result: subprocess.CompletedProcess[str]) -> str:
    """What SIPp says about a run that failed."""
    errors = "".join(path.read_text(errors="replace") for path in folder.glob("*_errors.log"))
    return f"exit {result.returncode}\n{errors}\n{result.stdout[-2000:]}"


def _packet(payload: bytes, port: int = 6000) -> bytes:
    udp = struct.pack("!HHHH", port, port, 8 + len(payload), 0) + payload
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
    return b"\0" * 12 + b"\x08\x00" + ip + udp


def write_pcap(path: Path, packets: list[tuple[float, bytes]]) -> None:
    """A capture (Ethernet) of RTP packets: (seconds, packet)."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for at, payload in packets:
            frame = _packet(payload)
            file.write(struct.pack("<IIII", int(at), int(at % 1 * 1e6), len(frame), len(frame)) + frame)


def rtp(seq: int, timestamp: int, payload: bytes, payload_type: int = 0, *, marker: bool = False) -> bytes:
    """One RTP packet (RFC 3550 5.1)."""
    head = struct.pack("!BBHII", 0x80, payload_type | (0x80 if marker else 0), seq & 0xFFFF, timestamp, 0x1234ABCD)
    return head + payload


def event_packets(digits: str, *, seq: int = 1, at: float = 0.0, ms: int = 100) -> list[tuple[float, bytes]]:
    """telephone-event packets (RFC 4733) of keys, 200 ms apart, with the end sent three times."""
    out: list[tuple[float, bytes]] = []
    timestamp = 1000
    for digit in digits:
        code = "0123456789*#ABCD".index(digit)
        steps = ms // 20
        for step in range(steps + 2):
            end = step >= steps - 1
            duration = min(step + 1, steps) * 160
            payload = struct.pack("!BBH", code, (0x80 if end else 0) | 10, duration)
            out.append((at, rtp(seq, timestamp, payload, 101, marker=step == 0)))
            seq += 1
            at += 0.02
        at += 0.2
        timestamp += int((ms + 240) * 8)
    return out


def tone_packets(ulaw: NDArray[np.uint8], *, seq: int = 1) -> list[tuple[float, bytes]]:
    """20 ms packets of µ-law sound."""
    return [
        (n * 0.02, rtp(seq + n, 160 * n, ulaw[n * 160 : n * 160 + 160].tobytes(), marker=n == 0))
        for n in range(len(ulaw) // 160)
    ]
