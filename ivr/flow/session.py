"""One call session as its elements see it: what :class:`Context` holds, keys pressed, what was said, waits, the trace.

The machine owns the session and decides which element runs; elements read it, send commands through it and write what
happened to the details of their step. Everything in it is bounded: a caller may press keys for hours.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ivr.flow.context import Context
from ivr.flow.exchanges import Exchanges
from ivr.flow.keys_out import KEYS_TO_SEND, WHICH_KEYS
from ivr.flow.ports import (
    Answer,
    CallInfo,
    Digit,
    DigitEnded,
    DigitSource,
    EventArrived,
    PauseCallRecording,
    Play,
    PlayDone,
    PromptSpec,
    RecordDone,
    Request,
    ResumeCallRecording,
    SendKeys,
    SendMail,
    StartCallRecording,
    StopCallRecording,
    StopPlay,
    StopRecord,
    StopWaiting,
    WaitForEvent,
)
from ivr.flow.spoken import Languages
from ivr.flow.trace import WAITED_FOR
from ivr.flow.underway import UnderWay
from ivr.settings import Calendar

if TYPE_CHECKING:
    from ivr.flow.model import Flow, FlowSet

__all__ = ["Key", "Session", "Transfer"]

KEY_BUFFER = 64
"""Keys kept for a collect to come; nobody types further ahead, and a stuck key must not fill memory."""

KEYS_IN_TRACE = 200
"""Keys that the trace of one step lists."""

FIELDS_IN_TRACE = 64 * 1024
"""Characters of all that instructions from outside say, as JSON, that the trace of one call keeps."""

ENTRIES_IN_TRACE = 2_000
"""Prompts, keys, requests, timers and events that the trace of one call lists: a call within the limits of steps and
visits that goes on for hours has no more to tell."""

PROPERTIES_IN_TRACE = 4 * 1024
"""Characters of an event's properties, as JSON, that the trace keeps."""

TEXT_IN_TRACE = 200
"""Characters of a spoken text that the trace keeps: enough to know which one it was."""

OPEN_PLAYS = 32
"""Playbacks whose end is awaited for the trace; beyond it the oldest stays without."""

NAME_LENGTH = 200
"""Characters of a wish for a file's name."""

OPEN_KEYS = 16
"""Keys held down at the same time whose length is awaited for the trace."""


@dataclass(frozen=True, slots=True)
class Transfer:
    """The wish to go on in another flow."""

    flow: Flow
    """Where to."""
    entry: str
    """Its element to begin with."""
    variables: Mapping[str, Any]
    """Values of variables there; secret ones are wrapped."""
    returns: bool
    """Come back when that flow ends."""


@dataclass(slots=True)
class Key:
    """A key the caller pressed."""

    digit: str
    """One of `0123456789*#ABCD`."""
    source: DigitSource
    """How it came."""
    at: float
    """When it began, in the machine's time."""
    duration: float
    """Seconds; 0 while it is held."""


