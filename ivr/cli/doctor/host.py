"""The machine: what the daemon needs of its kernel, its clock and its disks."""

from __future__ import annotations

import importlib.util
import os
import platform
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from ivr.cli.doctor.finding import Finding
from ivr.settings import Settings

__all__ = ["clock_checks", "host_checks"]

FILES_BESIDES_CALLS: Final = 500
"""Descriptors for connections, the store, recordings and libraries."""
RECEIVE_BUFFER: Final = 4 << 20
"""Octets of `net.core.rmem_max` below which a burst of calls is lost while the loop is busy for a moment."""
DISK_FREE: Final = 1 << 30
"""Octets free below which recordings fill a disk within a day: an hour of stereo WAV takes 115 MB."""
TICKS: Final = 50
"""Timer checks, a frame of 20 ms each."""
TICK: Final = 0.02
LATE: Final = 0.005
"""Seconds a timer may be late without being heard: the jitter buffers of phones begin at 20 ms."""
PRIORITY: Final = 1
COMMAND_SECONDS: Final = 3.0


def host_checks(settings: Settings) -> Iterator[Finding]:
    """System, cores, compiled loops, descriptors, real-time priority, buffers, timers, disks."""
    yield Finding("host", "system", "ok", f"{platform.platform()}, Python {platform.python_version()}")
    cores = len(os.sched_getaffinity(0))
    if cores < 2:
        advice = "signalling and sound share one core: take two for more than some dozen calls"
        yield Finding("host", "cores", "warning", str(cores), advice)
    else:
        yield Finding("host", "cores", "ok", str(cores))
    yield _batch()
    yield _descriptors(settings)
    yield _priority()
    yield _buffer()
    yield _timers()
    for what, path in (("recordings", settings.recordings), ("cache", settings.cache)):
        yield _disk(what, path)


def _batch() -> Finding:
    if importlib.util.find_spec("media._batch") is None:
        return Finding(
            "host",
            "media loops",
            "warning",
            "python",
            "the compiled loops carry half as many calls again: install gcc and python3-dev, then the package anew",
        )
    return Finding("host", "media loops", "ok", "compiled")


def _descriptors(settings: Settings) -> Finding:
    ports = settings.media.ports
    needed = ports.last - ports.first + 1 + FILES_BESIDES_CALLS
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        advice = f"the RTP range needs {needed}: LimitNOFILE= in the unit, or a smaller media.ports"
        return Finding("host", "open files", "warning", f"at most {hard}", advice)
    return Finding("host", "open files", "ok", "no limit" if hard == resource.RLIM_INFINITY else f"at most {hard}")


def _priority() -> Finding:
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except OSError:
        advice = (
            "under load the sound stutters sooner: LimitRTPRIO= and CAP_SYS_NICE in the unit, or rtprio in limits.conf"
        )
        return Finding("host", "real-time priority", "warning", "not permitted to this user", advice)
    os.sched_setscheduler(0, *before)
    return Finding("host", "real-time priority", "ok", "permitted")


def _buffer() -> Finding:
    path = Path("/proc/sys/net/core/rmem_max")
    try:
        size = int(path.read_text())
    except (OSError, ValueError):
        return Finding("host", "receive buffer", "skipped", f"{path} cannot be read")
    if size < RECEIVE_BUFFER:
        advice = f"bursts of calls may be lost: sysctl -w net.core.rmem_max={RECEIVE_BUFFER * 2}"
        return Finding("host", "receive buffer", "warning", f"net.core.rmem_max = {size}", advice)
    return Finding("host", "receive buffer", "ok", f"net.core.rmem_max = {size}")


def _timers() -> Finding:
    late = []
    due = time.monotonic()
    for _ in range(TICKS):
        due += TICK
        time.sleep(max(0.0, due - time.monotonic()))
        late.append(time.monotonic() - due)
    worst = max(late)
    found = f"{TICKS} frames of 20 ms, the latest by {worst * 1000:.1f} ms"
    if worst > LATE:
        return Finding(
            "host", "timers", "warning", found, "the machine is busy, or a virtual one that must wait for its turn"
        )
    return Finding("host", "timers", "ok", found)


def _disk(what: str, path: Path) -> Finding:
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    if not os.access(place, os.W_OK | os.X_OK):
        return Finding(
            "store", what, "fault", f"{place} cannot be written", f"chown it to the daemon's user, or set {what}:"
        )
    free = shutil.disk_usage(place).free
    found = f"{path}: {free / 2**30:.1f} GiB free"
    if free < DISK_FREE:
        return Finding(
            "store", what, "warning", found, "recordings end with an error when the disk is full: set retention:"
        )
    return Finding("store", what, "ok", found)


def clock_checks() -> Iterator[Finding]:
    """Whether the clock is set by the network: records, certificates and office hours depend on it."""
    try:
        told = subprocess.run(
            ["timedatectl", "show", "--property=NTPSynchronized", "--value"],
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        yield Finding("clock", "synchronised", "skipped", "timedatectl does not tell")
        return
    if told == "yes":
        yield Finding("clock", "synchronised", "ok", "by NTP")
    else:
        yield Finding("clock", "synchronised", "warning", "no", "timedatectl set-ntp true, or install chrony")
