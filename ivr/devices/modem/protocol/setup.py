"""A modem is woken, reset, asked who it is, and told what it is to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ivr.devices.modem.protocol.formats import SampleFormat, listed
from ivr.devices.modem.protocol.profiles import COUNTRIES, PROFILES, Profile, choose
from ivr.devices.modem.protocol.steps import Ask, Do, Pause, Script, UnusableError, command
from ivr.devices.modem.protocol.wire import Mode

__all__ = ["Setup", "Wish", "escape", "hang_up", "set_up", "wake"]

RING_BACK_NEVER: Final = 8
"""Seconds after dialling without any ring-back until a modem takes the call for answered (+VRN)."""

LONGEST_RINGING: Final = 180
"""Seconds (S7). How long callees are rung is for flows to say, well below this."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the configuration asks for."""

    profile: str = "auto"
    """A profile's name; ``auto``: found out."""
    duplex: str = "auto"
    """``auto``, ``full`` or ``half``."""
    country: str = ""
    """ISO 3166; empty: as the modem has it."""
    caller_id: bool = True
    """Ask for it."""
    rings: int = 2
    """Calls are told after so many rings."""
    pulse: bool = False
    """Dial by pulses."""
    ring_gone: float = 5.0
    """Seconds without ring-back after which a call counts as answered (+VRA): more than the network's pause."""
    init: tuple[str, ...] = ()
    """Further commands."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What was found out."""

    profile: Profile
    """The chip."""
    what: str
    """The chip and what it says of itself."""
    format: SampleFormat
    """Of its sound."""
    duplex: bool
    """It is used both ways at once."""
    caller_id: bool
    """It reports callers."""
    wish: Wish
    """What was asked for."""
    learnt: dict[Mode, bytes] = field(default_factory=dict)
    """What has ended its sound before, where that is not the first thing to try."""

    def leave(self, mode: Mode) -> tuple[bytes, ...]:
        """What ends the sound of ``mode``, in the order to try."""
        profile = self.profile
        known = {
            Mode.TRANSMIT: profile.leave_transmit,
            Mode.RECEIVE: profile.leave_receive,
            Mode.DUPLEX: profile.leave_duplex,
        }[mode]
        first = self.learnt.get(mode)
        return known if first is None else (first, *(sequence for sequence in known if sequence != first))


_LEFT: Final = frozenset({"OK", "VCON", "ERROR", "NO CARRIER"})


def escape() -> Ask:
    """Ends whatever sound a modem may be in, by every sequence; nothing to one that is in none."""
    return Ask(b"\x10\x03\x10!\x10^\x10\x10\x10\x03\x10\x10\x10!\x10\x1b\r", _LEFT, 0.8, leaving=True)


def wake() -> Script[None]:
    """Get an answer, by stronger and stronger means.

    :raises UnusableError: there is none.
    """
    for means in ("ask", "escape", "break", "drop_dtr"):
        if means == "escape":
            yield escape()
        elif means == "break":
            yield Do("break")
            yield Pause(1.0)
        elif means == "drop_dtr":
            yield Do("drop_dtr")
            yield Pause(1.5)
        reply = yield command("AT", 0.7)
        if reply.result in ("OK", "ERROR"):
            return
    raise UnusableError("the modem does not answer")


def set_up(wish: Wish, usb: tuple[int, int] | None = None) -> Script[Setup]:
    """From a port that was just opened to a modem that waits for calls.

    :raises UnusableError: it does not answer, or has no voice.
    """
    yield from wake()
    yield command("ATZ", 4.0)
    reply = yield command("ATE0V1Q0", 2.0, tries=3)
    if reply.result != "OK":
        raise UnusableError("the modem does not obey: no OK for ATE0V1Q0")
    answers: dict[str, str] = {}
    for question in ("ATI0", "ATI3", "AT+FMI?", "AT+FMM?"):
        reply = yield command(question)
        answers[question] = " ".join(line for line in reply.lines if line != question)
    profile = PROFILES[wish.profile] if wish.profile in PROFILES else choose(tuple(answers.values()), usb)
    for text in (*profile.setup, *wish.init):
        yield command(text)
    if wish.country in COUNTRIES:
        yield command(f"AT+GCI={COUNTRIES[wish.country]}", 4.0)
    reply = yield command("AT+FCLASS=8")
    if reply.result != "OK":
        raise UnusableError("the modem has no voice: no OK for AT+FCLASS=8")
    format_ = yield from _choose_format(profile)
    yield command(f"AT+VRA={round(wish.ring_gone * 10)}")
    yield command(f"AT+VRN={RING_BACK_NEVER}")
    yield command(f"ATS7={LONGEST_RINGING}")
    caller_id = yield from _wait_for_calls(wish.caller_id)
    return Setup(
        profile=profile,
        what=f"{profile.what} ({answers['ATI3']})" if answers["ATI3"] else profile.what,
        format=format_,
        duplex=profile.duplex if wish.duplex == "auto" else wish.duplex == "full",
        caller_id=caller_id,
        wish=wish,
    )


def _choose_format(profile: Profile) -> Script[SampleFormat]:
    formats = profile.formats
    if not formats:
        reply = yield command("AT+VSM=?")
        formats = tuple(listed(reply.lines))
    for format_ in formats:
        reply = yield command(format_.command)
        if reply.result == "OK":
            return format_
    raise UnusableError(
        "the modem has no sample format that is understood: none of "
        + ", ".join(format_.command for format_ in formats)
        if formats
        else "the modem lists no sample format that is understood"
    )


def _wait_for_calls(caller_id: bool) -> Script[bool]:
    """Back to class 0, where calls come in; gives whether callers will be reported."""
    reply = yield command("AT+FCLASS=0")
    if reply.result != "OK":
        raise UnusableError("the modem does not leave its voice class")
    reply = yield command(f"AT+VCID={int(caller_id)}")
    return caller_id and reply.result == "OK"


def hang_up(setup: Setup, dialling: bool) -> Script[None]:
    """From command state, on or off hook, to waiting for calls. ``dialling``: an ATD is under way.

    :raises UnusableError: the modem does not hang up; letting go of DTR was tried.
    """
    if dialling:  # V.250 section 5.6.1: any character aborts
        yield command("", 2.0, tries=1, ends=frozenset({"OK", "ERROR", "NO CARRIER", "VCON", "NO ANSWER", "BUSY"}))
    reply = yield command("ATH", 3.0)
    if reply.result != "OK":
        yield escape()
        reply = yield command("ATH", 3.0)
    if reply.result != "OK":
        yield Do("drop_dtr")
        yield Pause(1.5)
        yield from wake()
        reply = yield command("ATH", 3.0)
        if reply.result != "OK":
            raise UnusableError("the modem does not hang up")
    yield from _wait_for_calls(setup.wish.caller_id)
