"""What a caller hears while he waits in a queue: greeting, music, announcements, his place and how long it may take.

One sound at a time. Music goes on after each announcement, from where that cut it off; nothing wakes up but when the
next sound is due.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ivr.flow.elements.prompts import PLAY_GRACE
from ivr.flow.ports import PlayDone, PromptSpec
from ivr.flow.spoken.waiting import Phrases, phrases_of, rounded_minutes
from ivr.settings import queue_sounds

if TYPE_CHECKING:
    from ivr.flow.session import Session
    from ivr.flow.spoken import Languages
    from ivr.settings import Settings, WaitingStrategy

__all__ = ["Place", "QueueSound", "prompts_of", "sound_spec"]

NEAR = 5
"""Places that the adaptive form says exactly."""

STEPS = ((20, 5), (50, 10))
"""Up to so many callers before him their number is rounded up to a multiple of so many in the adaptive form; a longer
queue is not told of: it makes people hang up and helps nobody."""

SHORTEST_MUSIC = 1.0
"""Seconds: music that ends sooner cannot be played, and is not tried again."""


def sound_spec(ctx: Session, sound: Any) -> PromptSpec | None:
    """A sound of the configuration (`ivr.settings.Sound`) as a prompt; None: there is none."""
    if sound is None:
        return None
    if sound.text is None:
        return PromptSpec("file", sound.file)
    return _text(ctx, sound.text, sound.language or ctx.languages.known(sound.text))


def _text(ctx: Session, text: str, language: str | None) -> PromptSpec:
    spoken = ctx.variable("language")
    return PromptSpec("text", text, language or (spoken if isinstance(spoken, str) and spoken else None))


class Place:
    """Decides what is said of a caller's place and of his wait, and remembers what was."""

    __slots__ = ("_estimate", "_form", "_said", "_said_minutes")

    def __init__(self, form: str, estimate: bool) -> None:
        self._form = form
        self._estimate = estimate
        self._said: int | None = None
        self._said_minutes: int | None = None

    def news(self, position: int, estimate: float | None) -> tuple[bool, bool]:
        """Whether place and wait are worth saying: they have changed, or (adaptive) have become better."""
        before, minutes = self._before(position), self._minutes(estimate)
        better = self._form == "adaptive"
        place = before is not None and _news(before, self._said, better)
        wait = minutes is not None and (_news(minutes, self._said_minutes, better) or (place and not better))
        return place, wait

    def say(self, phrases: Phrases, position: int, estimate: float | None) -> str:
        """The sentences worth saying, which count as said from now on."""
        place, wait = self.news(position, estimate)
        minutes = self._minutes(estimate)
        found: list[str] = []
        if place:
            found.append(self._place(phrases, position))
            self._said = self._before(position)
        if wait and minutes is not None:
            found.append(phrases.wait(minutes))
            self._said_minutes = minutes
        return " ".join(found)

    def _minutes(self, estimate: float | None) -> int | None:
        return None if estimate is None or not self._estimate else rounded_minutes(estimate)

    def _before(self, position: int) -> int | None:
        """Callers before him, as they are said; None: they are not."""
        before = max(0, position - 1)
        if self._form == "off":
            return None
        if self._form != "adaptive" or position <= NEAR:
            return before
        step = next((step for until, step in STEPS if before <= until), None)
        return None if step is None else math.ceil(before / step) * step

    def _place(self, phrases: Phrases, position: int) -> str:
        if self._form == "cardinal":
            return phrases.cardinal(position)
        if self._form == "ordinal" or position <= NEAR:
            return phrases.ordinal(position)
        return phrases.about(self._before(position) or 0)


def _news(now: int, before: int | None, better: bool) -> bool:
    return before is None or (now < before if better else now != before)


GREETING, PLACE = -1, -2
"""What is being said, besides announcements, which are counted from 0."""


