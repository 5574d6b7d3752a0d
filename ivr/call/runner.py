"""A machine at work: its timer, its events in their order, and what it asks of the world outside its call.

A live call runs its flow with one, and so does a flow that has no caller any more, or never had one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from ivr.call.outside import Outside
from ivr.flow import ports
from ivr.flow.machine import Machine

__all__ = ["Clock", "FlowRunner", "RunnerHost"]

MAX_EVENTS_WAITING = 256
"""Events that may come while one command is carried out; more mean a loop."""


class Clock(Protocol):
    """Time as machines have it."""

    def clock(self) -> float:
        """Monotonic seconds."""

    def call_at(self, when: float, then: Callable[[], None]) -> asyncio.TimerHandle:
        """Call `then` at a time of :meth:`clock`."""


class RunnerHost(Protocol):
    """Who a flow runs for."""

    def stepped(self) -> None:
        """The flow has gone on: what it asks for follows."""

    def execute(self, command: ports.Command) -> None:
        """Carry out a command that is about the call itself; what it raises goes to :meth:`failed`."""

    def failed(self, error: Exception) -> None:
        """The flow, or a command of it, raised: the call cannot go on."""

    def turned(self) -> None:
        """Everything there was to do is done for now."""


class FlowRunner:
    """Runs one machine."""

    __slots__ = (
        "_clock",
        "_dead",
        "_events",
        "_host",
        "_left",
        "_outside",
        "_pumping",
        "_timer",
        "_waits",
        "guest",
        "machine",
    )

    def __init__(self, machine: Machine, host: RunnerHost, clock: Clock, outside: Outside) -> None:
        self.machine = machine
        self._host = host
        self._clock = clock
        self._outside = outside
        self._events: deque[ports.Event] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._waits: dict[int, Callable[[], None]] = {}
        self._pumping = False
        self._dead = False
        self._left = False
        self.guest = False
        """The flow runs because a guest has called: what it begins elsewhere, it begins for a guest."""

    @property
    def over(self) -> bool:
        """The flow is at its end, or cannot go on."""
        return self._dead or self.machine.finished

    @property
    def settled(self) -> bool:
        """Nothing that comes from outside can change the trace any more, or it is somebody else's."""
        return self._dead or self.machine.settled

    def begin(self, entry: str) -> None:
        """Start the flow at its entry element."""
        try:
            self.machine.start(entry, self._clock.clock())
        except Exception as error:
            self._host.failed(error)
        self.pump()

    def feed(self, event: ports.Event) -> None:
        """Tell the flow; its commands are carried out before this returns, unless that is what goes on already."""
        if self._left:
            return
        if len(self._events) < MAX_EVENTS_WAITING:
            self._events.append(event)
        if not self._pumping:
            self.pump()

    def go_on(self) -> None:
        """See to whatever there is to do, unless that is under way."""
        if not self._pumping:
            self.pump()

    def pump(self) -> None:
        """Carry out commands and hand in events until there are none."""
        machine, clock = self.machine, self._clock.clock
        self._pumping = True
        try:
            while True:
                self._host.stepped()
                for command in machine.commands():
                    self._execute(command)
                if not self._events:
                    break
                machine.receive(self._events.popleft(), clock())
        except Exception as error:
            self._host.failed(error)
        finally:
            self._pumping = False
        self._rearm()
        self._host.turned()

    def tell_end(self, cause: ports.Cause) -> bool:
        """The session broke off: the flow learns of it. False where it cannot even be told; then it is dead."""
        self._events.clear()
        try:
            self.machine.receive(ports.CallEnded(cause), self._clock.clock())
            for command in self.machine.commands():
                self._execute(command)
        except Exception:
            self._dead = True
            self.close()
            return False
        return True

    def hand_over(self) -> None:
        """Somebody else runs this flow from now on: nothing more is done here."""
        self._dead = True
        self.close()

    def leave(self) -> None:
        """The host is no more: answers that come from outside so late change nothing."""
        self._left = True
        self.close()

    def close(self) -> None:
        """Stop for good: no timer, no waits."""
        self._cancel_timer()
        for stop in self._waits.values():
            stop()
        self._waits.clear()

    def _execute(self, command: ports.Command) -> None:
        match command:
            case ports.Request():
                self._outside.request(command, self.feed)
            case ports.SendMail():
                self._outside.mail(command, self.feed)
            case ports.UpdateProfile():
                self._outside.update_profile(command)
            case ports.DoNotContact():
                self._outside.do_not_contact(command)
            case ports.ReserveDial(id=number):
                self.feed(ports.DialReserved(number, self._outside.reserve_dial(command)))
            case ports.StartContact():
                self._outside.start_contact(replace(command, guest=self.guest), self.feed)
            case ports.WaitForEvent(id=number):
                self._waits[number] = self._outside.wait_for(command, self.feed)
            case ports.StopWaiting(id=number):
                if (stop := self._waits.pop(number, None)) is not None:
                    stop()
            case _:
                self._host.execute(command)

    def _rearm(self) -> None:
        self._cancel_timer()
        when = None if self.over else self.machine.next_timer()
        if when is not None:
            self._timer = self._clock.call_at(when, self._on_timer)
        elif self.over and self._waits:
            self.close()

    def _cancel_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        self._timer = None
        try:
            self.machine.handle_timer(self._clock.clock())
        except Exception as error:
            self._host.failed(error)
        self.pump()
