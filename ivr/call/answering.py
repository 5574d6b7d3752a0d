"""What a caller is answered: ringing, early media, the answer, the refusal or the BYE; and what he hears while others
ring for him."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from ivr.call.leg import Leg
from ivr.call.report import CallReport
from ivr.call.services import Services
from ivr.call.sounds import RINGBACK
from ivr.errors import IvrError
from ivr.flow import ports
from ivr.sip import Session
from media import Sound

__all__ = ["Answering"]


class Answering:
    """How far the INVITE of one call is answered."""

    def __init__(
        self,
        services: Services,
        leg: Leg,
        report: CallReport,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        *,
        answered: bool = False,
    ) -> None:
        """`spawn` runs what takes time, for as long as the call is up; `answered`: it is, for the party was called."""
        self._services = services
        self.leg = leg
        """The caller's; another one once somebody has taken his place."""
        self._report = report
        self._spawn = spawn
        self.answered = answered
        """200 was sent, or came."""
        self.early = False
        """183 was sent: the caller hears us before the answer."""
        self._local: bytes | None = None
        self._ringing_play: int | None = None

    @property
    def _session(self) -> Session:
        session = self.leg.session
        assert session is not None
        return session

    def _sdp(self) -> bytes:
        """Our side of the first offer and answer: made once, the same in 183 and 200."""
        if self._local is None:
            remote = self._session.remote_sdp
            self._local = self.leg.offer() if remote is None else self.leg.answer(remote)
        return self._local

    def ring(self) -> None:
        """Send 180, where nothing better was sent yet."""
        if not self.answered:
            self._session.ring(self._services.clock())

    def early_media(self) -> None:
        """Open the sound path to a caller who is not answered. A line that has none before the answer is answered: what
        the flow says is to be heard."""
        if self.answered or self.early:
            return
        if not self.leg.policy.early_media:
            self._report.log.info("the line has no sound before the answer: the call is answered")
            self.answer()
            return
        if self._session.remote_sdp is None and not self._session.can_be_reliable:
            # Without an offer there is nothing to open the sound path with; ours goes reliably or not at all.
            self.ring()
            return
        self.early = True
        self._session.progress(self._sdp(), self._services.clock())

    def answer(self) -> None:
        """Send 200."""
        if self.answered:
            return
        description = self._sdp()
        self.stop_ringing()
        self.answered = True
        self._report.answered(self._services.wall())
        self._session.answer(description, self._services.clock())

    def hang_up(self, status: int, reason: str | None) -> None:
        """End the session: BYE with a reason once it is answered, `status` before."""
        now = self._services.clock()
        if self._session.ended:
            return
        if self.answered:
            self._session.hangup(now, reason)
        else:
            self._report.sip_status = status
            self._session.reject(status, now)

    # Ringing of others

    def show_ringing(self, prompt: ports.PromptSpec | None, wanted: Callable[[], bool]) -> None:
        """Let the caller hear that it rings, if that is still `wanted` when the sound is there."""
        prompt = prompt or RINGBACK
        if self._ringing_play is not None:
            return
        if not self.answered and not self.early and prompt == RINGBACK:
            self.ring()
            return
        self.early_media()

        def play(sound: Sound | None) -> None:
            if sound is not None and wanted():
                self._ringing_play = self.leg.port.play([sound], loop=0)

        self.want_sound(prompt, play)

    def stop_ringing(self) -> None:
        """End what :meth:`show_ringing` began."""
        if self._ringing_play is not None:
            self.leg.port.stop_play(self._ringing_play)
            self._ringing_play = None

    def want_sound(self, prompt: ports.PromptSpec, then: Callable[[Sound | None], None]) -> None:
        """Have a sound made; `then` gets it, or None when it cannot be made, now or later."""
        sound = self._services.sounds.ready(prompt)
        if sound is not None:
            then(sound)
            return

        async def make() -> None:
            try:
                made: Sound | None = await self._services.sounds.make(prompt)
            except IvrError as error:
                self._report.log.warning("a prompt of a forward: %s", type(error).__name__)
                made = None
            then(made)
            self._services.flush()

        self._spawn(make())
