"""Dialogues with a modem as text, and their replay against a line.

Each line is a time in seconds, a sign and the rest; ``#`` begins a comment.

=====  ==============================================================================================================
``!``  what the line is told: ``open``, ``answer``, ``hang_up``, ``dial NUMBER``, ``key DIGIT``, ``sound`` (one frame)
``>``  what it must have said by then, without the CR at the end; escapes as in Python, so ``\\x10\\x03`` is DLE ETX
``<``  a line of the modem, without its CR LF
``<<`` octets of the modem, with escapes
``=``  an event that it must have told by then, as ``Ringing 5551234 ADA``
``s``  silence comes as samples until then, 20 ms at a time
``~``  how far its time goes without anything
=====  ==============================================================================================================

The first lines may be ``wish KEY VALUE`` (:class:`ivr.devices.modem.protocol.Wish`).
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from ivr.devices.hardware import HardwareEvent
from ivr.devices.modem.protocol import ModemLine, Wish

__all__ = ["replay"]


def _octets(text: str) -> bytes:
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")


def _told(event: HardwareEvent) -> str:
    values = [str(getattr(event, field.name)) for field in dataclasses.fields(event)]
    return " ".join([type(event).__name__, *(value for value in values if value)])


class _Replay:
    def __init__(self, wish: Wish) -> None:
        self.line = ModemLine(wish)
        self.now = 0.0
        self.said = b""
        self.events: list[str] = []

    def collect(self) -> None:
        self.said += self.line.take_output()
        self.events += [_told(event) for event in self.line.take_events()]
        self.line.take_heard()

    def until(self, now: float) -> None:
        for _ in range(100_000):
            wake = self.line.wake_at()
            if wake is None or wake > now:
                break
            self.now = max(self.now, wake)
            self.line.timer(self.now)
            self.collect()
        self.now = now

    def samples(self, end: float) -> None:
        """Sound of a quiet line, in one octet a sample."""
        now = self.now
        while now + 0.02 <= end:
            now += 0.02
            self.until(now)
            self.line.receive(b"\xff" * 160, now)
            self.collect()
        self.until(end)

    def do(self, sign: str, rest: str) -> None:
        match sign, rest.split():
            case "!", ["dial", number]:
                self.line.dial(number, self.now)
            case "!", ["key", digit]:
                self.line.send_key(digit, self.now)
            case "!", ["sound"]:
                self.line.sound(np.full(160, 5000, np.int16), self.now)
            case "!", [verb]:
                getattr(self.line, verb)(self.now)
            case "<", _:
                self.line.receive(b"\r\n" + _octets(rest) + b"\r\n", self.now)
            case "<<", _:
                self.line.receive(_octets(rest), self.now)
            case ">", _:
                wanted = _octets(rest)
                assert wanted in self.said, f"not said: {rest!r}, but {self.said[-60:]!r}"
                before, _, self.said = self.said.partition(wanted)
                assert b"AT" not in before, f"said before {rest!r}: {before!r}"
            case "=", _:
                assert self.events, f"not told: {rest}"
                assert self.events.pop(0) == rest
            case _:
                assert sign == "~", f"not understood: {sign} {rest}"
        self.collect()


def replay(path: Path) -> ModemLine:
    """Replay a transcript; AssertionError where the line says or tells something else. Gives the line at its end."""
    wishes: dict[str, str | bool | int | float] = {}
    steps: list[tuple[int, float, str, str]] = []
    kinds = {field.name: type(field.default) for field in dataclasses.fields(Wish)}
    for number, text in enumerate(path.read_text().splitlines(), 1):
        if not text.strip() or text.startswith("#"):
            continue
        if text.startswith("wish "):
            _, key, value = text.split(maxsplit=2)
            wishes[key] = value == "yes" if kinds[key] is bool else kinds[key](value)
            continue
        at, sign, *rest = text.split(maxsplit=2)
        steps.append((number, float(at), sign, rest[0] if rest else ""))
    run = _Replay(Wish(**wishes))  # type: ignore[arg-type]
    for number, now, sign, rest in steps:
        try:
            run.samples(now) if sign == "s" else run.until(now)
            if sign != "s":
                run.do(sign, rest)
        except AssertionError as error:
            raise AssertionError(f"{path.name}:{number}: {error}") from None
    assert not run.events, f"{path.name}: told, and not in the transcript: {run.events}"
    return run.line
