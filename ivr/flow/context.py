"""What expressions and elements see of a call, or of a flow without one: variables, results, profile, tags, time.

Sound, keys and the trace are added by :class:`ivr.flow.session.Session`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from ivr.flow.expressions import ExpressionError, Record, Sensitive, Template, text_of
from ivr.flow.packet import HandedOver
from ivr.flow.ports import CallInfo, Cause, Command, Note
from ivr.flow.spoken import Languages
from ivr.settings import Calendar

if TYPE_CHECKING:
    from ivr.flow.model import Flow, FlowSet
    from ivr.flow.trace import Step

__all__ = ["LEFT_OUT", "Context"]

LEFT_OUT = "words left out of the text: "
"""Begins the note on an expression of a spoken text that has no value."""

MAX_VARIABLES = 500
"""Variables of one call."""

MAX_TAGS = 50
"""Tags of one call."""

MAX_TAG = 100
"""Characters of a tag."""

MAX_NAME = 200
"""Characters of a wish for a file's name."""


class Context:
    """What belongs to one run of a flow."""

    __slots__ = (
        "_call_record",
        "_contact",
        "_flows",
        "_ids",
        "calendars",
        "call",
        "cause",
        "commands",
        "details",
        "element",
        "flow",
        "handed",
        "kept",
        "languages",
        "now",
        "profile",
        "properties",
        "result",
        "session",
        "session_at",
        "settings",
        "started",
        "step_entered",
        "steps",
        "tags",
        "text_characters",
        "variables",
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
        self.variables: dict[str, Any] = {}
        """Its variables by name; secret values are wrapped in Sensitive."""
        self.result: Mapping[str, Any] | None = None
        """What the last element with results gave."""
        self.tags: dict[str, None] = {}
        """Tags of the call, in the order in which they came."""
        self.properties: Mapping[str, Any] = {}
        """What came with the event, the campaign or the request that began the flow."""
        self.handed = HandedOver()
        """What the next hand-off is told of those before it."""
        self.steps: Sequence[Step] = ()
        """The way walked so far."""
        self.kept: dict[str, Any] = {}
        """What the element that runs worked out when it began, and needs again when it is entered anew."""
        self.step_entered = 0.0
        """When the step that runs began."""
        self.now = 0.0
        self.started = 0.0
        self.session_at = 0.0
        """When the session began."""
        self.session = True
        """There is a call, or was one; False: the flow began outside a call."""
        self.cause: Cause | None = None
        """Why the session ended; None while it is up."""
        self.commands: list[Command] = []
        self.details: dict[str, Any] = {}
        """Details of the step that runs."""
        self._ids = 0
        self._call_record: Record | None = None
        self._contact: str | None = None

    # Values

    def read(self, name: str) -> object:
        """What a name in an expression stands for: a variable, else `call`, `profile`, `settings`, `now`, `result`."""
        if name in self.variables:
            return self.variables[name]
        if name == "result":
            return self.result
        if name == "call":
            if self._call_record is None:
                self._call_record = _call_record(self.call, self.tags, self.contact)
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

    def words(self, template: Template[str], language: str | None = None) -> tuple[str, bool]:
        """A text to be spoken, and whether it is sensitive. An expression without a value is left out, with a note, and
        the other words are said; where none are left, the text is empty."""
        try:
            value, sensitive = template.render(self, language)
            return text_of(value), sensitive
        except ExpressionError:
            pass
        try:
            (text, sensitive), faults = template.spoken(self, language)
        except ExpressionError as error:
            text, sensitive, faults = "", False, [str(error)]
        for fault in dict.fromkeys(faults):
            self.note(LEFT_OUT + fault)
        return text if any(map(str.isalnum, text)) else "", sensitive

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
        """Number of the person whom it is all about, and whose profile is there: the caller of the call that began the
        flow, or who came with a campaign, an event or a request; else who was called."""
        return self._contact or self.party

    @contact.setter
    def contact(self, number: str) -> None:
        self._contact, self._call_record = number or None, None

    @property
    def party(self) -> str:
        """Number of who is or was on the phone last: the caller, or the one called."""
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
        kinds = ["start_from_flow"]
        if self.flow.version == "built-in":
            # It has called somebody for a flow that only takes calls: that goes on as if they had called.
            kinds.append("start_incoming_call")
        for kind in kinds:
            for key, found in flow.elements.items():
                if found.type == kind:
                    return flow, key
        return None

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

    # What it says

    def emit(self, command: Command) -> None:
        """Send a command."""
        self.commands.append(command)

    def note(self, text: str, level: str = "warning") -> None:
        """Put a sentence into the log and the step's details; it must hold no digits and no values."""
        self.commands.append(Note(level, text))  # type: ignore[arg-type]
        notes = self.details.setdefault("notes", [])
        if len(notes) < 10:
            notes.append(text)


_ENGLISH = Languages()


def _call_record(call: CallInfo, tags: Iterable[str], contact: str) -> Record:
    return Record(
        id=call.id,
        short_id=call.short_id,
        to=call.to,
        direction=call.direction,
        line=call.line,
        contact=contact,
        started_at=call.started_at,
        headers=call.headers,
        key=Sensitive(call.key),
        tags=list(tags),
        **{"from": call.from_},
    )
