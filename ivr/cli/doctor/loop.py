"""A loop call: a daemon of our own on loopback, a call to it, a tone in both directions, and keys in three ways.

It has the codecs and the speech of the configuration, and ports, flows and records of its own: nothing that runs is
touched. What is proven is this machine: sockets, workers, codecs, detectors, recording.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import yaml
from numpy.typing import NDArray

from ivr.cli.daemons import started
from ivr.cli.doctor.finding import Finding
from ivr.errors import IvrError
from ivr.settings import Settings

__all__ = ["OURS", "RATE", "THEIRS", "Outcome", "judged", "loop_checks", "tone_seconds"]

RATE: Final = 8000
THEIRS, OURS = 1004.0, 600.0
"""Hz: the test tone of ITU-T O.6 in what the daemon plays, and in what the caller says one that no key has."""
TONE_SECONDS: Final = 1.5
AMPLITUDE: Final = 8000
SHARE: Final = 0.8
"""Of the power that must lie at the tone's frequency: noise of the codec and edges are the rest."""
HEARD_SECONDS: Final = 1.0
"""Of the tone that must be found."""
BLOCK: Final = 400
"""Samples looked at together: 50 ms, at a resolution of 20 Hz."""
KEYS: Final[tuple[tuple[Literal["rfc4733", "info", "inband"], str], ...]] = (
    ("rfc4733", "1"),
    ("info", "2"),
    ("inband", "3"),
)
RECORD_SECONDS: Final = 8.0
"""Until the call's record stands in the store."""
PORTS: Final = range(33_000, 33_900, 100)
"""RTP ranges to choose from: one for the daemon, one for the caller."""

FLOW: Final = """\
description: Loop call
elements:
  start: {type: start_incoming_call, numbers: [loop], next: tone}
  tone: {type: play, file: tone.wav, next: rfc4733}
  rfc4733: {type: collect, max_digits: 1, wait: 4s, terminator: none, next: info, branches: {no_match: info}}
  info: {type: collect, max_digits: 1, wait: 4s, terminator: none, next: inband, branches: {no_match: inband}}
  inband: {type: collect, max_digits: 1, wait: 4s, terminator: none, next: listen, branches: {no_match: listen}}
  listen: {type: record_voicemail, name: heard, beep: false, max_duration: 3s, max_silence: 0, next: bye}
  bye: {type: hang_up}
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the call came to."""

    heard: NDArray[np.int16]
    """What the caller heard, 8 kHz."""
    spoken: NDArray[np.int16]
    """What the daemon recorded of the caller."""
    keys: dict[str, str]
    """Element to the digits that it took."""
    codec: str
    lost: int
    """Packets that the caller missed."""
    jitter_ms: float


def loop_checks(settings: Settings) -> Iterator[Finding]:
    """One call for each codec of the configuration."""
    for codec in settings.media.codecs:
        try:
            with tempfile.TemporaryDirectory(prefix="ivr-doctor-") as folder:
                outcome = _run(settings, Path(folder), codec)
        except (IvrError, OSError) as error:
            yield Finding("loop", f"call, {codec}", "fault", str(error), "the daemon's log above says more")
            continue
        yield from judged(outcome, codec)


def judged(outcome: Outcome, codec: str) -> Iterator[Finding]:
    agreed = f"answered, {outcome.codec}, {outcome.lost} packets lost, jitter {outcome.jitter_ms:.1f} ms"
    fit = outcome.codec == codec and outcome.lost == 0
    yield Finding("loop", f"call, {codec}", "ok" if fit else "warning", agreed, "" if fit else "the machine is busy?")
    for what, sound, tone in (
        ("sound from the daemon", outcome.heard, THEIRS),
        ("sound to the daemon", outcome.spoken, OURS),
    ):
        seconds = tone_seconds(sound, tone)
        good = seconds >= HEARD_SECONDS
        found = f"{seconds:.1f} s of {TONE_SECONDS} s of the tone came through"
        yield Finding("loop", f"{what}, {codec}", "ok" if good else "fault", found, "" if good else "RTP is filtered?")
    for way, key in KEYS:
        taken = outcome.keys.get(way, "")
        good = taken == key
        found = "taken once" if good else f"taken as {taken!r}" if taken else "not taken"
        yield Finding("loop", f"key by {way}, {codec}", "ok" if good else "fault", found)