class QueueSound:
    """The sound of one wait."""

    __slots__ = (
        "_announcements",
        "_ctx",
        "_dues",
        "_estimate",
        "_hushed",
        "_place",
        "_place_at",
        "_playing",
        "_position",
        "_saying",
        "_since",
        "_strategy",
        "_tuneless",
    )

    def __init__(self, ctx: Session, strategy: WaitingStrategy, position: int, estimate: float | None) -> None:
        self._ctx = ctx
        self._strategy = strategy
        self._announcements = [sound_spec(ctx, each) for each in strategy.announcements]
        self._dues = [ctx.now + each.every for each in strategy.announcements]
        self._place = Place(strategy.position, strategy.estimate)
        self._position = position
        self._estimate = estimate
        self._place_at = ctx.now
        self._playing: int | None = None
        self._since = 0.0
        self._saying: int | None = None
        self._tuneless = strategy.music is False
        self._hushed = False

    def begin(self, own: PromptSpec | None = None) -> None:
        """The wait begins: greeting (`own`, else that of the strategy), place, music."""
        greeting = own or sound_spec(self._ctx, self._strategy.greeting)
        if greeting is None:
            self.go_on()
        else:
            self._say(greeting, GREETING)

    @property
    def due(self) -> float | None:
        """When :meth:`go_on` wants to be called by itself; None: not at all."""
        if self._hushed:
            return None
        if self._saying is not None:
            return self._since + PLAY_GRACE
        wanted = list(self._dues)
        if any(self._place.news(self._position, self._estimate)):
            wanted.append(self._place_at)
        return min(wanted, default=None)

    def placed(self, position: int, estimate: float | None) -> None:
        """The place has changed."""
        self._position, self._estimate = position, estimate
        self.go_on()

    def done(self, event: PlayDone) -> None:
        """A playback is over; those of others are passed over."""
        if event.id != self._playing:
            return
        self._playing = None
        if self._saying is not None:
            if event.reason == "failed":
                self._ctx.note("a sound of the queue could not be played")
            self._said()
        elif event.reason == "failed" or self._ctx.now - self._since < SHORTEST_MUSIC:
            self._ctx.note("the music of the queue cannot be played")
            self._tuneless = True
        self.go_on()

    def go_on(self) -> None:
        """Let him hear what is due, else music."""
        now = self._ctx.now
        if self._hushed:
            return
        if self._saying is not None:
            if now < self._since + PLAY_GRACE:
                return
            self._ctx.note("the end of a prompt was never reported")
            self._stop()
            self._said()
        if now >= self._place_at:
            phrases = phrases_of(self._ctx.language)
            words = self._place.say(phrases, self._position, self._estimate)
            if words:
                self._say(PromptSpec("text", words, phrases.language), PLACE)
                return
        for index, due in enumerate(self._dues):
            spec = self._announcements[index]
            if now >= due and spec is not None:
                self._say(spec, index)
                return
        self._music()

    def hush(self) -> None:
        """Stop all of it, until :meth:`resume`."""
        self._stop()
        self._saying = None
        self._hushed = True

    def resume(self) -> None:
        """Begin again: announcements that would have come meanwhile come later."""
        now = self._ctx.now
        self._hushed = False
        every = (each.every for each in self._strategy.announcements)
        self._dues = [due if due > now else now + seconds for due, seconds in zip(self._dues, every, strict=True)]
        self.go_on()

    # Inside

    def _say(self, spec: PromptSpec, what: int) -> None:
        self._start(spec, 1)
        self._saying = what

    def _start(self, spec: PromptSpec, loop: int) -> None:
        self._playing = self._ctx.play((spec,), 0.0, loop, go_on=not loop)
        self._since = self._ctx.now

    def _said(self) -> None:
        """What was said is over: the time to the next of its kind begins."""
        now, what = self._ctx.now, self._saying
        self._saying = None
        if what is not None and what >= 0:
            self._dues[what] = now + self._strategy.announcements[what].every
        elif what == PLACE:
            self._place_at = now + self._strategy.position_every

    def _music(self) -> None:
        if self._playing is not None or self._tuneless:
            return
        music = self._strategy.music
        spec = PromptSpec("tone", "music") if music is True else sound_spec(self._ctx, music)
        if spec is not None:
            self._start(spec, 0)

    def _stop(self) -> None:
        if self._playing is not None:
            self._ctx.stop_play(self._playing)
            self._playing = None


def prompts_of(settings: Settings, languages: Languages) -> tuple[PromptSpec, ...]:
    """Prompts that callers of the configured queues hear as they stand there, so that they can be made before the first
    one; each once."""
    found: dict[PromptSpec, None] = {}
    for _, sound in queue_sounds(settings):
        if sound.text is not None:
            found[PromptSpec("text", sound.text, sound.language or languages.known(sound.text))] = None
        else:
            found[PromptSpec("file", sound.file or "")] = None
    return tuple(found)
