"""Recordings of both sides that a document asks for (Dial, Start), as callbacks and actions tell of them."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Literal

from ivr.flow.elements.base import CallOver
from ivr.flow.ports import CallRecorded, Event
from ivr.flow.twiml.document import TwimlError, Verb

if TYPE_CHECKING:
    from ivr.flow.twiml.talk import Talk

__all__ = ["Recording", "tell_recording"]

GRACE = 5.0
"""Seconds in which a recording that was ended is closed: it takes a tick of the media plane."""
CHANNELS = "2"
"""The sides are apart, also where one channel would do."""

Source = Literal["DialVerb", "RecordVerb", "StartCallRecordingTwiML"]


class Recording:
    """One of them."""

    def __init__(self, talk: Talk, verb: Verb, base: str, source: Source) -> None:
        """`verb` has the attributes `recordingStatusCallback…`."""
        self._talk = talk
        self._verb = verb
        self._base = base
        self._source: Source = source
        self.number: int | None = None
        """The flow's id of it, where that is known before it begins."""
        self.begun = False
        self._done: CallRecorded | None = None

    @property
    def over(self) -> bool:
        """It is closed."""
        return self._done is not None

    def seen(self, event: Event) -> None:
        """An event of the call."""
        if type(event) is not CallRecorded or self.number not in (None, event.id):
            return
        self.number = event.id
        if event.phase == "begun":
            self.begun = True
            self._tell("in-progress", self._talk.recording(event.key, "", 0.0))
        elif self._done is None:
            self._done = event
            kind = "completed" if event.key else "absent"
            self._tell(kind, self._params())

    def finished(self) -> Generator[float | None, Event | None, dict[str, str]]:
        """Wait until it is closed, where it has begun: parameters that name it; none where there is none."""
        ctx = self._talk.ctx
        until = ctx.now + GRACE
        while self.begun and not self.over and ctx.now < until:
            try:
                event = yield until
            except CallOver:  # the caller leaves: it is closed all the same
                continue
            if event is not None:
                self.seen(event)
        return self._params()

    def _params(self) -> dict[str, str]:
        done = self._done
        return {} if done is None or not done.key else self._talk.recording(done.key, done.path, done.duration)

    def _tell(self, status: str, params: Mapping[str, str]) -> None:
        more = {**params, "RecordingChannels": CHANNELS, "RecordingTrack": "both"}
        tell_recording(self._talk, self._verb, self._base, status, self._source, more)


def tell_recording(talk: Talk, verb: Verb, base: str, status: str, source: Source, params: Mapping[str, str]) -> None:
    """Tell the `recordingStatusCallback` of a verb how its recording fares, where it wants to hear of that."""
    url = verb.get("recordingStatusCallback").strip()
    if not url or status not in verb.get("recordingStatusCallbackEvent", "completed").split():
        return
    try:
        where = talk.resolve(base, url)
    except TwimlError as error:
        talk.notice(error.code, str(error), verb.name)
        return
    method: Literal["GET", "POST"] = "GET" if verb.get("recordingStatusCallbackMethod").upper() == "GET" else "POST"
    talk.tell(where, method, {**params, "RecordingStatus": status, "RecordingSource": source})
