"""One call session as its elements see it: the call, variables, keys pressed, what was said, and the trace.

The machine owns the session and decides which element runs; elements read it, send commands through it and write what
happened to the details of their step. Everything in it is bounded: a caller may press keys for hours.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ivr.flow.exchanges import Exchanges
from ivr.flow.expressions import ExpressionError, Record, Sensitive, Template, text_of
from ivr.flow.ports import (
    Answer,
    CallInfo,
    Cause,
    Command,
    Digit,
    DigitEnded,
    DigitSource,
    EventArrived,
    Note,
    PauseCallRecording,
    Play,
    PlayDone,
    PromptSpec,
    Request,
    ResumeCallRecording,
    SendMail,
    StopPlay,
    StopWaiting,
    WaitForEvent,
)
from ivr.flow.spoken import Languages
from ivr.flow.trace import WAITED_FOR
from ivr.settings import Calendar

if TYPE_CHECKING:
    from ivr.flow.model import Flow, FlowSet

__all__ = ["Key", "Session", "Transfer"]

KEY_BUFFER = 64
"""Keys kept for a collect to come; nobody types further ahead, and a stuck key must not fill memory."""

KEYS_IN_TRACE = 200
"""Keys that the trace of one step lists."""

ENTRIES_IN_TRACE = 2_000
"""Prompts, keys, requests, timers and events that the trace of one call lists: a call within the limits of steps and
visits that goes on for hours has no more to tell."""

PROPERTIES_IN_TRACE = 4 * 1024
"""Characters of an event's properties, as JSON, that the trace keeps."""

TEXT_IN_TRACE = 200
"""Characters of a spoken text that the trace keeps: enough to know which one it was."""

OPEN_PLAYS = 32
"""Playbacks whose end is awaited for the trace; beyond it the oldest stays without."""

OPEN_KEYS = 16
"""Keys held down at the same time whose length is awaited for the trace."""


MAX_VARIABLES = 500
"""Variables of one call."""

MAX_TAGS = 50
"""Tags of one call."""

MAX_TAG = 100
"""Characters of a tag."""

MAX_NAME = 200
"""Characters of a wish for a file's name."""


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


