"""A line on a sound card as a state machine: what is heard and done at the card on one side, the line on the other.

Pure: facts in, with the time; events out, and what the card is to sound. A card has neither a bell nor a hook of its
own. So what begins a call is a handset that is lifted (HID), a voice, a bell that an adapter lets through, or nothing;
and what ends it is the handset, a busy tone, a long silence, or the flow. Whoever is at the card hears a busy tone for
a while when the flow has ended the call: he is not left waiting, and another exchange takes it for the end too.

    gone      --found--> idle
    idle      --lifted, voice, bell, or at once (`always`)--> offered      Ringing
              --dial--> dialling (tones) or alerting (handset)             Alerting
    offered   --answer--> opening     --on hook, the bell stops--> idle    HungUp
    opening   --the voice pauses--> talking                                Answered
    dialling  --all is dialled--> talking                                  Answered
    alerting  --lifted, voice, or at once (`always`)--> talking            Answered
    talking   --on hook, busy tone, silence--> idle                        HungUp
    offered, opening, talking  --hang_up--> ending --on hook, 4 s--> idle
    any       --lost--> gone                                               Gone
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Literal

from ivr.devices.hardware import Alerting, Answered, Back, Gone, HardwareEvent, HungUp, Key, Ringing
from media.devices import EarReport, RingBursts, VoiceStart

__all__ = ["CardLine", "CardWish", "Sounding", "State"]

PAUSE: Final = 0.4
"""Seconds without a voice after which a prompt may begin: longer than between two digits that somebody dials."""
LONGEST_HELLO: Final = 3.0
"""Seconds after which it begins all the same."""
ENDING_SECONDS: Final = 4.0
"""Of busy tone: four turns of the slowest, of which an exchange or another runtime needs three."""
QUIET: Final = 2.0
"""Seconds without a sound after a busy tone until a sound is a voice again: no tone pauses so long."""
AGAIN: Final = 2.0
"""Seconds until a line that always has a call calls again."""
DIAL_WAIT: Final = 0.8
"""Seconds before the first digit: an exchange gives its dial tone within half a second, and hears digits then."""


class State(Enum):
    """What the line does."""

    GONE = "gone"
    IDLE = "idle"
    OFFERED = "offered"
    OPENING = "opening"
    TALKING = "talking"
    DIALLING = "dialling"
    ALERTING = "alerting"
    ENDING = "ending"


class Sounding(Enum):
    """What the card sounds."""

    NOTHING = "nothing"
    NETWORK = "network"
    """The call."""
    RING = "ring"
    """A bell for whoever sits at the card."""
    BUSY = "busy"
    """The call is over."""
    DIGITS = "digits"
    """What is dialled; the line is heard meanwhile."""


@dataclass(frozen=True, slots=True)
class CardWish:
    """What the settings ask for."""

    answer: Literal["hook", "voice", "ring", "always"]
    """What begins a call that comes in."""
    dial: Literal["tones", "handset"]
    """What a call out does."""
    threshold: float
    """dBFS from which on sound begins a call."""
    hang_up_after: float | None
    """Seconds of silence that end a call."""


class CardLine:
    """One line. Each method takes the time, seconds of a monotonic clock, and returns what is to be told."""

    def __init__(self, wish: CardWish) -> None:
        self._wish = wish
        self._voice = VoiceStart(wish.threshold)
        self._bell = RingBursts(wish.threshold)
        self._since = 0.0
        self._lifted = False
        self._told_bell = False
        self._deaf = False
        """Until the line is quiet: what is heard is the end of the call before."""
        self._next: str | None = None
        self._reason = ""
        self.state = State.GONE
        self.sounding = Sounding.NOTHING
        """What the card is to sound."""
        self.dialled = ""
        """Digits to sound once :attr:`sounding` becomes DIGITS."""
        self.dial_wait = DIAL_WAIT
        """Seconds of silence before them."""

    @property
    def off_hook(self) -> bool:
        """Whether the lamp of a handset shows a call; one that is not shown it takes its hook back after 2 s."""
        return self.state in (State.OFFERED, State.OPENING, State.TALKING, State.DIALLING)

    @property
    def heard(self) -> bool:
        """Whether what the card hears goes to the daemon."""
        return self.state in (State.TALKING, State.DIALLING)

    def found(self, what: str, now: float) -> list[HardwareEvent]:
        """The card works."""
        if self.state is not State.GONE:
            return []
        self._reason = ""
        self._enter(State.IDLE, now)
        return [Back(what)]

    def lost(self, reason: str, now: float) -> list[HardwareEvent]:
        """The card is gone, or still is for another reason."""
        if self.state is State.GONE and reason == self._reason:
            return []
        self._reason = reason
        self._next = None
        self._enter(State.GONE, now)
        return [Gone(reason)]

    def hook(self, lifted: bool, now: float) -> list[HardwareEvent]:
        """The handset is off hook, or on hook again; headsets may tell either twice."""
        self._lifted = lifted
        if not lifted:
            return self._on_hook(now)
        if self.state is State.ALERTING:
            return self._through(now)
        if self.state is State.IDLE and self._wish.answer == "hook":
            return self._offer(now)
        return []

    def drop(self, now: float) -> list[HardwareEvent]:
        """The button that ends a call."""
        return self._on_hook(now)

    def key(self, digit: str, now: float) -> list[HardwareEvent]:
        """A key of the handset."""
        return [Key(digit)] if self.state is State.TALKING else []

    def hear(self, report: EarReport, digits_left: bool, now: float) -> list[HardwareEvent]:
        """A frame was heard; ``digits_left``: of what is dialled something is yet to be sounded."""
        speaks = self._voice.hear(report.level)
        rings = self._wish.answer == "ring" and self._bell.hear(report.level)
        match self.state:
            case State.IDLE:
                return self._hear_idle(speaks, rings, now)
            case State.OFFERED if self._wish.answer == "ring" and self._bell.over:
                self._enter(State.IDLE, now)
                return [HungUp()]
            case State.OPENING:
                pause = self._voice.quiet >= PAUSE or now - self._since >= LONGEST_HELLO
                return self._through(now) if pause or self._wish.answer != "voice" else []
            case State.DIALLING if not digits_left:
                self._enter(State.TALKING, now)
                return [Answered(certain=False)]
            case State.ALERTING if (speaks and self._wish.answer != "hook") or self._wish.answer == "always":
                return self._through(now)
            case State.TALKING:
                return self._hear_talking(report, now)
            case State.ENDING if now - self._since >= ENDING_SECONDS:
                return self._free(now)
        return []

    def answer(self, now: float) -> list[HardwareEvent]:
        """The daemon takes the call."""
        if self.state is State.OFFERED:
            self._enter(State.OPENING, now)
        return []

    def dial(self, number: str, now: float) -> list[HardwareEvent]:
        """The daemon calls; after a call that is being ended."""
        if self.state is State.ENDING:
            self._next = number
            return []
        if self.state is not State.IDLE:
            return []
        if self._wish.dial == "tones":
            self.dialled = "".join(digit for digit in number.upper() if digit in "0123456789*#ABCD,")
            self._enter(State.DIALLING, now)
            return []
        self._enter(State.ALERTING, now)
        # Who has the handset in his hand needs no bell.
        return [Alerting(), *(self._through(now) if self._lifted else ())]

    def hang_up(self, now: float) -> list[HardwareEvent]:
        """The daemon ends the call, or does not want it."""
        self._next = None
        if self.state in (State.OPENING, State.TALKING) or (
            self.state is State.OFFERED and self._wish.answer != "ring"
        ):
            self._enter(State.ENDING, now)
        elif self.state in (State.OFFERED, State.DIALLING, State.ALERTING):
            self._enter(State.IDLE, now)
        return []

    # What follows

    def _hear_idle(self, speaks: bool, rings: bool, now: float) -> list[HardwareEvent]:
        if self._wish.answer == "ring":
            # One that was left ringing is told once.
            self._told_bell = self._told_bell and not self._bell.over
            if rings and not self._told_bell:
                self._told_bell = True
                return self._offer(now)
        elif self._deaf:
            self._deaf = self._voice.quiet < QUIET
        elif (self._wish.answer == "voice" and speaks) or (
            self._wish.answer == "always" and now - self._since >= AGAIN
        ):
            return self._offer(now)
        return []

    def _hear_talking(self, report: EarReport, now: float) -> list[HardwareEvent]:
        if report.tone is not None:
            self._deaf = True
            self._enter(State.IDLE, now)
            return [HungUp()]
        limit = self._wish.hang_up_after
        if limit is not None and self._voice.quiet >= limit:
            self._enter(State.ENDING, now)
            return [HungUp()]
        return [Key(digit) for digit in report.keys]

    def _offer(self, now: float) -> list[HardwareEvent]:
        self._enter(State.OFFERED, now)
        return [Ringing("")]

    def _through(self, now: float) -> list[HardwareEvent]:
        self._enter(State.TALKING, now)
        return [Answered(certain=True)]

    def _on_hook(self, now: float) -> list[HardwareEvent]:
        if self.state in (State.OFFERED, State.OPENING, State.TALKING):
            self._enter(State.IDLE, now)
            return [HungUp()]
        return self._free(now) if self.state is State.ENDING else []

    def _free(self, now: float) -> list[HardwareEvent]:
        """The call before is over: one that waits begins."""
        self._enter(State.IDLE, now)
        number, self._next = self._next, None
        return self.dial(number, now) if number is not None else []

    def _enter(self, state: State, now: float) -> None:
        if state in (State.IDLE, State.TALKING):
            self._voice.reset()
        if state is State.GONE:
            self._bell.reset()
        self.state, self._since = state, now
        self.sounding = _SOUNDS.get(state, Sounding.NOTHING)


_SOUNDS: Final = {
    State.TALKING: Sounding.NETWORK,
    State.DIALLING: Sounding.DIGITS,
    State.ALERTING: Sounding.RING,
    State.ENDING: Sounding.BUSY,
}
"""What the card sounds in a state."""
