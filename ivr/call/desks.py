"""Who takes calls over from flows, as calls see them: the queue, AI agents, voice applications. Parts above this one
implement these; see :mod:`ivr.flow.ports` for what the commands and events mean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from ivr.flow import ports

if TYPE_CHECKING:
    from pydantic import SecretStr

    from ivr.call.flowcall import FlowCall
    from ivr.flow import Flow
    from media import MediaEvent

__all__ = ["AiDesk", "ApplicationDesk", "Closed", "Desks", "ForkDesk", "PeopleDesk", "QueueDesk"]

NOBODY_HERE = "this daemon hands no calls over"


class QueueDesk(Protocol):
    """The agent queue. Events go to `call.feed`."""

    def join(self, call: FlowCall, command: ports.JoinQueue) -> None:
        """The caller begins to wait, or is told at once why not."""

    def leave(self, call: FlowCall, command: ports.LeaveQueue) -> None:
        """He waits no more."""

    def judge_number(self, call: FlowCall, command: ports.JudgeNumber) -> None:
        """Whether somebody can be called back on a number: answered soon."""

    def look(self, call: FlowCall, command: ports.LookAtQueue) -> None:
        """How many wait there: answered at once."""

    def keep_callback(self, call: FlowCall, command: ports.KeepCallback) -> None:
        """His place is kept for a call back."""

    def gone(self, call: FlowCall) -> None:
        """His call is over, in whatever state: who rings for him stops, who talks to him is hung up. Told for every
        call that ends while it is at a desk; harmless for others."""


class AiDesk(Protocol):
    """AI agents."""

    def start(self, call: FlowCall, command: ports.StartAiAgent) -> None:
        """Connect the caller with one."""

    def stop(self, call: FlowCall, command: ports.StopAiAgent) -> None:
        """Take him back."""

    def pressed(self, call: FlowCall, digit: str) -> bool:
        """A key of a caller; True: an AI agent has him, and was told."""

    def on_media(self, call: FlowCall, event: MediaEvent) -> None:
        """An event of the sound stream of the call's port."""

    def agent_of(self, call: FlowCall) -> str | None:
        """Name of the AI agent that has the call; None: none has."""

    def end_call(self, call: FlowCall, *, twiml: str | None = None, url: str | None = None) -> bool:
        """The bot hangs up (`Status=completed`), or has the call go on in a TwiML document or the one at a URL: the
        flow hears :class:`~ivr.flow.ports.AiAgentDone`. False: no AI agent has the call."""

    def gone(self, call: FlowCall) -> None:
        """His call is over."""


class ForkDesk(Protocol):
    """Copies of the caller's sound that go elsewhere while the call goes on."""

    def start(self, call: FlowCall, command: ports.StartStream) -> None:
        """Begin one."""

    def stop(self, call: FlowCall, command: ports.StopStream) -> None:
        """End one."""

    def on_media(self, call: FlowCall, event: MediaEvent) -> None:
        """An event of the sound stream of the call's port."""

    def gone(self, call: FlowCall) -> None:
        """The call is over."""


class ApplicationDesk(Protocol):
    """Voice applications, and whoever else controls calls from outside."""

    def offer(self, call: FlowCall, command: ports.OfferApplication) -> None:
        """Offer the call to one."""

    def stop(self, call: FlowCall, command: ports.StopApplication) -> None:
        """It has the call no more."""

    def tell(self, call: FlowCall, command: ports.TellApplication) -> None:
        """Tell it what happened."""

    def instructed(self, call: FlowCall, verb: str, done: ports.InstructionDone) -> None:
        """What somebody outside asked of the call is done, or cannot be."""

    def credentials(self, call: FlowCall) -> tuple[str, SecretStr] | None:
        """AccountSid and auth token of the application that has the call; None: none that has those."""

    def gone(self, call: FlowCall) -> None:
        """The call is over."""


class PeopleDesk(Protocol):
    """What callers leave for people, and what people ask for by telephone."""

    def message(self, call: FlowCall, command: ports.DeliverVoicemail) -> None:
        """A caller has left a message."""

    def code(self, call: FlowCall, command: ports.AgentCode) -> None:
        """An agent has dialled a code. Answered at once with :class:`~ivr.flow.ports.AgentCodeDone`."""

    def flow_of(self, number: str, phone: str) -> Flow | None:
        """The built-in flow of a code that a registered phone dials; None where the number is none."""

    def sender_of(self, phone: str) -> str | None:
        """The caller id that calls out by a registered phone show; None: as the line says."""


class Closed:
    """Takes no call: every hand-off comes back at once."""

    def join(self, call: FlowCall, command: ports.JoinQueue) -> None:
        call.feed(ports.QueueDone(command.id, "error", text=NOBODY_HERE))

    def leave(self, call: FlowCall, command: ports.LeaveQueue) -> None:
        pass

    def judge_number(self, call: FlowCall, command: ports.JudgeNumber) -> None:
        call.feed(ports.NumberJudged(command.id, False))

    def look(self, call: FlowCall, command: ports.LookAtQueue) -> None:
        call.feed(ports.QueueSeen(command.id))

    def keep_callback(self, call: FlowCall, command: ports.KeepCallback) -> None:
        pass

    def message(self, call: FlowCall, command: ports.DeliverVoicemail) -> None:
        pass

    def code(self, call: FlowCall, command: ports.AgentCode) -> None:
        call.feed(ports.AgentCodeDone(command.id, "refused", NOBODY_HERE))

    def flow_of(self, number: str, phone: str) -> Flow | None:
        return None

    def sender_of(self, phone: str) -> str | None:
        return None

    def start(self, call: FlowCall, command: ports.StartAiAgent | ports.StartStream) -> None:
        if isinstance(command, ports.StartAiAgent):
            call.feed(ports.AiAgentDone(command.id, "not_started", NOBODY_HERE))

    def pressed(self, call: FlowCall, digit: str) -> bool:
        return False

    def on_media(self, call: FlowCall, event: MediaEvent) -> None:
        pass

    def agent_of(self, call: FlowCall) -> str | None:
        return None

    def end_call(self, call: FlowCall, *, twiml: str | None = None, url: str | None = None) -> bool:
        return False

    def offer(self, call: FlowCall, command: ports.OfferApplication) -> None:
        call.feed(ports.ApplicationDone(command.id, "http_error", NOBODY_HERE))

    def stop(self, call: FlowCall, command: ports.StopAiAgent | ports.StopApplication | ports.StopStream) -> None:
        pass

    def tell(self, call: FlowCall, command: ports.TellApplication) -> None:
        pass

    def instructed(self, call: FlowCall, verb: str, done: ports.InstructionDone) -> None:
        pass

    def credentials(self, call: FlowCall) -> tuple[str, SecretStr] | None:
        return None

    def gone(self, call: FlowCall) -> None:
        pass


@dataclass(slots=True)
class Desks:
    """All of them; each is put in place by the daemon before the first call."""

    queue: QueueDesk = field(default_factory=Closed)
    people: PeopleDesk = field(default_factory=Closed)
    ai: AiDesk = field(default_factory=Closed)
    forks: ForkDesk = field(default_factory=Closed)
    applications: ApplicationDesk = field(default_factory=Closed)

    def gone(self, call: FlowCall) -> None:
        """A call is over."""
        self.queue.gone(call)
        self.forks.gone(call)
        self.ai.gone(call)
        self.applications.gone(call)
