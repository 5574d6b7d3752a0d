"""One call that an AI agent has: the caller's sound to the endpoint, the agent's sound to the caller, until one of
them, the flow or a limit ends it.

    waiting -> up -> draining -> over       waiting: connecting, again too; draining: the last words are still heard
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ivr.flow import ports
from ivr.handoff.ai_connecting import Connecting
from ivr.handoff.ai_figures import AiFigures
from ivr.handoff.ai_found import AiFound
from ivr.handoff.ai_links import Link
from ivr.handoff.ai_making import Making
from ivr.handoff.ai_voice import LAST, PACKET, AiVoice
from ivr.handoff.ai_watch import AiWatch
from ivr.handoff.protocols import (
    NO_CODE,
    NORMAL,
    Accepted,
    Clear,
    Given,
    Kept,
    Keys,
    Lost,
    MarkSet,
    Message,
    Odd,
    Said,
    Send,
    Speech,
)
from media import MediaEvent, StreamFrames, StreamFull, StreamMark, StreamStarted

if TYPE_CHECKING:
    from ivr.call.flowcall import FlowCall

__all__ = ["AiCall"]

DRAIN: Final = 10.0
"""Seconds in which the last words of an agent that gives the call back are still heard."""
LOOK: Final = 0.5
"""Seconds between looks at silence, limits and the connection."""


class AiCall:
    """One hand-off. `over` is called once, when nothing more is to come to it."""

    def __init__(self, call: FlowCall, command: ports.StartAiAgent, making: Making, over: Callable[[], None]) -> None:
        self.call = call
        self.command = command
        self.agent = making.agent
        self.name = making.name
        self.figures = AiFigures(making.name, making.agent.protocol, call.services.clock())
        self._making = making
        self._clock = call.services.clock
        self._told_over = over
        limit = command.connect_timeout or making.agent.connect_timeout
        self._connecting = Connecting(self, making, limit, self._not_connected)
        self._voice: AiVoice | None = None
        self._watch: AiWatch | None = None
        self._found = AiFound()
        self._told_at = float("-inf")
        """When the flow was told what the agent found out."""
        self._accepted = False
        """The endpoint of the connection that stands has taken the call."""
        self._up_since: float | None = None
        """When the agent had the call first."""
        self._over = False
        self._ending: Given | None = None
        self._timers: dict[str, asyncio.TimerHandle] = {}
        """By what they are for: `limit`, `look`, `drain`."""
        self._lost_as = "endpoint_error"
        """Reason for which the flow gets the call where the connection cannot be made anew."""

    def start(self) -> None:
        """Call the endpoint; the flow is told what the caller may hear meanwhile."""
        self.call.feed(ports.AiAgentConnecting(self.command.id, self.agent.filler))
        if not self._over:
            self._connecting.begin()

    # The connection (LinkHost)

    def attached(self, link: Link) -> None:
        """A connection is made, or has come; what it says is heard from now on."""
        self._connecting.link = link

    def opened(self, link: Link) -> None:
        dialect = self._connecting.dialect
        if link is not self._connecting.link or dialect is None or self._over:
            return
        for message in dialect.begin():
            link.send(message)
        if dialect.accepts_at_once:
            self._take_over()

    def received(self, link: Link, message: Message) -> None:
        dialect = self._connecting.dialect
        if link is not self._connecting.link or dialect is None or self._over:
            return
        if self._watch is not None:
            self._watch.came(self._clock())
        for said in dialect.received(message):
            self._on_said(said)
            if link is not self._connecting.link:
                return  # what it has said besides is of no use any more

    def closed(self, link: Link, code: int, text: str) -> None:
        if link is not self._connecting.link or self._over:
            return
        self._connecting.lost()
        if not self._accepted:
            self._broken("endpoint_error", text or f"closed with {code}")
        elif self._ending is not None:
            pass  # it has said its last words, which are still heard
        elif code in (NORMAL, NO_CODE):
            self._give(Given("completed"))
        else:
            self._broken("endpoint_closed", text or f"closed with {code}")

    def _not_connected(self, text: str) -> None:
        self._connecting.drop()
        self._broken(self._lost_as, text)

    def _broken(self, reason: str, text: str) -> None:
        """There is no connection, or none any more: make one anew where that is wanted."""
        self._connecting.cancel()
        if self._up_since is None:
            self._finish("not_started", text)
            return
        self._lost_as = reason
        if not self._connecting.again(self._clock()):
            self._finish(reason, text)
            return
        self.figures.reconnects += 1
        self._found.again()
        self._accepted = False
        self._close_voice()
        self.call.feed(ports.AiAgentConnecting(self.command.id, self.agent.filler))

    # What the agent says

    def _take_over(self) -> None:
        """The endpoint has the call."""
        if self._accepted:
            return
        self._accepted = True
        self._connecting.taken()
        now, dialect = self._clock(), self._connecting.dialect
        assert dialect is not None
        self._voice = AiVoice(self.call.leg.port, dialect.encoding, self.agent.buffer, self.figures)
        self._watch = AiWatch(self.agent, dialect.encoding, now)
        if self._up_since is not None:
            return
        self._up_since = now
        self.figures.connected(now)
        if self.command.record_name is not None:
            self.call.record_both(self.command.record_name)
        longest = self.command.max_duration or self.agent.max_duration
        self._later("limit", longest, lambda: self._finish("max_duration"))
        self._later("look", LOOK, self._on_look)
        self.call.report.tell("ai.started", {"agent": self.name, "protocol": self.agent.protocol})
        self.call.feed(ports.AiAgentStarted(self.command.id, self._making.stream_sid))

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
            case Kept():
                self._found.add(said)
                self._tell_found(self._clock())
            case Given():
                if self._accepted:
                    self._give(said)
                else:
                    self._not_connected(said.text or said.reason)
            case Lost(text=text, reason=reason):
                self._connecting.drop()
                if self._ending is None:
                    self._broken(reason, text)
            case Send(message=message):
                self._send(message)
            case Accepted():
                self._take_over()
            case Odd(text=text):
                if self.figures.odd_thing(text):
                    self.call.log.info("the AI agent sends %s; it is left out of account", text)

    def _tell_found(self, now: float) -> None:
        """The flow is told what is known so far, in case that the conversation is cut off; not more often than at each
        look, whatever the endpoint sends."""
        if self._found.fresh and now - self._told_at >= LOOK:
            self._told_at = now
            self._found.fresh = False
            self.call.feed(ports.AiAgentTold(self.command.id, self._found.summary, self._found.turns))

    def _send(self, message: Message) -> None:
        if self._connecting.link is not None:
            self._connecting.link.send(message)

    def _say(self, payload: bytes, tag: str) -> None:
        if self._voice is not None and self._ending is None:
            self._voice.say(payload, tag, self._clock())

    def _mark(self, name: str) -> None:
        if self._voice is not None and self._ending is None and not self._voice.mark(name):
            self._on_said(Odd("more marks than are kept"))

    def _clear(self) -> None:
        dialect = self._connecting.dialect
        if self._voice is None or dialect is None:
            return
        self.figures.clears += 1
        for message in dialect.cleared(self._voice.clear()):
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
            self._later("drain", DRAIN, self._given)
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
            case StreamFrames(payload=payload, at=at, lead=lead):
                voice.ticked(at + PACKET - lead)
                self._caller_heard(payload, at)
            case StreamStarted(at=at):
                self.figures.first_sound(at)
                self.call.feed(ports.AiAgentSpoke(self.command.id))
            case StreamMark(number=number, cleared=cleared):
                if number == LAST:
                    self._given()
                    return
                name, dialect = voice.reached(number), self._connecting.dialect
                if name is not None and self._accepted and dialect is not None:
                    for message in dialect.marked(name, cleared):
                        self._send(message)
            case StreamFull(dropped_seconds=seconds):
                if not self.figures.dropped:
                    self.call.log.info("the AI agent says more than may wait; what is too much is dropped")
                self.figures.dropped += seconds

    def _caller_heard(self, payload: bytes, at: float) -> None:
        link, dialect = self._connecting.link, self._connecting.dialect
        if not self._accepted or link is None or dialect is None:
            return
        if self._watch is not None:
            self._watch.heard(payload, at)
        if not link.send_sound(dialect.heard(payload, at)):
            self.figures.left_out += 1

    def pressed(self, digit: str) -> bool:
        """A key of the caller; whether it is the agent's."""
        dialect = self._connecting.dialect
        if self._over or not self._accepted or self._ending is not None or dialect is None:
            return False
        if self._watch is not None:
            self._watch.pressed(self._clock())
        self.figures.keys += 1
        if digit == self.agent.human_key:
            self._finish("caller_requested_human")
            return True
        if dialect.keys_interrupt:
            self._clear()
        for message in dialect.pressed(digit):
            self._send(message)
        return True

    # Time

    def _later(self, what: str, seconds: float, then: Callable[[], None]) -> None:
        self._timers[what] = self.call.services.call_later(seconds, then)

    def _on_look(self) -> None:
        self._later("look", LOOK, self._on_look)
        self._tell_found(self._clock())
        if self._connecting.link is not None:
            self._connecting.link.look()
        voice, watch = self._voice, self._watch
        if self._over or not self._accepted or self._ending is not None or voice is None or watch is None:
            return
        match watch.look(bool(voice.queued), self._clock()):
            case "endpoint_error":
                self._connecting.drop()
                self._broken("endpoint_error", "nothing came from it")
            case "no_input_timeout":
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
            self._found.summary,
            self._found.turns,
            self._found.variables,
            talked,
        )
        self.call.feed(replace(done, end_call=end_call, twiml=twiml, twiml_url=url))

    def _close(self, reason: str, text: str) -> float:
        """Let go of everything, and write down how it was; seconds the agent had the call."""
        if self._over:
            return 0.0
        self._over = True
        for timer in self._timers.values():
            timer.cancel()
        if self._connecting.dialect is not None and self._accepted:
            for message in self._connecting.dialect.end():
                self._send(message)
        self._connecting.close()
        self._close_voice()
        if self._up_since is not None and self.command.record_name is not None:
            self.call.stop_recording_both()
        now = self._clock()
        talked = 0.0 if self._up_since is None else now - self._up_since
        entry = self.figures.entry(reason, text, talked, self.call.services.wall())
        self.call.report.handed_over(entry)
        self.call.report.tell(
            "ai.ended", {"agent": self.name, "reason": reason, "text": text, "seconds": round(talked, 3)}
        )
        self.call.log.info("an AI agent had the call for %.1f s: %s", talked, f"{reason}, {text}" if text else reason)
        self._told_over()
        return talked
