"""Prompts: the fields that say what is heard, and playing one to its end.

Shared by play and by every element that has a prompt of its own (a retry, a consent, a whisper).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PrivateAttr, model_validator

from ivr.flow.ports import Digit, Event, PlayDone, PromptSpec, Voice
from ivr.flow.values import TextTemplate

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["Heard", "Prompt", "PromptField", "PromptFields", "VoiceFields", "play_prompt"]

SPEECH_RATES = (0.5, 2.5)
"""Factors between which speech can be understood: those that the engines take."""

LANGUAGES_CACHED = 16
"""Ready-made prompts kept per field: one for each language that a flow speaks."""

PLAY_GRACE = 600.0
"""Seconds after which a playback whose end was never reported counts as failed: the longest prompt allowed, so that
a lost report cannot keep a call for ever."""


class VoiceFields(BaseModel):
    """Which voice speaks."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    gender: Literal["female", "male"] | None = None
    name: str | None = None
    engine: str | None = None


class PromptFields(BaseModel):
    """What is heard: exactly one of `text`, `file`, `url`, `voicemail`."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    text: TextTemplate | None = None
    """Spoken; short texts are better understood (up to 160 characters)."""
    file: TextTemplate | None = None
    """Sound file in the prompts folder."""
    url: TextTemplate | None = None
    """Sound file fetched by HTTP."""
    voicemail: TextTemplate | None = None
    """Recording made in the flow: name of the variable that holds it, or an expression."""
    language: TextTemplate | None = None
    """Of the text; else the flow's variable `language`, else what the text is found to be, else the configured one."""
    voice: VoiceFields | None = None
    """Voice of the text."""
    rate: Annotated[float, Field(ge=SPEECH_RATES[0], le=SPEECH_RATES[1])] = 1.0
    """Speech rate factor."""

    _ready: dict[str | None, PromptSpec] = PrivateAttr(default_factory=dict)

    @model_validator(mode="after")
    def _one_source(self) -> PromptFields:
        if sum(value is not None for value in (self.text, self.file, self.url, self.voicemail)) != 1:
            raise ValueError("exactly one of text, file, url, voicemail")
        return self

    def spec(self, ctx: Session) -> PromptSpec | None:
        """The prompt with its expressions worked out; None when there is nothing to be heard. Of a text an expression
        that fails is left out, any other source fails with it; a note says so."""
        language = self._language(ctx)
        ready = self._ready.get(language)
        if ready is not None:
            return ready
        source = self.text or self.file or self.url
        if source is None:
            return self._recording(ctx)
        kind: Literal["text", "file", "url"] = "text" if self.text else "file" if self.file else "url"
        value, sensitive = ctx.words(source, language) if kind == "text" else ctx.text(source, kind)
        if not value.strip():
            return None
        if len(value) > ctx.text_characters and kind == "text":
            ctx.note(f"a text of {len(value)} characters was cut to limits.text_characters")
            value = value[: ctx.text_characters]
        voice = None if self.voice is None else Voice(self.voice.gender, self.voice.name, self.voice.engine)
        spec = PromptSpec(kind, value, language, voice, self.rate, sensitive)
        if source.fixed and len(self._ready) < LANGUAGES_CACHED:
            self._ready[language] = spec
        return spec

    def _language(self, ctx: Session) -> str | None:
        if self.text is None:
            return None
        if self.language is not None:
            return ctx.text(self.language, "language")[0] or None
        language = ctx.variable("language")
        return language if isinstance(language, str) and language else ctx.languages.known(self.text.words)

    def _recording(self, ctx: Session) -> PromptSpec | None:
        if self.voicemail is None:
            return None
        name, _ = ctx.text(self.voicemail, "voicemail")
        held = ctx.variable(name) if name.isidentifier() else None
        path = held if isinstance(held, str) else "" if name.isidentifier() else name
        if not path:
            ctx.note("voicemail: there is no recording in the variable")
            return None
        return PromptSpec("recording", path)


def _shorthand(value: object) -> object:
    return {"text": value} if isinstance(value, str) else value


class Prompt(PromptFields):
    """A prompt inside another element."""


PromptField = Annotated[Prompt, BeforeValidator(_shorthand, json_schema_input_type=str | Prompt)]
"""A prompt as `{text: …}`, `{file: …}`…; plain text stands for `{text: …}`."""


@dataclass(frozen=True, slots=True)
class Heard:
    """How a playback ended."""

    reason: Literal["completed", "interrupted", "failed"]
    """`interrupted`: the caller pressed a key."""
    seconds: float = 0.0
    """How much was heard."""


def play_prompt(
    ctx: Session, spec: PromptSpec, *, pause: float = 0.0, loop: int = 1, interruptible: bool = False
) -> Generator[float | None, Event | None, Heard]:
    """Play one prompt until it is over or, where it may, a key stops it. A key pressed before stops it at once."""
    if interruptible and ctx.keys:
        return Heard("interrupted")
    started = ctx.now
    number = ctx.play((spec,), pause, loop)
    grace = None if loop == 0 else started + pause + PLAY_GRACE * loop
    while True:
        event: Any = yield grace
        kind = type(event)
        if kind is PlayDone:
            if event.id == number:
                if event.reason == "failed":
                    ctx.note("a prompt could not be played")
                    return Heard("failed", event.heard)
                return Heard("completed", event.heard)
        elif kind is Digit:
            if interruptible and ctx.keys:
                ctx.stop_play(number)
                return Heard("interrupted", max(0.0, ctx.now - started - pause))
        elif event is None:
            ctx.stop_play(number)
            ctx.note("the end of a prompt was never reported")
            return Heard("failed")
