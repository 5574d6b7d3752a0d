"""The call layer of :mod:`tests.kit.house` with an agent queue, in virtual time.

house = QueueHouse(tmp_path, {"main": desk_flow("100")}, agents={"anna": "200"})
caller, anna = house.party(), house.phone("200", DESK)
caller.call("100"); anna.answer(); anna.hang_up(); house.settled()
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

from ivr.center.desk import Desk
from ivr.center.rules.events import AgentStatus
from ivr.feed import FeedEvent
from ivr.lines import Ground
from ivr.sip import Flow, Request, parse_message
from tests.kit.house import HOUSE, Address, Clock, House, Names, Party, Task
from tests.kit.link import Link
from tests.kit.media import FakePool
from tests.kit.sip import request

__all__ = ["QueueHouse", "desk_flow", "settings_with"]


def desk_flow(number: str, fields: str = "", answer: str = "immediately") -> str:
    """A flow that lets the caller wait, and says what came of it."""
    return f"""
elements:
  start: {{type: start_incoming_call, numbers: ["{number}"], answer: {answer}, next: desk}}
  desk:
    type: transfer_to_agent
    {fields or "origin: Support desk"}
    branches: {{call_not_forwarded: sorry}}
  sorry: {{type: play, text: "sorry {{{{ result.reason }}}}", next: bye}}
  bye: {{type: hang_up}}
"""


PBX = "pbx: {type: sip_trunk, host: 192.0.2.10}"


def settings_with(agents: Mapping[str, str], more: str = "", queue: str = "{}", line: str = PBX) -> str:
    """Settings with phones and agents, by name with the phone or number and, after a comma, further fields."""
    users = sorted({one.split(",")[0] for one in agents.values()})
    lines = ["lines:", f"  {line}", "phones:"]
    lines += [f'  "{user}": {{password: secret-{user}}}' for user in [*users, "299"] if user.isdecimal()]
    lines.append("agents:")
    for name, fields in agents.items():
        user, _, rest = fields.partition(",")
        lines.append(f'  {name}: {{phones: ["{user}"]{"," + rest if rest else ""}}}')
    if "queues:" not in more:
        lines.append(f"queues: {{default: {queue}}}")
    return "\n".join(lines) + "\n" + more


class QueueHouse(House):
    """A house with a desk."""

    def __init__(
        self,
        folder: Path,
        flows: dict[str, str],
        agents: Mapping[str, str],
        *,
        queue: str = "{}",
        more: str = "",
        line: str = PBX,
        kept: Mapping[str, Any] | None = None,
        media: Callable[[Link], tuple[FakePool, Any]] | None = None,
    ) -> None:
        super().__init__(folder, flows, settings_with(agents, more, queue, line), media)
        self.told: list[FeedEvent] = []
        self.services.feed.listen(self.told.append)
        self.kept: dict[str, Any] = dict(kept or {})
        self._ground = Ground(
            cast(Any, Clock(self.link)),
            self.services.shell,
            self.stack,
            cast(Any, Names()),
            lambda work: self.link.after(0.0, Task(work).run),
            fraction=lambda: 0.5,
        )
        self.desk = Desk(self.services, self._ground, self.registrar, self.settings, self.kept, self._keep)
        self.services.desks.queue = self.desk
        # Of nobody is anything known, and that is known in the next turn.
        self.outside.read_profile = lambda number, then: self.link.after(0.0, partial(then, {}))  # type: ignore[method-assign]
        self._registers = 0

    def _keep(self, key: str, value: Any) -> None:
        if value is None:
            self.kept.pop(key, None)
        else:
            self.kept[key] = value

    def phone(self, user: str, address: Address) -> Party:
        """A party that is registered as a phone, and that the queue has heard of."""
        party = super().phone(user, address)
        self.run(0.01)
        return party

    def register(self, user: str, address: Address) -> None:
        """A phone registers (again)."""
        self._register(user, f"<sip:{user}@{address[0]}:{address[1]}>", address, "")

    def unregister(self, user: str) -> None:
        """All contacts of a phone are gone."""
        self._register(user, "*", HOUSE, "Expires: 0\r\n")

    def _register(self, user: str, contact: str, address: Address, headers: str) -> None:
        self._registers += 1
        call_id = f"again-{self._registers}"
        text = request("REGISTER", call_id=call_id, contact=contact, headers=headers, cseq_method="REGISTER")
        message = parse_message(text)
        assert isinstance(message, Request)
        self.registrar.register(user, message, Flow("udp", HOUSE, address), self.now)
        self.run(0.01)

    def of(self, type_: str) -> list[dict[str, Any]]:
        """What the feed was told of one type."""
        return [dict(event.data) for event in self.told if event.type == type_]

    def choose(self, agent: str, status: str) -> None:
        """An agent chooses a status."""
        self.desk.receive(AgentStatus(agent, status, "test"))

    def agent(self, name: str) -> dict[str, Any]:
        """An agent as the figures have him."""
        return dict(self.desk.center.figures()["agents"][name])

    def settled(self) -> None:
        """Nobody waits, rings or talks either, and no phone counts as taken."""
        super().settled()
        for agent in self.desk.center.figures()["agents"].values():
            assert agent["phase"] in ("idle", "wrapping"), agent
        assert not self.desk.center.callers()
        assert not vars(self.desk)["_waits"]
        assert not vars(self.desk)["_offers"]
        assert len(self.services.occupied) == 0

    def settled_calls(self, count: int) -> None:
        """Everything came to its end, after so many calls."""
        self.settled()
        assert len(self.books.calls) == count
