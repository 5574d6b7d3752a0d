"""What callers hear while they wait for an agent, and which keys they have (`waiting`).

waiting:
  calm:
    greeting: All our agents are talking to others.
    music: {file: hold.wav}
    announcements: [{every: 45s, text: Thank you for waiting.}]
    position: adaptive
    estimate: true
    keys: {leave: "0", voicemail: "1", callback: "2"}
    max_wait: 10m
    max_wait_message: We are sorry that nobody was free.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from ivr.settings.lines import off_word
from ivr.settings.values import Digits, Duration, Section

__all__ = ["Announcement", "PositionForm", "Sound", "SoundField", "WaitingKeys", "WaitingStrategy"]

MAX_ANNOUNCEMENTS = 20
"""Of one strategy."""
SHORTEST_INTERVAL = 5.0
"""Seconds between announcements: less leaves no music in between."""
MAX_TEXT = 1000
"""Characters of one text, as `limits.text_characters`."""

PositionForm = Annotated[Literal["off", "ordinal", "cardinal", "adaptive"], BeforeValidator(off_word)]
"""How the place is said: not at all, "you are third", "two callers are before you", or whichever is better heard."""


class Sound(Section):
    """What is heard: a text that is spoken, or a file; exactly one of the two."""

    text: Annotated[str, Field(min_length=1, max_length=MAX_TEXT)] | None = None
    """Spoken."""
    file: Annotated[str, Field(min_length=1)] | None = None
    """Sound file in the prompts folder."""
    language: str | None = None
    """Of the text; None: that of the flow, else the configured one."""

    @model_validator(mode="after")
    def _one_source(self) -> Sound:
        if (self.text is None) == (self.file is None):
            raise ValueError("exactly one of text and file")
        return self


def _spoken(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


SoundField = Annotated[Sound, BeforeValidator(_spoken, json_schema_input_type=str | Sound)]
"""A sound; plain text stands for `{text: …}`."""


class Announcement(Sound):
    """A sound between the music, again and again."""

    every: Annotated[Duration, Field(ge=SHORTEST_INTERVAL, le=3600)] = 30.0
    """Seconds from the end of one to the start of the next; the first comes after so long a wait."""


def _key(value: str) -> str:
    if len(value) != 1 or value not in "0123456789*#":
        raise ValueError("not a key: 0 to 9, * or #")
    return value


Key = Annotated[Digits, AfterValidator(_key)]


class WaitingKeys(Section):
    """Keys that callers have while they wait; None: there is no such key."""

    leave: Key | None = None
    """Leave the queue: `call_not_forwarded`, `key_exit`."""
    voicemail: Key | None = None
    """Leave a message for the queue (its `voicemail`)."""
    callback: Key | None = None
    """Be called back and keep the place."""

    @model_validator(mode="after")
    def _different(self) -> WaitingKeys:
        given = [key for key in (self.leave, self.voicemail, self.callback) if key is not None]
        if len(set(given)) != len(given):
            raise ValueError("one key cannot mean two things: a different key for each")
        return self


class WaitingStrategy(Section):
    """What a caller hears until an agent answers."""

    greeting: SoundField | None = None
    """Once, at the beginning."""
    music: bool | SoundField = True
    """`true`: music that ivr makes; a sound is repeated; `false`: silence."""
    announcements: Annotated[tuple[Announcement, ...], Field(max_length=MAX_ANNOUNCEMENTS)] = ()
    """Between the music; each in its interval."""
    position: PositionForm = "off"
    """Whether and how the place in the queue is said."""
    estimate: bool = False
    """Say how long the wait is likely to be, once that is known."""
    position_every: Annotated[Duration, Field(ge=SHORTEST_INTERVAL, le=3600)] = 30.0
    """Seconds at least between two announcements of place or wait; they come only when it has changed."""
    keys: WaitingKeys = WaitingKeys()
    max_wait: Annotated[Duration, Field(gt=0)] | None = None
    """Seconds; then `call_not_forwarded`, `max_wait`. None: as long as the caller stays."""
    max_wait_message: SoundField | None = None
    """Heard then."""