def tone_seconds(sound: NDArray[np.int16], frequency: float) -> float:
    """Seconds of `sound` in which nearly all power is at `frequency`."""
    blocks = sound[: sound.size // BLOCK * BLOCK].reshape(-1, BLOCK).astype(np.float64)
    power = (blocks**2).sum(axis=1)
    phase = np.exp(-2j * np.pi * frequency * np.arange(BLOCK) / RATE)
    at = 2 * np.abs(blocks @ phase) ** 2 / BLOCK
    found = (power > BLOCK * 100.0**2) & (at > SHARE * power)
    return float(found.sum()) * BLOCK / RATE


def _tone(frequency: float) -> NDArray[np.int16]:
    count = np.arange(int(TONE_SECONDS * RATE))
    return (AMPLITUDE * np.sin(2 * np.pi * frequency * count / RATE)).astype(np.int16)


def _run(settings: Settings, folder: Path, codec: str) -> Outcome:
    import soundfile

    for name in ("flows", "prompts"):
        (folder / name).mkdir()
    (folder / "flows" / "loop.yaml").write_text(FLOW)
    soundfile.write(folder / "prompts" / "tone.wav", _tone(THEIRS), RATE, "PCM_16")
    first, ours = _free_ranges()
    config = folder / "ivr.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "sip": {"listen": [f"udp:127.0.0.1:{_free_port(socket.SOCK_DGRAM)}"]},
                "http": {"listen": f"127.0.0.1:{_free_port(socket.SOCK_STREAM)}"},
                "media": {"ports": f"{first}-{first + 99}", "workers": 1, "codecs": [codec], "inband": "always"},
                "speech": {"engine": "espeak-ng"},
            }
        )
    )
    with started(config) as ready:
        target = f"sip:loop@{ready['sip'].split(',')[0].removeprefix('udp:')}"
        asyncio.run(_call(target, folder, codec, ours))
        return _outcome(folder, codec)


async def _call(target: str, folder: Path, codec: str, ports: int) -> None:
    from ivr.call.caller import Caller, CallerOptions
    from media import Sound

    samples = folder / "ours.raw"
    samples.write_bytes(_tone(OURS).astype("<i2").tobytes())
    async with Caller(CallerOptions(user="doctor", codecs=(codec,), media_ports=(ports, ports + 99))) as caller:
        await caller.call(target, ring_timeout=10.0)
        caller.record(folder / "heard.wav")
        await caller.quiet(0.3, longest=TONE_SECONDS + 2.0)
        for way, key in KEYS:
            await caller.press(key, way)
            await caller.wait(0.3)
        await caller.say(Sound(samples, int(TONE_SECONDS * RATE)))
        await caller.wait(4.0)
        await caller.hang_up()


def _outcome(folder: Path, codec: str) -> Outcome:
    import soundfile

    from ivr.cli.calls import completed_call
    from ivr.settings import load_settings

    settings = load_settings(folder / "ivr.yaml")
    record = completed_call(settings.store, lambda call: call.called == "loop", RECORD_SECONDS)
    if record is None:
        raise IvrError("the record of the call is not in the store")
    heard, _ = soundfile.read(folder / "heard.wav", dtype="int16", always_2d=True)
    files = sorted(settings.recordings.rglob("heard*.wav"))
    spoken = np.zeros(0, np.int16)
    if files:
        spoken, _ = soundfile.read(files[0], dtype="int16")
    keys = {step["element"]: str(step.get("digits") or "") for step in record.digits}
    media, quality = record.details.get("media") or {}, record.quality
    return Outcome(
        heard[:, 0],
        spoken,
        keys,
        str(media.get("codec", codec)),
        int(quality.get("lost", 0)),
        quality.get("jitter_ms", 0.0),
    )


def _free_ranges() -> tuple[int, int]:
    """Two RTP ranges of 100 ports, of which the first ports are free."""
    begin = os.getpid() % len(PORTS)
    free = []
    for place in range(len(PORTS)):
        port = PORTS[(begin + place) % len(PORTS)]
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind(("127.0.0.1", port))
            free.append(port)
        if len(free) == 2:
            return free[0], free[1]
    raise IvrError(f"no free ports for sound between {PORTS.start} and {PORTS.stop}")


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
