"""A centre in virtual time, with what it decided looked at in short."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from ivr.center.rules import Center, CenterConfig
from ivr.center.rules import decisions as said
from ivr.center.rules import events as told
from ivr.settings import parse_settings

__all__ = ["MONDAY", "House", "configured"]

MONDAY = 1_767_600_000.0
"""2026-01-05 08:00 UTC."""

Decided = TypeVar("Decided")


def configured(text: str) -> CenterConfig:
    """The configuration of a YAML text."""
    return CenterConfig.of(parse_settings("time_zone: UTC\n" + text, Path("/tmp/ivr.yaml"), {}))


class House:
    """A centre whose agents' phones can be rung, unless told otherwise."""

    def __init__(self, text: str, *, wall: float = MONDAY, reachable: bool = True) -> None:
        self.now = 1000.0
        self.config = configured(text)
        self.center = Center(self.config, self.now, wall)
        self.log: list[said.Decision] = []
        if reachable:
            for name in self.config.agents:
                self.tell(told.PhoneState(name, True))
        self.center.decisions()
        self.log.clear()

    def tell(self, event: told.Event) -> list[said.Decision]:
        """What is decided about an event."""
        self.center.receive(event, self.now)
        found = self.center.decisions()
        self.log.extend(found)
        return found

    def wait(self, seconds: float) -> list[said.Decision]:
        """What is decided in the time that passes, each at its moment."""
        found: list[said.Decision] = []
        end = self.now + seconds
        while (at := self.center.next_timer()) is not None and at <= end:
            self.now = max(self.now, at)
            found += self.tell(told.Tick())
        self.now = end
        return found + self.tell(told.Tick())

    def join(self, caller: str, queue: str | None = None, **more: Any) -> list[said.Decision]:
        """A caller joins."""
        facts: Mapping[str, Any] = more.pop("facts", {})
        return self.tell(told.CallerJoined(caller, facts, queue, **more))

    def leave(self, caller: str, reason: told.LeaveReason = "abandoned") -> list[said.Decision]:
        """A caller leaves."""
        return self.tell(told.CallerLeft(caller, reason))

    def status(self, agent: str, status: str) -> list[said.Decision]:
        """An agent chooses a status."""
        return self.tell(told.AgentStatus(agent, status, agent))

    def offer_of(self, caller: str, agent: str | None = None) -> said.Offer:
        """The last offer of a caller."""
        return next(
            each
            for each in reversed(self.log)
            if isinstance(each, said.Offer) and each.caller == caller and agent in (None, each.agent)
        )

    def ringing(self, caller: str) -> set[str]:
        """Who rings for a caller."""
        entry = next(each for each in self.center.callers() if each["caller"] == caller)
        return set(entry["agents"]) if entry["state"] == "ringing" else set()

    def answer(self, caller: str, agent: str | None = None) -> list[said.Decision]:
        """The agent who rings takes a caller."""
        return self.tell(told.OfferAnswered(self.offer_of(caller, agent).offer))

    def fail(self, caller: str, reason: told.OfferFault, agent: str | None = None) -> list[said.Decision]:
        """The agent who rings does not take a caller."""
        return self.tell(told.OfferFailed(self.offer_of(caller, agent).offer, reason))

    def hang_up(self, caller: str) -> list[said.Decision]:
        """The conversation of a caller is over."""
        return self.tell(told.CallOver(self.offer_of(caller).offer))

    def phase(self, agent: str) -> str:
        """What an agent does."""
        return str(self.center.figures()["agents"][agent]["phase"])

    def group(self, agent: str) -> str:
        """What an agent is."""
        return str(self.center.figures()["agents"][agent]["group"])

    def books(self, queue: str) -> dict[str, Any]:
        """Figures of a queue since the beginning."""
        found: dict[str, Any] = self.center.figures()["queues"][queue]["total"]
        return found


def of(kind: type[Decided], decisions: Iterable[Any]) -> list[Decided]:
    """Those of one kind."""
    return [each for each in decisions if isinstance(each, kind)]
