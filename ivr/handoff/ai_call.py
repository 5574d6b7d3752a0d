"""One call that an AI agent has: the caller's sound to the endpoint, the agent's sound to the caller, until one of
them, the flow or a limit ends it.

    waiting -> up -> draining -> over       waiting: connecting, again too; draining: the last words are still heard
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from ivr.flow import ports
from ivr.handoff.ai_figures import AiFigures
from ivr.handoff.ai_links import Link
from ivr.handoff.ai_making import Making
from ivr.handoff.ai_voice import LAST, AiVoice
from ivr.handoff.protocols import (
    MAX_TRANSCRIPT,
    NORMAL,
    Accepted,
    Clear,
    Dialect,
    Given,
    Kept,
    KeptValues,
    Keys,
    MarkSet,
    Message,
    Odd,
    Said,
    Send,
    Silence,
    Speech,
)
from media import AddressError, MediaEvent, StreamFrames, StreamFull, StreamMark, StreamStarted

if TYPE_CHECKING:
    from ivr.call.flowcall import FlowCall

__all__ = ["AiCall"]

log = logging.getLogger("ivr.handoff")

DRAIN: Final = 10.0
"""Seconds in which the last words of an agent that gives the call back are still heard."""
LOOK: Final = 0.5
"""Seconds between looks at silence, limits and the connection."""
RETRY_AFTER: Final = (0.2, 0.5, 1.0, 2.0)
"""Seconds before each try to connect anew, the last one for all that follow."""


class AiCall:
    """One hand-off. `over` is called once, when nothing more is to come to it."""

    def __init__(self, call: FlowCall, command: ports.StartAiAgent, making: Making, over: Callable[[], None]) -> None:
        self.call = call
        self.command = command
        self.agent = making.agent
        self.making = making
        self.figures = AiFigures(making.name, making.agent.protocol, call.services.clock())
        self._clock = call.services.clock
        self._told_over = over
        self._link: Link | None = None
        self._dialect: Dialect | None = None
        self._voice: AiVoice | None = None
        self._accepted = False
        self._taken = asyncio.Event()
        """The endpoint has taken the call, by the connection that is being made."""
        self._up_since: float | None = None
        """When the agent had the call first."""
        self._over = False
        self._ending: Given | None = None
        self._task: asyncio.Task[None] | None = None
        self._limit: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None
        self._drain: asyncio.TimerHandle | None = None
        self._silence: Silence | None = None
        self._spoke_at = 0.0
        """When the agent was heard last."""
        self._heard_at = 0.0
        """When a message came last."""
        self._lost_as = "endpoint_error"
        """Reason for which the flow gets the call where the connection cannot be made anew."""
        self._lost: list[float] = []
        """When connections were lost that were made anew."""
        self._variables = KeptValues()
        self._summary = ""
        self._turns: list[Mapping[str, Any]] = []

    def start(self) -> None:
        """Call the endpoint; the flow is told what the caller may hear meanwhile."""
        self.call.feed(ports.AiAgentConnecting(self.command.id, self.agent.filler))
        if not self._over:
            self._task = self.call.services.loop.create_task(self._connect(0.0))

    # Connecting

    async def _connect(self, after: float) -> None:
        limit = self.command.connect_timeout or self.agent.connect_timeout
        if after:
            await asyncio.sleep(after)
        self._accepted = False
        self._taken.clear()
        self._dialect = dialect = self.making.dialect()
        try:
            async with asyncio.timeout(limit):
                await self.making.connect(self, dialect)
                await self._taken.wait()
        except TimeoutError:
            self._not_connected("no answer in time")
        except AddressError as error:
            self._not_connected(str(error))
        except (OSError, ValueError) as error:  # a certificate that fails is both
            self._not_connected(type(error).__name__)
        except Exception:
            log.exception("an AI agent could not be connected")
            self._not_connected("a fault of ours")

    def _not_connected(self, text: str) -> None:
        self._drop_link()
        self._broken(self._lost_as, text)

    def _drop_link(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            self.figures.link_done(link)
            link.close()

    def _broken(self, reason: str, text: str) -> None:
        """There is no connection, or none any more: make one anew where that is wanted."""
        self._cancel_connect()
        if self._up_since is None:
            self._finish("not_started", text)
            return
        self._lost_as = reason
        now, policy = self._clock(), self.agent.reconnect
        if policy is not None:
            self._lost = [at for at in self._lost if now - at < policy.within]
            if len(self._lost) < policy.times:
                after = RETRY_AFTER[min(len(self._lost), len(RETRY_AFTER) - 1)]
                self._lost.append(now)
                self.figures.reconnects += 1
                self._accepted = False
                self._close_voice()
                self.making.again()
                self._task = self.call.services.loop.create_task(self._connect(after))
                self.call.feed(ports.AiAgentConnecting(self.command.id, self.agent.filler))
                return
        self._finish(reason, text)

    def _cancel_connect(self) -> None:
        task, self._task = self._task, None
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    # The connection (LinkHost)

    def attached(self, link: Link) -> None:
        """A connection is made, or has come; what it says is heard from now on."""
        self._link = link

    def opened(self, link: Link) -> None:
        if link is not self._link or self._dialect is None or self._over:
            return
        for message in self._dialect.begin():
            link.send(message)
        if self._dialect.accepts_at_once:
            self._take_over()

    def received(self, link: Link, message: Message) -> None:
        if link is not self._link or self._dialect is None or self._over:
            return
        self._heard_at = self._clock()
        for said in self._dialect.received(message):
            self._on_said(said)

    def closed(self, link: Link, code: int, text: str) -> None:
        if link is not self._link or self._over:
            return
        self._link = None
        self.figures.link_done(link)
        if not self._accepted:
            self._broken("endpoint_error", text or f"closed with {code}")
        elif self._ending is not None:
            pass  # it has said its last words, which are still heard
        elif code == NORMAL:
            self._give(Given("completed"))
        else:
            self._broken("endpoint_closed", text or f"closed with {code}")

    # What the agent says

    def _take_over(self) -> None:
        """The endpoint has the call."""
        if self._accepted:
            return
        self._accepted = True
        self._taken.set()
        now = self._clock()
        self._heard_at = now
        first = self._up_since is None
        dialect = self._dialect
        assert dialect is not None
        self._voice = AiVoice(self.call.leg.port, dialect.encoding, self.agent.buffer, self.figures)
        self._silence = Silence(dialect.encoding, now)
        if not first:
            return
        self._up_since = now
        self.figures.connected(now)
        if self.command.record_name is not None:
            self.call.record_both(self.command.record_name)
        self._limit = self.call.services.call_later(
            self.command.max_duration or self.agent.max_duration, lambda: self._finish("max_duration")
        )
        self._look = self.call.services.call_later(LOOK, self._on_look)
        self.call.report.tell("ai.started", {"agent": self.making.name, "protocol": self.agent.protocol})
        self.call.feed(ports.AiAgentStarted(self.command.id))

    def _on_said(self, said: Said) -> None:
        if self._over:
            return
        match said:
            case Speech(payload=payload, tag=tag):
                self._say(payload, tag)
            case MarkSet(name=name):
                self._mark(name)
            case Clear():
                self._clear()
            case Keys(digits=digits):
                self.call.leg.send_keys(digits, self._clock())
                self.call.services.flush()
            case Kept(variables=variables, summary=summary, turns=turns):
                self._variables.add(variables)
                self._summary = summary or self._summary
                self._turns = [*self._turns, *turns][-MAX_TRANSCRIPT:]
            case Given():
                if self._accepted:
                    self._give(said)
                else:
                    self._not_connected(said.text or said.reason)
            case Send(message=message):
                self._send(message)
            case Accepted():
                self._take_over()
            case Odd(text=text):
                if self.figures.odd_thing(text):
                    self.call.log.info("the AI agent sends %s; it is left out of account", text)

    def _send(self, message: Message) -> None:
        if self._link is not None:
            self._link.send(message)

    def _say(self, payload: bytes, tag: str) -> None:
        if self._voice is not None and self._ending is None:
            self._voice.say(payload, tag, self._clock())

    def _mark(self, name: str) -> None:
        if self._voice is not None and self._ending is None and not self._voice.mark(name):
            self._on_said(Odd("more marks than are kept"))

    def _clear(self) -> None:
        if self._voice is None or self._dialect is None:
            return
        self.figures.clears += 1
        for message in self._dialect.cleared(self._voice.clear()):
            self._send(message)

    def _close_voice(self) -> None:
        voice, self._voice = self._voice, None
        if voice is not None:
            voice.close()

    def _give(self, given: Given) -> None:
        """It gives the call back: its last words are still heard."""
        if self._ending is not None:
            return
        self._ending = given
        if self._voice is not None and self._voice.queued and self._voice.mark_last():
            self._drain = self.call.services.call_later(DRAIN, self._given)
        else:
            self._given()

    def _given(self) -> None:
        given = self._ending
        if given is not None:
            self._finish(given.reason, given.text, target=given.target, end_call=given.end_call)

    # What the media plane says

    def on_media(self, event: MediaEvent) -> None:
        """An event of the stream."""
        voice = self._voice
        if self._over or voice is None or getattr(event, "stream_id", None) != voice.stream:
            return
        match event:
            case StreamFrames(payload=payload, at=at):
                self._caller_heard(payload, at)
            case StreamStarted(at=at):
                self.figures.first_sound(at)
                self.call.feed(ports.AiAgentSpoke(self.command.id))
            case StreamMark(number=number):
                if number == LAST:
                    self._given()
                    return
                name = voice.reached(number)
                if name is not None and self._accepted and self._dialect is not None:
                    for message in self._dialect.marked(name):
                        self._send(message)
            case StreamFull(dropped_seconds=seconds):
                if not self.figures.dropped:
                    self.call.log.info("the AI agent says more than may wait; what is too much is dropped")
                self.figures.dropped += seconds

    def _caller_heard(self, payload: bytes, at: float) -> None:
        if not self._accepted or self._link is None or self._dialect is None:
            return
        if self._silence is not None and self.agent.no_input_timeout is not None:
            self._silence.heard(payload, at)
        if not self._link.send_sound(self._dialect.heard(payload, at)):
            self.figures.left_out += 1

    def pressed(self, digit: str) -> bool:
        """A key of the caller; whether it is the agent's."""
        if self._over or not self._accepted or self._ending is not None or self._dialect is None:
            return False
        if self._silence is not None:
            self._silence.pressed(self._clock())
        self.figures.keys += 1
        if self._dialect.keys_interrupt:
            self._clear()
        for message in self._dialect.pressed(digit):
            self._send(message)
        return True

    # Time

    def _on_look(self) -> None:
        self._look = self.call.services.call_later(LOOK, self._on_look)
        now = self._clock()
        if self._link is not None:
            self._link.look()
        if self._over or not self._accepted or self._ending is not None or self._voice is None:
            return
        agent = self.agent
        if self._voice.queued:
            self._spoke_at = now
        if agent.silence_timeout is not None and now - self._heard_at > agent.silence_timeout:
            self._drop_link()
            self._broken("endpoint_error", "nothing came from it")
        elif (
            agent.no_input_timeout is not None
            and self._silence is not None
            and self._silence.seconds(self._spoke_at, now) >= agent.no_input_timeout
        ):
            self._finish("no_input_timeout")

    # The end

    def stop(self) -> None:
        """The flow takes the call back, or somebody outside has it now."""
        self._finish("completed", told="taken_back")

    def end_call(self, twiml: str | None, url: str | None) -> bool:
        """The bot ends or redirects the call, by HTTP."""
        if self._over:
            return False
        self._finish("completed", end_call=twiml is None and url is None, twiml=twiml, url=url)
        return True

    def gone(self) -> None:
        """The caller's call is over."""
        self._close("user_hung_up" if self.call.report.cause == "user_hung_up" else "call_ended", "")

    def _finish(
        self,
        reason: str,
        text: str = "",
        *,
        target: str = "",
        end_call: bool = False,
        twiml: str | None = None,
        url: str | None = None,
        told: str = "",
    ) -> None:
        """`told`: what the record has instead of the reason that the flow gets."""
        if self._over:
            return
        talked = self._close(told or reason, text)
        done = ports.AiAgentDone(
            self.command.id,
            reason,  # type: ignore[arg-type]
            text,
            target,
            self._summary,
            tuple(self._turns),
            self._variables.values,
            talked,
        )
        self.call.feed(replace(done, end_call=end_call, twiml=twiml, twiml_url=url))

    def _close(self, reason: str, text: str) -> float:
        """Let go of everything, and write down how it was; seconds the agent had the call."""
        if self._over:
            return 0.0
        self._over = True
        self._cancel_connect()
        for timer in (self._limit, self._look, self._drain):
            if timer is not None:
                timer.cancel()
        if self._link is not None and self._dialect is not None and self._accepted:
            for message in self._dialect.end():
                self._link.send(message)
        self._drop_link()
        self.making.close()
        self._close_voice()
        if self._up_since is not None and self.command.record_name is not None:
            self.call.stop_recording_both()
        now = self._clock()
        talked = 0.0 if self._up_since is None else now - self._up_since
        entry = self.figures.entry(reason, text, talked, self.call.services.wall())
        self.call.report.handed_over(entry)
        self.call.report.tell(
            "ai.ended", {"agent": self.making.name, "reason": reason, "text": text, "seconds": round(talked, 3)}
        )
        self.call.log.info("an AI agent had the call for %.1f s: %s", talked, f"{reason}, {text}" if text else reason)
        self._told_over()
        return talked
