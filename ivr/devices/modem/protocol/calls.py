"""A call with a modem: going off hook, dialling, and sound one way or both ways."""

from __future__ import annotations

from typing import Final, Literal, Protocol

from ivr.devices.modem.protocol.setup import Setup, escape
from ivr.devices.modem.protocol.steps import DONE, Ask, Listen, Pause, Script, UnusableError, command
from ivr.devices.modem.protocol.wire import Mode

__all__ = ["Desk", "Dialled", "dial", "enter", "leave", "pick_up", "talk"]

Dialled = Literal["answered", "supposed", "busy", "no_answer", "no_dial_tone", "refused", "error"]
"""``supposed``: the modem has only finished."""

_DIAL_ENDS: Final = DONE | {"BUSY", "NO CARRIER", "NO ANSWER", "NO DIALTONE", "REFUSED"}
_DIALLED: Final[dict[str, Dialled]] = {
    "VCON": "answered",
    "OK": "supposed",
    "CONNECT": "supposed",
    "BUSY": "busy",
    "NO ANSWER": "no_answer",
    "NO CARRIER": "no_answer",
    "NO DIALTONE": "no_dial_tone",
    "REFUSED": "refused",
    "ERROR": "error",
}

DIAL_SECONDS: Final = 200.0
"""Longest dialling: S7 ends it sooner."""

MOST_FAILURES: Final = 3
"""Times in a row that sound does not begin, or stops by itself at once, before the call is given up."""

_ENTER: Final = {Mode.TRANSMIT: "AT+VTX", Mode.RECEIVE: "AT+VRX", Mode.DUPLEX: "AT+VTR"}
_LEFT: Final = frozenset({"OK", "VCON", "ERROR", "NO CARRIER"})
_CLEAR: Final = b"\x10\x18"  # DLE CAN: forget the sound that was not played yet


class Desk(Protocol):
    """What the sound of a call is steered by."""

    def wanted(self) -> Mode:
        """The way that sound should go now."""

    def next_key(self) -> str | None:
        """A key to sound, once."""

    def no_duplex(self) -> None:
        """The modem has no +VTR after all."""

    def sounding(self, mode: Mode) -> None:
        """Sound begins, or ends with ``Mode.COMMAND``."""

    def lasted(self) -> float:
        """Seconds since sound began last."""


def _voice(setup: Setup) -> Script[bool]:
    reply = yield command("AT+FCLASS=8")
    if reply.result != "OK":
        return False
    for text in setup.profile.voice:
        yield command(text)
    reply = yield command(setup.format.command)
    return bool(reply.result == "OK")


def pick_up(setup: Setup) -> Script[bool]:
    """Off hook, in voice; False: the modem would not."""
    if not (yield from _voice(setup)):
        return False
    reply = yield command("AT+VLS=1", 4.0)
    return reply.result in ("OK", "VCON")


def dial(setup: Setup, number: str) -> Script[Dialled]:
    """Off hook, and call somebody."""
    if not (yield from _voice(setup)):
        return "error"
    how = "P" if setup.wish.pulse else "T"
    reply = yield command(f"ATD{how}{number}", DIAL_SECONDS, tries=1, ends=_DIAL_ENDS)
    return _DIALLED.get(reply.result, "error")


def enter(mode: Mode, again: bool = True) -> Ask:
    """Begin the sound; ``again``: False: the command was sent already, and its answer is waited for."""
    return Ask(_ENTER[mode].encode() + b"\r" if again else b"", DONE, 3.0, mode=mode)


def leave(setup: Setup, mode: Mode, at_once: bool) -> Script[None]:
    """End the sound; ``at_once``: without playing what the modem still has.

    :raises UnusableError: the modem does not stop.
    """
    for sequence in setup.leave(mode) * 2:
        clear = _CLEAR if at_once and mode.sounds else b""
        reply = yield Ask(clear + sequence, _LEFT, 1.5, leaving=True)
        if reply.result or reply.ended:
            setup.learnt[mode] = sequence
            return
    reply = yield command("AT", 1.0)
    if reply.result != "OK":
        raise UnusableError("the modem does not end its sound")


def talk(setup: Setup, desk: Desk) -> Script[None]:
    """Sound, until the modem will not any more. Ended from outside when somebody hangs up."""
    failures = 0
    while failures < MOST_FAILURES:
        while (key := desk.next_key()) is not None:
            yield command(f"AT+VTS={key}", 4.0, tries=1)
        mode = desk.wanted()
        reply = yield enter(mode)
        if reply.result != "CONNECT":
            if mode is Mode.DUPLEX and reply.result == "ERROR":
                desk.no_duplex()
            else:
                failures += 1
                # The command may have got lost, or its answer, and then there is sound.
                yield Pause(0.2) if reply.result else escape()
            continue
        desk.sounding(mode)
        why = yield Listen()
        failures = failures + 1 if why in ("stalled", "ended") and desk.lasted() < LASTING else int(why == "ended")
        desk.sounding(Mode.COMMAND)
        if why == "ended":
            yield Pause(0.1)  # the OK after it
        else:
            yield from leave(setup, mode, at_once=why != "switch")


LASTING: Final = 5.0
"""Seconds: sound that flowed so long had begun well."""