class Session:
    """What belongs to one call while its flow runs."""

    __slots__ = (
        "_call_record",
        "_flows",
        "_ids",
        "_open_keys",
        "_open_plays",
        "_room",
        "answered",
        "branch_shown",
        "calendars",
        "call",
        "call_recording",
        "cause",
        "commands",
        "details",
        "early",
        "element",
        "exchanges",
        "flow",
        "forwarding",
        "inputs",
        "interruptible_before",
        "kept",
        "keys",
        "languages",
        "last_event",
        "now",
        "profile",
        "properties",
        "rested",
        "result",
        "session",
        "settings",
        "started",
        "step_entered",
        "stray",
        "tags",
        "text_characters",
        "transfer",
        "variables",
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
        self.call = call
        self._flows = flows
        self.settings = settings
        self.profile = profile
        self.text_characters = text_characters
        self.languages = languages or _ENGLISH
        """Languages that this system speaks."""
        self.calendars: Mapping[str, Calendar] = calendars or {}
        """Hours and holidays by name."""
        self.flow: Flow
        """The flow that runs."""
        self.element = ""
        """Name of the element that runs."""
        self.tags: dict[str, None] = {}
        """Tags of the call, in the order in which they came."""
        self.variables: dict[str, Any] = {}
        """Its variables by name; secret values are wrapped in Sensitive."""
        self.result: Mapping[str, Any] | None = None
        """What the last element with results gave."""
        self.transfer: Transfer | None = None
        """Set by an element that wants another flow to go on."""
        self.branch_shown: str | None = None
        """What the trace says instead of the branch of the step that runs, where the branch tells the input."""
        self.step_entered = 0.0
        """When the step that runs began."""
        self.now = 0.0
        self.started = 0.0
        self.session = True
        """There is a call, or was one; False: the flow began outside a call."""
        self.cause: Cause | None = None
        """Why the session ended; None while it is up."""
        self.properties: Mapping[str, Any] = {}
        """What came with the event, the campaign or the request that began the flow."""
        self.kept: dict[str, Any] = {}
        """What the element that runs worked out when it began, and needs again when it is entered anew."""
        self.rested = False
        """The element that ran waited long outside a call: what follows is no running in circles."""
        self.last_event: float | None = None
        """When the last event came that a wait was for, in seconds of the epoch."""
        self.waits: dict[int, WaitForEvent] = {}
        """Events that are waited for, by the id of the wait."""
        self.answered = False
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
        self.commands: list[Command] = []
        self.details: dict[str, Any] = {}
        """Details of the step that runs."""
        self.exchanges = Exchanges()
        """Requests and mails whose answers the trace waits for."""
        self._ids = 0
        self._call_record: Record | None = None
        self._open_plays: dict[int, dict[str, Any]] = {}
        self._room = ENTRIES_IN_TRACE
        self._open_keys: deque[tuple[Key, dict[str, Any] | None]] = deque(maxlen=OPEN_KEYS)

    # Values

    def read(self, name: str) -> object:
        """What a name in an expression stands for: a variable, else `call`, `profile`, `settings`, `now`, `result`."""
        if name in self.variables:
            return self.variables[name]
        if name == "result":
            return self.result
        if name == "call":
            if self._call_record is None:
                self._call_record = _call_record(self.call, self.tags)
            return self._call_record
        if name == "settings":
            return self.settings
        if name == "profile":
            return self.profile
        if name == "now":
            return self.wall_time()
        raise KeyError(name)

    @property
    def language(self) -> str:
        """In which values are said: the flow's variable `language`, else the configured one."""
        language = self.variable("language")
        return language if isinstance(language, str) and language else self.languages.default

    def variable(self, name: str) -> Any:
        """The value of a variable, unwrapped; None where there is none."""
        value = self.variables.get(name)
        return value.value if type(value) is Sensitive else value

    def is_sensitive(self, name: str | None) -> bool:
        """The flow declares the variable sensitive."""
        return name is not None and name in self.flow.sensitive

    def set_variable(self, name: str, value: Any, sensitive: bool = False) -> None:
        """Give a variable its value; it is sensitive where the value or the variable is."""
        if sensitive or self.is_sensitive(name):
            value = Sensitive(value)
        if name in self.variables or len(self.variables) < MAX_VARIABLES:
            self.variables[name] = value
        else:
            self.note("too many variables")

    def set_result(self, result: dict[str, Any], sensitive: tuple[str, ...] = ()) -> None:
        """Give the following elements their `result`; the fields named are wrapped."""
        for name in sensitive:
            result[name] = Sensitive(result[name])
        self.result = result

    def value(self, template: Template[Any], what: str, default: Any = None) -> tuple[Any, bool]:
        """A field worked out, and whether the value is sensitive; the default, with a note, where it has no value."""
        try:
            return template.render(self)
        except ExpressionError as error:
            self.note(f"{what}: {error}")
            return default, False

    def text(self, template: Template[str], what: str, language: str | None = None) -> tuple[str, bool]:
        """A field worked out as text, and whether it is sensitive; empty, with a note, where it has no value."""
        try:
            value, sensitive = template.render(self, language)
            return text_of(value), sensitive
        except ExpressionError as error:
            self.note(f"{what}: {error}")
            return "", False

    def change_profile(self, changes: Mapping[str, Any]) -> None:
        """Let expressions see changes of the profile; None removes a field."""
        profile = {**self.profile, **changes}
        self.profile = {name: value for name, value in profile.items() if value is not None}

    def tag(self, tag: str) -> None:
        """Tag the call; a tag that it has keeps its place."""
        tag = tag.strip()[:MAX_TAG]
        if not tag or tag in self.tags:
            return
        if len(self.tags) >= MAX_TAGS:
            self.note("too many tags")
            return
        self.tags[tag] = None
        self._call_record = None

    def untag(self, *tags: str) -> None:
        """Take tags from the call."""
        for tag in tags:
            self.tags.pop(tag.strip()[:MAX_TAG], None)
        self._call_record = None

    def file_name(self, template: Template[str] | None, kind: str) -> str:
        """Wish for the name of a recording: what the field says, unless that is secret, else kind and short id."""
        if template is not None:
            name, sensitive = self.text(template, "name")
            if sensitive:
                self.note("a sensitive value stands in no file name")
            elif name.strip():
                return name.strip()[:MAX_NAME]
        return f"{kind}-{self.call.short_id or self.call.id}"

    # State

    @property
    def up(self) -> bool:
        """The caller is there."""
        return self.session and self.cause is None

    @property
    def contact(self) -> str:
        """Number of the person whom it is all about: the caller, or whom an outgoing call is for."""
        return self.call.to if self.call.direction == "outbound" else self.call.from_

    def wall_time(self) -> datetime:
        """The time of day that `now` stands for, in the zone of the call."""
        return self.moment_of(self.now)

    def moment_of(self, at: float) -> datetime:
        """The time of day, in the zone of the call, of a time of the machine."""
        started = self.call.started_at
        # Times of one zone are added up as the clock on the wall shows them, which changes of the clock falsify.
        return (started.astimezone(UTC) + timedelta(seconds=at - self.started)).astimezone(started.tzinfo)

    def time_of(self, moment: datetime) -> float:
        """The machine's time of a moment."""
        return self.now + (moment.astimezone(UTC) - self.wall_time().astimezone(UTC)).total_seconds()

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """A value that an element works out when it begins, and finds again when its flow, kept meanwhile, goes on."""
        if name not in self.kept:
            self.kept[name] = make()
        return self.kept[name]

    def offset(self, at: float) -> float:
        """Seconds since the call began, as the trace has them."""
        return round(at - self.started, 3)

    def find_flow(self, name: str) -> tuple[Flow, str] | None:
        """A flow that can be entered by a transfer, and its element to begin with."""
        flow = self._flows.get(name)
        if flow is None:
            return None
        entry = next((key for key, found in flow.elements.items() if found.type == "start_from_flow"), None)
        return None if entry is None else (flow, entry)

    def next_id(self) -> int:
        """A new id for a command."""
        self._ids += 1
        return self._ids

    @property
    def last_id(self) -> int:
        """The id given last."""
        return self._ids

    @last_id.setter
    def last_id(self, number: int) -> None:
        self._ids = number

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

    def emit(self, command: Command) -> None:
        """Send a command."""
        self.commands.append(command)

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
        """Enter that a time has come; `kind` is the type of the element that waited."""
        what = WAITED_FOR.get(kind, "time")
        self.enter("timers", {"for": what, "due": self.offset(due), "at": self.offset(self.now)})

    def event_arrived(self, event: EventArrived) -> None:
        """Enter an event from outside, with its properties unless something sensitive is made of them."""
        entry: dict[str, Any] = {"name": event.name, "at": self.offset(self.now)}
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

    def note(self, text: str, level: str = "warning") -> None:
        """Put a sentence into the log and the step's details; it must hold no digits and no values."""
        self.commands.append(Note(level, text))  # type: ignore[arg-type]
        notes = self.details.setdefault("notes", [])
        if len(notes) < 10:
            notes.append(text)

    def answer(self) -> None:
        """Answer the call unless it is."""
        if not self.answered:
            self.answered = True
            self.commands.append(Answer())

    # Sound

    def play(self, prompts: tuple[PromptSpec, ...], pause: float = 0.0, loop: int = 1) -> int:
        """Play prompts and enter them in the trace; the id of the playback."""
        number = self.next_id()
        self.commands.append(Play(number, prompts, pause, loop))
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
        return not self._open_plays and self.exchanges.settled

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


_ENGLISH = Languages()


def _shown(prompt: PromptSpec) -> dict[str, Any]:
    if prompt.sensitive:
        return {"kind": prompt.kind, "value": "(sensitive)"}
    return {"kind": prompt.kind, "value": prompt.value[:TEXT_IN_TRACE]}


def _call_record(call: CallInfo, tags: Iterable[str]) -> Record:
    return Record(
        id=call.id,
        short_id=call.short_id,
        to=call.to,
        direction=call.direction,
        line=call.line,
        started_at=call.started_at,
        headers=call.headers,
        tags=list(tags),
        **{"from": call.from_},
    )