class Session(Context):
    """What belongs to one call while its flow runs."""

    __slots__ = (
        "_cut_recordings",
        "_fields_room",
        "_open_keys",
        "_open_plays",
        "_room",
        "answered",
        "asking",
        "branch_shown",
        "call_recording",
        "called_as",
        "controlled",
        "early",
        "exchanges",
        "forwarding",
        "inputs",
        "interruptible_before",
        "keys",
        "last_event",
        "left",
        "rested",
        "runs_as",
        "stray",
        "transfer",
        "under_way",
        "waits",
    )

    def __init__(
        self,
        call: CallInfo,
        flows: FlowSet,
        settings: Mapping[str, Any],
        profile: Mapping[str, Any],
        text_characters: int,
        languages: Languages | None = None,
        calendars: Mapping[str, Calendar] | None = None,
    ) -> None:
        super().__init__(call, flows, settings, profile, text_characters, languages, calendars)
        self.transfer: Transfer | None = None
        """Set by an element that wants another flow to go on."""
        self.branch_shown: str | None = None
        """What the trace says instead of the branch of the step that runs, where the branch tells the input."""
        self.left = False
        """Set by an element that ends the flow, and the subroutines that it is in."""
        self.rested = False
        """The element that ran waited long outside a call: what follows is no running in circles."""
        self.last_event: float | None = None
        """When the last event came that a wait was for, in seconds of the epoch."""
        self.waits: dict[int, WaitForEvent] = {}
        """Events that are waited for, by the id of the wait."""
        self.answered = False
        self.called_as = ""
        """Whom this call was asked for, in the words of who asked; empty: as `call.to` says."""
        self.asking = False
        """Keys of the caller are being collected."""
        self.early = False
        """The caller hears early media."""
        self.forwarding = False
        """A forward has the caller's sound: a prompt of ours would come in between."""
        self.call_recording = False
        """The whole call is being recorded."""
        self.inputs = 0
        """Grows with everything that comes from the caller."""
        self.keys: deque[Key] = deque(maxlen=KEY_BUFFER)
        """Keys that no element has taken yet."""
        self.interruptible_before = False
        """The last prompt was one that a key may cut short."""
        self.stray: tuple[str, float] | None = None
        """Terminator that may still come after a full input, and until when it is no input of its own."""
        self.exchanges = Exchanges()
        """Requests and mails whose answers the trace waits for."""
        self.under_way = UnderWay()
        """What was begun and is not over."""
        self.controlled = False
        """The element that runs takes instructions from outside."""
        self.runs_as = ""
        """Type of the element that runs in place of that of the step: a member of `failover`."""
        self._cut_recordings: dict[int, dict[str, Any]] = {}
        self._open_plays: dict[int, dict[str, Any]] = {}
        self._room = ENTRIES_IN_TRACE
        self._fields_room = FIELDS_IN_TRACE
        self._open_keys: deque[tuple[Key, dict[str, Any] | None]] = deque(maxlen=OPEN_KEYS)

    # Events from outside

    def wait_for(self, event: str, since: datetime | None) -> int:
        """Ask for events of a name, those kept since a moment first; the id that they come with."""
        number: int = self.once("wait", self.next_id)
        wait = WaitForEvent(number, event, since)
        self.waits[number] = wait
        self.emit(wait)
        return number

    def take_event(self, at: datetime) -> None:
        """Something came from outside; a past event that comes again and again is nothing new."""
        if self.last_event is None or at.timestamp() > self.last_event:
            self.last_event = at.timestamp()
            self.inputs += 1
            self.rested = self.rested or not self.up

    def stop_waiting(self, number: int) -> None:
        """Ask for these events no more."""
        if self.waits.pop(number, None) is not None:
            self.emit(StopWaiting(number))

    def send(self, command: Request | SendMail) -> None:
        """Send a request or a mail, and enter it in the trace."""
        if self._room:
            self._room -= 1
            element = self.flow.elements.get(self.element)
            headers = [name.lower() for name in getattr(element, "save_headers", {}).values()]
            self.exchanges.sent(command, self.offset(self.now), self.details, None if self._sets_secrets() else headers)
        self.commands.append(command)

    # The trace

    def enter(self, what: str, entry: dict[str, Any]) -> bool:
        """Enter something in a list of the details of the step that runs; False: the trace of this call is full."""
        if not self._room:
            return False
        self._room -= 1
        self.details.setdefault(what, []).append(entry)
        return True

    @property
    def trace_full(self) -> bool:
        """Some of what happened is not in the trace."""
        return not self._room

    def timer(self, kind: str, due: float) -> None:
        """Enter that a time has come; `kind` is the type of the element of the step that runs."""
        what = WAITED_FOR.get(self.runs_as or kind, "time")
        self.enter("timers", {"for": what, "due": self.offset(due), "at": self.offset(self.now)})

    def event_arrived(self, event: EventArrived) -> None:
        """Enter an event from outside, with its properties unless something sensitive is made of them."""
        posted = (event.at - self.call.started_at).total_seconds()
        entry: dict[str, Any] = {"name": event.name, "at": self.offset(self.now), "posted": round(posted, 3)}
        if event.properties and not self._sets_secrets():
            properties = dict(event.properties)
            if len(json.dumps(properties, default=str)) > PROPERTIES_IN_TRACE:
                entry["cut"] = True
            else:
                entry["properties"] = properties
        self.enter("events", entry)

    def _sets_secrets(self) -> bool:
        """The element that runs gives values to sensitive variables."""
        element = self.flow.elements.get(self.element)
        return element is not None and any(map(self.is_sensitive, element.sets()))

    def answer(self) -> None:
        """Answer the call unless it is."""
        if not self.answered:
            self.answered = True
            self.commands.append(Answer())

    def connected(self, call: CallInfo) -> None:
        """A call of our own was answered: there is a session from now on, a new one where there was one before."""
        self.contact = self.contact
        self.call, self._call_record = call, None
        self.session, self.cause, self.session_at = True, None, self.now
        self.answered, self.early, self.call_recording = True, False, False
        self.keys.clear()
        self.stray, self.interruptible_before = None, False

    # Being taken away from an element

    def stop_all(self, *kinds: type[Any]) -> None:
        """Stop what was begun and is not over, or what is of these kinds: nobody waits for the end of it any more."""
        for command in self.under_way.stops(self.commands, kinds):
            if type(command) is StopRecord and len(self._cut_recordings) < OPEN_PLAYS:
                self._cut_recordings[command.id] = self.details
            self.commands.append(command)
            self.under_way.take(command)
        if not kinds:
            for number in list(self.waits):
                self.stop_waiting(number)

    def moved(self) -> None:
        """Somebody has taken the call to another flow: what was meant for this one does not count there."""
        self.stop_all()
        self.keys.clear()
        self.stray, self.interruptible_before = None, False
        self.forwarding = self.controlled = False
        self.transfer, self.branch_shown = None, None
        self.inputs += 1

    def record_done(self, event: RecordDone) -> None:
        """Enter in the trace what became of a recording that no element waits for any more."""
        details = self._cut_recordings.pop(event.id, None)
        if details is not None:
            details.update(recording=event.path or None, duration=round(event.duration, 3), reason="cut")

    # Instructions from outside that can be carried out in any state

    def instructed(self, verb: str, fields: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Enter an instruction in the trace, with its fields as long as there is room for them; the entry, to which its
        results are added."""
        entry: dict[str, Any] = {"verb": verb, "at": self.offset(self.now)}
        if fields:
            self._fields_room -= len(json.dumps(fields, default=str))
            if self._fields_room >= 0:
                entry["fields"] = dict(fields)
            else:
                entry["cut"] = True
        self.inputs += 1
        self.enter("instructions", entry)
        return entry

    def take_order(self, verb: str, fields: Mapping[str, Any]) -> str | None:
        """Send keys, or begin or end the recording of the whole call; why that cannot be, as a sentence."""
        if verb == "send_digits":
            keys = str(fields.get("digits") or "")
            if not KEYS_TO_SEND.fullmatch(keys):
                return WHICH_KEYS
            self.emit(SendKeys(keys))
        elif verb == "stop_recording":
            if not self.call_recording:
                return "the call is not being recorded"
            self.call_recording = False
            self.emit(StopCallRecording())
        elif self.call_recording:
            return "the call is being recorded already"
        else:
            self.call_recording = True
            name = str(fields.get("name") or "").strip()[:NAME_LENGTH]
            self.emit(StartCallRecording(name or f"call-{self.call.short_id or self.call.id}"))
        return None

    # Sound

    def play(self, prompts: tuple[PromptSpec, ...], pause: float = 0.0, loop: int = 1, *, go_on: bool = False) -> int:
        """Play prompts and enter them in the trace; the id of the playback. `go_on`: from where it was cut off."""
        number = self.next_id()
        self.commands.append(Play(number, prompts, pause, loop, go_on))
        entry: dict[str, Any] = {"prompts": [_shown(prompt) for prompt in prompts], "at": self.offset(self.now)}
        if not self.enter("played", entry):
            return number
        if len(self._open_plays) >= OPEN_PLAYS:
            del self._open_plays[next(iter(self._open_plays))]
        self._open_plays[number] = entry
        return number

    def stop_play(self, number: int) -> None:
        """Stop a playback."""
        self.commands.append(StopPlay(number))

    def play_done(self, event: PlayDone) -> None:
        """Enter in the trace how much of a playback was heard."""
        entry = self._open_plays.pop(event.id, None)
        if entry is not None:
            entry["heard"] = round(event.heard, 3)
            entry["reason"] = event.reason
            if event.error:
                entry["error"] = event.error[:TEXT_IN_TRACE]

    @property
    def settled(self) -> bool:
        """Nothing more will change the trace."""
        return not self._open_plays and not self._cut_recordings and self.exchanges.settled

    def pause_recording(self) -> bool:
        """Keep what comes out of the recording of the whole call; True when there is one."""
        if self.call_recording:
            self.commands.append(PauseCallRecording())
        return self.call_recording

    def resume_recording(self) -> None:
        """Record the whole call again."""
        if self.call_recording and self.up:
            self.commands.append(ResumeCallRecording())

    # Keys

    def press(self, event: Digit) -> None:
        """Take in a key."""
        self.inputs += 1
        key = Key(event.digit, event.source, event.at, event.duration)
        if self.stray is not None:
            digit, until = self.stray
            self.stray = None
            if key.digit == digit and self.now <= until:
                return
        if len(self.keys) < KEY_BUFFER:
            self.keys.append(key)
            if not key.duration:
                self._open_keys.append((key, None))

    def key_ended(self, event: DigitEnded) -> None:
        """Enter how long a key was held, also when it is in the trace already."""
        for index, (key, entry) in enumerate(self._open_keys):
            if key.digit == event.digit and key.at == event.at:
                key.duration = event.duration
                if entry is not None:
                    entry["duration"] = round(event.duration, 3)
                del self._open_keys[index]
                return

    def trace_key(self, key: Key, shown: str, what: str = "keys") -> None:
        """Enter a key in the step's details, as `shown`; `what` says what it was for."""
        entry = {"key": shown, "source": key.source, "at": self.offset(key.at), "duration": round(key.duration, 3)}
        if len(self.details.get(what, ())) >= KEYS_IN_TRACE or not self.enter(what, entry):
            return
        for index, (held, _) in enumerate(self._open_keys):
            if held is key:
                self._open_keys[index] = (key, entry)
                return


def _shown(prompt: PromptSpec) -> dict[str, Any]:
    if prompt.sensitive:
        return {"kind": prompt.kind, "value": "(sensitive)"}
    return {"kind": prompt.kind, "value": prompt.value[:TEXT_IN_TRACE]}
