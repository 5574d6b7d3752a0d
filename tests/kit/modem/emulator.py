"""A voice modem that speaks ITU-T V.253, with the timing and the faults of one: octets and ticks in, octets out.

Pure. It stands between a port (octets) and a line of an :class:`~.exchange.Exchange` (ticks of 10 ms). Its sample clock
may be off, its port has a speed, its buffer of sound runs dry, and :attr:`EmulatedModem.faults` make it misbehave.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np

from media.codecs.g711 import ALAW_DECODE, ALAW_ENCODE, ULAW_DECODE, ULAW_ENCODE
from tests.kit.modem.chips import CHIPS, Chip, Coding, Method
from tests.kit.modem.exchange import SAMPLES, TICK, Caller, Line, Sound, Tone

__all__ = ["EmulatedModem", "Fault", "Misbehaviour"]

Misbehaviour = Literal["error", "silent", "garbage", "no_carrier", "lost_ok", "hang"]
"""To a command: ERROR; nothing, and it is not done; noise before the answer; NO CARRIER before it; it is done, but the
answer is lost; nothing from here on, until break, DTR or a new plug."""

_DLE: Final = 0x10
_COMMANDS: Final = re.compile(
    r"D(?P<dial>[^;]*);?|(?P<plus>\+[A-Z]+(=\?|\?|=[^;]*)?);?|S(?P<reg>\d+)(=(?P<value>\d+)|\?)|(?P<basic>[&\\%]?[A-Z]\d*);?"
)
_BUSY_HEARD: Final = 1.0  # seconds of busy tone until it is reported, and between reports
_BUSY_AGAIN: Final = 4.0


@dataclass(slots=True)
class Fault:
    """The next ``times`` commands that begin so are answered wrongly."""

    begins: str
    does: Misbehaviour
    times: int = 1


@dataclass(slots=True)
class Counts:
    """What tests look at."""

    commands: list[str] = field(default_factory=list)
    """All command lines."""
    underruns: int = 0
    """Times that the sound ran dry."""
    overruns: int = 0
    """Times that the port took sound more slowly than it came."""
    most_held: int = 0
    """Most octets of sound that waited to be played."""


class EmulatedModem:
    """One modem. ``ppm``: how much faster than true its samples go. ``baud``: of the port, ten bits an octet."""

    def __init__(self, chip: str | Chip, line: Line, *, ppm: float = 0.0, baud: int = 115_200) -> None:
        self.chip = CHIPS[chip] if isinstance(chip, str) else chip
        self.line = line
        line.owner = self
        self.faults: list[Fault] = []
        self.counts = Counts()
        self.lose_every = 0
        """Every so many octets to the host, one is lost; 0: none."""
        self.hung = False
        """It does nothing at all."""
        self.echo = 0.0
        """Of what it sounds, how much its hybrid throws back, 5 ms later."""
        self._pace = baud / 10 * TICK
        self._speed = 1 + ppm * 1e-6
        self._reset()

    def _reset(self) -> None:
        self._echo = True
        self._class = 0
        self._caller_id = False
        self._method: Method = self.chip.methods[0]
        self._rate = 8000
        self._registers: dict[int, int] = {}
        self._ring_gone, self._ring_never = 5.0, 10.0
        self.mode: Literal["command", "+VTX", "+VRX", "+VTR"] = "command"
        self._text = bytearray()
        self._later: list[tuple[float, bytes, str]] = []
        self._port: deque[int] = deque()
        self._allowed = 0.0
        self._sent = 0
        self._input = bytearray()
        self._played = bytearray()
        self._ending = False
        self._dry = False
        self._shielded = False
        self._phase = 0.0
        self._count = SAMPLES
        self._own = self._thrown = np.zeros(SAMPLES, np.int16)
        self._tone: Tone = "none"
        self._tone_for = 0.0
        self._reported = 0.0
        self._dialling_at: float | None = None
        self._ring_seen: float | None = None
        self._key, self._key_at, self._key_told = "", -1.0, -1.0
        self._now = 0.0

    # The port.

    @property
    def room(self) -> int:
        """Octets that it takes now: flow control stops the host above."""
        return max(0, self.chip.buffer - len(self._played)) if self.mode in ("+VTX", "+VTR") else 1024

    def write(self, data: bytes, now: float) -> None:
        """Octets of the host."""
        self._now = now
        if self.hung:
            return
        for octet in data:
            if self.mode == "command":
                self._character(octet)
            else:
                self._stream(octet)

    def read(self) -> bytes:
        """Octets for the host, as many as the port's speed lets through in a tick."""
        self._allowed = min(self._allowed + self._pace, self._pace * 2)
        out = bytearray()
        while self._port and self._allowed >= 1:
            self._allowed -= 1
            self._sent += 1
            octet = self._port.popleft()
            if not self.lose_every or self._sent % self.lose_every:
                out.append(octet)
        return bytes(out)

    def break_(self) -> None:
        """The host sent a break."""
        self._wake()

    def drop_dtr(self) -> None:
        """The host let DTR go: &D2 hangs up."""
        self._wake()
        self.line.hang(self._now)

    def _wake(self) -> None:
        self.hung = False
        self.mode = "command"
        self._text.clear()
        self._dialling_at = None

    def unplug(self, now: float) -> None:
        """The power is gone."""
        self.line.hang(now)
        self._reset()

    # Commands.

    def _character(self, octet: int) -> None:
        if self._echo:
            self._port.append(octet)
        if self._dialling_at is not None:  # any character aborts
            self._dialling_at = None
            self.line.hang(self._now)
            self._answer("NO CARRIER", 0.05)
        if octet == 0x0D:
            line, _ = self._text.decode("latin-1").upper(), self._text.clear()
            at = line.rfind("AT") if "AT" in line else -1
            if at >= 0:
                self._command(line[at + 2 :])
        elif octet >= 0x20 and len(self._text) < 200:
            self._text.append(octet)

    def _command(self, body: str) -> None:
        self.counts.commands.append("AT" + body)
        fault = next((fault for fault in self.faults if body.startswith(fault.begins)), None)
        if fault is not None:
            fault.times -= 1
            if not fault.times:
                self.faults.remove(fault)
            if fault.does == "error":
                return self._answer("ERROR")
            if fault.does == "silent":
                return None
            if fault.does == "hang":
                self.hung = True
                return None
            if fault.does == "garbage":
                self._say(b"\x07\xff\xfe{}\x00~~", self.chip.latency / 2)
            if fault.does == "no_carrier":
                self._answer("NO CARRIER", self.chip.latency / 2)
        latency = self.chip.latency + max((slow for word, slow in self.chip.slow if body.startswith(word)), default=0.0)
        result, lines, at = "OK", [], 0
        while at < len(body) and result == "OK":
            match = _COMMANDS.match(body, at)
            if match is None:
                result = "ERROR"
                break
            at = match.end()
            result = self._one(match, lines)
        if result == "later":
            return None
        if fault is not None and fault.does == "lost_ok":
            if result in self._ENTERING:
                self._enter(result)
            return None
        text = "".join(f"\r\n{line}\r\n" for line in lines)
        if text:
            self._say(text.encode("latin-1"), latency)
        if result in self._ENTERING:
            self._later.append((self._now + latency, b"\r\nCONNECT\r\n", result))
        else:
            self._answer(result, latency)
        return None

    _ENTERING: Final = ("+VTX", "+VRX", "+VTR")

    def _one(self, match: re.Match[str], lines: list[str]) -> str:
        if match["dial"] is not None:
            return self._dial(match["dial"])
        if match["reg"]:
            if match["value"]:
                self._registers[int(match["reg"])] = int(match["value"])
            return "OK"
        if match["plus"]:
            return self._extended(match["plus"], lines)
        basic = match["basic"]
        if basic in ("Z", "Z0") or basic.startswith("&F"):
            echo = self._echo
            self.line.hang(self._now)
            later, port = self._later, self._port
            self._reset_settings()
            self._later, self._port, self._echo = later, port, True if basic.startswith("Z") else echo
        elif basic[0] == "E":
            self._echo = basic == "E1"
        elif basic in ("H", "H0"):
            self.line.hang(self._now)
            self._class = 0
        elif basic[0] == "I":
            lines.extend(self.chip.answers.get(basic, ()))
        return "OK"

    def _reset_settings(self) -> None:
        self._class = 0
        self._caller_id = False
        self._method, self._rate = self.chip.methods[0], 8000
        self._ring_gone, self._ring_never = 5.0, 10.0

    def _extended(self, text: str, lines: list[str]) -> str:
        name, _, value = text.partition("=")
        if text in self.chip.answers:
            lines.extend(self.chip.answers[text])
            return "OK"
        if text == "+FCLASS=?":
            lines.append("0,1,8")
        elif name == "+FCLASS" and value:
            self._class = int(value)
        elif text == "+VSM=?":
            if self._class != 8:
                return "ERROR"
            lines.extend(method.text for method in self.chip.methods)
        elif name == "+VSM":
            label, *rest = value.split(",")
            method = next((one for one in self.chip.methods if str(one.label) == label), None)
            rate = int(rest[0]) if rest and rest[0] else 8000
            if self._class != 8 or method is None or rate not in method.rates or method.coding == "none":
                return "ERROR"
            self._method, self._rate = method, rate
        elif name == "+VCID":
            self._caller_id = value == "1"
        elif name == "+VLS":
            return self._select(value)
        elif name == "+VRA":
            self._ring_gone = int(value) / 10
        elif name == "+VRN":
            self._ring_never = float(value)
        elif name == "+VTS":
            if self._class != 8 or not self.line.off_hook:
                return "ERROR"
            self.line.press(value)
            self._answer("OK", 0.2 * len(value))
            return "later"
        elif text in self._ENTERING:
            if self._class != 8 or not self.line.off_hook or (text == "+VTR" and not self.chip.duplex):
                return "ERROR"
            return text
        elif name not in ("+VSD", "+VIT", "+VGT", "+VGR", "+GCI", "+IFC", "+VTD", "+VNH"):
            return "ERROR"
        return "OK"

    def _select(self, value: str) -> str:
        if self._class != 8:
            return "ERROR"
        if value == "0":
            self.line.hang(self._now)
        elif value == "1":
            self.line.lift(self._now)
            if "H" in self.chip.codes:
                self._say(b"\x10H", 0.08)
        return "OK"

    def _dial(self, number: str) -> str:
        if self._class != 8 and not number:
            return "ERROR"
        self.line.lift(self._now)
        if self.line.tone != "dial":
            self.line.hang(self._now)
            self._answer("NO DIALTONE", 0.5)
            return "later"
        self.line.dial(number.lstrip("TP"), self._now)
        self._dialling_at, self._ring_seen = self._now, None
        self._tone_for = 0.0
        return "later"

    def _answer(self, result: str, after: float | None = None) -> None:
        self._say(f"\r\n{result}\r\n".encode(), self.chip.latency if after is None else after)

    def _say(self, data: bytes, after: float = 0.0) -> None:
        self._later.append((self._now + after, data, ""))

    def code(self, code: str) -> None:
        """Say a shielded code, if the chip has it."""
        if code in self.chip.codes and not self.hung:
            self._port.extend((_DLE, ord(code)))

    def garbage(self, data: bytes) -> None:
        """Noise for the host."""
        self._port.extend(data)

    # Sound.

    def _enter(self, mode: str) -> None:
        self.mode = mode  # type: ignore[assignment]
        self._played.clear()
        self._input.clear()
        self._ending = self._dry = self._shielded = False
        self._phase = 0.0

    def _stream(self, octet: int) -> None:
        """An octet of the host while there is sound."""
        if self._shielded:
            self._shielded = False
            if octet == _DLE:
                self._input += b"\x10\x10"
                self._played.append(_DLE)
                return
            ends = self.chip.ends[self.mode]
            done = bytes(self._input[-2:]) + bytes([octet])
            self._input.clear()
            if octet == 0x18:
                self._played.clear()
            elif any(done.endswith(end) for end in ends):
                if self.mode == "+VTX":
                    self._ending = True
                else:
                    self._leave()
            return
        if octet == _DLE:
            self._shielded = True
            return
        self._input.clear()
        if self.mode != "+VRX":
            self._played.append(octet)

    def _leave(self) -> None:
        if self.mode != "+VTX":
            self._port.extend((_DLE, 0x03))
        self.mode = "command"
        self._text.clear()
        self._answer("OK")

    def _decode(self, data: bytes) -> Sound:
        coding: Coding = self._method.coding
        octets = np.frombuffer(data, np.uint8)
        match coding:
            case "ulaw":
                return ULAW_DECODE[octets]
            case "alaw":
                return ALAW_DECODE[octets]
            case "u8":
                return ((octets.astype(np.int16) - 128) << 8).astype(np.int16)
            case "s8":
                return (octets.view(np.int8).astype(np.int16) << 8).astype(np.int16)
            case _:
                return octets.view("<i2").astype(np.int16)

    def _encode(self, sound: Sound) -> bytes:
        match self._method.coding:
            case "ulaw":
                return ULAW_ENCODE[np.ascontiguousarray(sound).view(np.uint16)].tobytes()
            case "alaw":
                return ALAW_ENCODE[np.ascontiguousarray(sound).view(np.uint16)].tobytes()
            case "u8":
                return ((sound >> 8) + 128).astype(np.uint8).tobytes()
            case "s8":
                return (sound >> 8).astype(np.int8).tobytes()
            case _:
                return sound.astype("<i2").tobytes()

    def _due(self) -> int:
        """Samples of this tick by its own clock."""
        self._phase += self._rate * TICK * self._speed
        whole = int(self._phase)
        self._phase -= whole
        return whole

    # The line.

    def tick(self, now: float) -> None:
        """Ten milliseconds have passed; called after the exchange's tick."""
        self._now = now
        due = [item for item in self._later if item[0] <= now]
        self._later = [item for item in self._later if item[0] > now]
        if self.hung:
            return
        for _, data, mode in due:
            self._port.extend(data)
            if mode:
                self._enter(mode)
        self._watch(now)

    def _watch(self, now: float) -> None:
        """What is heard on the line is told."""
        tone = self.line.tone if self.line.off_hook else "none"
        self._tone_for = self._tone_for + TICK if tone == self._tone else 0.0
        if tone != self._tone:
            self._reported = 0.0
        self._tone = tone
        if self._key and now - self._key_at > 2 * TICK:
            self._key = ""
            if self.chip.keys == "frames" and self.line.off_hook:
                self._port.extend((_DLE, ord("~")))
        if self._dialling_at is not None:
            self._progress(now)
        elif tone == "busy" and self._tone_for >= _BUSY_HEARD and self._tone_for >= self._reported:
            self._reported = self._tone_for + _BUSY_AGAIN
            self.code("b")

    def _progress(self, now: float) -> None:
        assert self._dialling_at is not None
        if self.line.ringback:
            if self._ring_seen is None:
                self._say(b"\r\nRINGING\r\n")
            self._ring_seen = now
        result = ""
        if self._tone == "busy" and self._tone_for >= _BUSY_HEARD:
            result = "BUSY"
            self.line.hang(now)
        elif now - (self._ring_seen or self._dialling_at) >= (self._ring_gone if self._ring_seen else self._ring_never):
            result = self.chip.dialled
        elif now - self._dialling_at >= self._registers.get(7, 50):
            result = "NO CARRIER"
            self.line.hang(now)
        if result:
            self._dialling_at = None
            self._answer(result, 0.0)

    def rings(self, now: float) -> None:
        """The exchange rings."""
        self._say(b"\r\nRING\r\n")

    def told(self, caller: Caller, now: float) -> None:
        """The exchange says who calls."""
        if not self._caller_id:
            return
        join = self.chip.caller_id
        fields = [("DATE", "0731"), ("TIME", "1030"), ("NMBR", caller.number)]
        if caller.name:
            fields.append(("NAME", caller.name))
        self._say("".join(f"\r\n{name}{join}{value}\r\n" for name, value in fields).encode("latin-1"))

    def hears(self, sound: Sound, tone: Tone, now: float) -> None:
        """Sound of the line, for the host."""
        if self.mode not in ("+VRX", "+VTR") or self.hung:
            return
        count = self._due() if self.mode == "+VRX" else self._count
        if self.echo and self.mode == "+VTR":
            thrown = np.concatenate((self._thrown[SAMPLES // 2 :], self._own[: SAMPLES // 2])) * self.echo
            sound = np.clip(sound + thrown, -32768, 32767).astype(np.int16)
            self._thrown = self._own
        data = self._encode(_stretched(sound, count)).replace(b"\x10", b"\x10\x10")
        if len(self._port) > 4096:
            self.counts.overruns += 1
            self.code("o")
        else:
            self._port.extend(data)

    def sounds(self, now: float) -> Sound:
        """Sound of the host, for the line."""
        if self.mode not in ("+VTX", "+VTR") or self.hung:
            return np.zeros(SAMPLES, np.int16)
        width = 2 if self._method.coding == "s16" else 1
        self.counts.most_held = max(self.counts.most_held, len(self._played))
        self._count = self._due()
        taken = bytes(self._played[: self._count * width])
        del self._played[: len(taken)]
        if len(taken) < self._count * width:
            if self._ending:
                self._leave()
            elif not self._dry and taken:
                self._dry = True
                self.counts.underruns += 1
                self.code("u")
        else:
            self._dry = False
        samples = self._decode(taken[: len(taken) // width * width])
        whole = np.zeros(self._count, np.int16)
        whole[: len(samples)] = samples
        self._own = _stretched(whole, SAMPLES)
        return self._own

    def key(self, digit: str, now: float) -> None:
        """A key of the other side is down."""
        fresh = digit != self._key
        self._key, self._key_at = digit, now
        if self.hung or not self.line.off_hook or self._class != 8:
            return
        if fresh and self.chip.keys == "frames":
            self._port.extend((_DLE, ord("/"), _DLE, ord(digit)))
        elif fresh or (self.chip.keys == "repeats" and now - self._key_told >= 0.07):
            self._port.extend((_DLE, ord(digit)))
        else:
            return
        self._key_told = now

    def loop_break(self, now: float) -> None:
        """The current was interrupted."""
        self.code("l")


def _stretched(sound: Sound, count: int) -> Sound:
    """As many samples, the nearest of what there is."""
    if len(sound) == count:
        return sound
    if not len(sound):
        return np.zeros(count, np.int16)
    return sound[np.minimum((np.arange(count) * len(sound) / max(count, 1)).astype(int), len(sound) - 1)]
