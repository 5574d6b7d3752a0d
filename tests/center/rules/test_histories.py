"""Long random histories: phones, callers and agents vanish in every state, the configuration and the clock change, the
centre is stopped and started again. A shell of a few lines does what is decided and keeps books of its own."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from ivr.center.rules import Center
from ivr.center.rules import decisions as said
from ivr.center.rules import events as told
from ivr.center.rules.callbacks import PUT_OFF
from ivr.center.rules.offering import ASKED_SECONDS, CALLBACK_LEASE, PAUSE, PICKED_UP_SECONDS, REOFFER_AFTER
from ivr.center.rules.routing import needed_skills
from tests.kit.center import MONDAY, configured

PHONES = ", ".join(f'"{number}": {{password: x}}' for number in range(5))
AGENTS = ("anna", "ben", "carla", "dora")
QUEUES = ("default", "sales", "all", "skilled", "turns")
MIXED = f"""
phones: {{{PHONES}}}
agents:
  anna: {{phones: "0", queues: [sales, skilled, turns], skills: {{german: 5}}, wrap_up: 10s}}
  ben: {{phones: "1", queues: [sales, turns], wrap_up: 5s, wrapup_blocks_calls: false, missed_calls: 2}}
  carla: {{phones: "2", queues: [skilled], skills: {{german: 9}}, missed_calls: 0, inactivity: 60s}}
  dora: {{phones: "3", first_status: unavailable}}
queues:
  sales: {{sticky: ever, join_when_empty: always}}
  all: {{all: true, order: ring_all, ring_timeout: 10s, callback: {{max_waiting: 2, retry_after: 20s}}}}
  skilled: {{order: by_skill, skills: {{german: 4}}, join_when_empty: always, callback: {{order: after_callers}}}}
  turns: {{order: round_robin, max_length: 3, wrap_up: 0, join_when_empty: available}}
statuses: {{lunch: away}}
dispositions: {{sold: Sold}}
routes: [{{when: [{{fact: tags, contains: vip}}], queue: sales, priority: 9}}]
"""
SMALLER = f"""
phones: {{{PHONES}}}
agents:
  anna: {{phones: "0", queues: [sales]}}
  ben: {{phones: "1", enabled: false}}
  dora: {{phones: "3", queues: [sales]}}
queues:
  sales: {{order: ring_all, join_when_empty: always, callback: {{order: after_callers, priority: 10}}}}
  default: {{order: weighted, join_when_empty: always}}
"""
OTHER = f"""
phones: {{{PHONES}}}
agents:
  anna: {{phones: "0", queues: [skilled, all], missed_calls: 0}}
  ben: {{phones: "1", queues: [sales]}}
  carla: {{phones: "2"}}
queues:
  sales: {{order: fewest_calls, join_when_empty: always}}
  all: {{order: longest_idle, join_when_empty: always}}
  skilled: {{join_when_empty: always}}
"""
CONFIGS = [configured(text) for text in (MIXED, SMALLER, OTHER)]
SETTLED = "forwarded"
PEOPLE = ("", "p1", "p2")


@dataclass
class Caller:
    """Somebody in a queue, as the shell knows him."""

    name: str
    queue: str
    priority: int
    number: int
    needs: tuple[tuple[str, int], ...]
    offers: dict[str, int] = field(default_factory=dict)
    talk: int | None = None
    callback: str | None = None
    refused: dict[str, float] = field(default_factory=dict)


def kept_attempts(center: Center, name: str) -> int:
    """Calls that were made for a call back."""
    return next(int(each["attempts"]) for each in center.callers() if each["callback"] == name)


class Histories(RuleBasedStateMachine):
    """The centre and its shell."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.wall = MONDAY
        self.config = CONFIGS[0]
        self.center = Center(self.config, self.now, self.wall)
        self.callers: dict[str, Caller] = {}
        self.kept: dict[str, Caller] = {}
        """Places kept, by call back."""
        self.due: dict[str, tuple[str | None, float]] = {}
        """Call backs under way: the agent who is held, and until when."""
        self.retry: dict[str, float] = {}
        self.offers: dict[int, tuple[str, str, float]] = {}
        """Caller, agent, end of the lease."""
        self.over: list[int] = [0]
        self.talks: dict[int, tuple[str, str]] = {}
        self.asked: dict[str, tuple[int, float]] = {}
        """Agents who are asked for a disposition, since which conversation, and until when at the latest."""
        self.counted: dict[str, dict[str, int]] = {}
        self.dropped: set[str] = set()
        """Call backs whose calls are to end, of this batch."""
        self.put_off: dict[str, int] = {}
        """How often nobody could be called at all, since the last call."""
        self.made = 0
        self.held: str | None = None
        """Agent who was held for who joins just now."""
        self.reach = dict.fromkeys(AGENTS, True)
        self.other_calls: set[tuple[str, str]] = set()
        for name in AGENTS:
            self.tell(told.PhoneState(name, True))

    # The shell

    def tell(self, event: told.Event, at: float | None = None) -> None:
        late = [name for name, (_, until) in self.due.items() if until <= self.now]
        for name in late:
            self.missed_callback(name)
        self.dropped.clear()
        self.center.receive(event, self.now if at is None else at)
        self.batch = self.center.decisions()
        for decision in self.batch:
            self.do(decision)
        assert self.dropped == set(late), "whoever is called for nobody any more is called no longer"

    def count(self, queue: str, name: str) -> None:
        counts = self.counted.setdefault(queue, {})
        counts[name] = counts.get(name, 0) + 1

    def do(self, decision: said.Decision) -> None:
        match decision:
            case said.Joined():
                caller = self.callers[decision.caller]
                assert caller.queue in ("", decision.queue)
                caller.queue, caller.priority = decision.queue, decision.priority
                self.count(decision.queue, "offered")
            case said.Refused():
                del self.callers[decision.caller]
            case said.Offer():
                self.offered(decision)
            case said.Withdraw():
                self.withdrawn(decision)
            case said.Connect():
                caller_name, agent, until = self.offers.pop(decision.offer)
                caller = self.callers[caller_name]
                assert (caller_name, agent) == (decision.caller, decision.agent)
                assert until >= self.now
                assert caller.talk is None
                del caller.offers[agent]
                assert not caller.offers, "others still ring for him"
                assert agent not in [other for _, other in self.talks.values()]
                caller.talk = decision.offer
                self.talks[decision.offer] = caller_name, agent
                self.count(caller.queue, "answered")
            case said.Left():
                caller = self.callers.pop(decision.caller)
                assert not caller.offers
                assert (decision.outcome == SETTLED) == (caller.talk is not None)
                if caller.talk is not None:
                    del self.talks[caller.talk]
                else:
                    self.count(caller.queue, decision.outcome)
                    if caller.callback is not None:
                        assert decision.outcome == "callback_scheduled"
                        caller.name = ""
            case said.Missed():
                if decision.reason != "no_answer":  # told before, by us
                    assert decision.offer not in self.offers
            case said.CallbackDue():
                kept = self.kept[decision.callback]
                assert not kept.name
                assert decision.callback not in self.due
                assert self.idle(decision.agent)
                self.due[decision.callback] = decision.agent, decision.until
                self.orderly(kept, decision.agent)
            case said.CallbackDropped():
                assert decision.callback in self.kept, "dropped after it was over"
                self.dropped.add(decision.callback)
            case said.CallbackOver():
                kept = self.kept.pop(decision.callback, Caller("", "", 5, 0, ()))
                kept.callback = None
                self.due.pop(decision.callback, None)
                self.retry.pop(decision.callback, None)
            case said.StatusChanged() if decision.phase != "reserved":  # held no more: the call back goes on alone
                for name, (held, until) in self.due.items():
                    if held == decision.agent:
                        self.due[name] = None, until
            case said.Position():
                assert self.callers[decision.caller].talk is None

    def idle(self, agent: str) -> bool:
        """Whether an agent is asked nothing as far as the shell knows."""
        ringing = any(agent == name for _, name, _ in self.offers.values())
        talking = any(agent == name for _, name in self.talks.values())
        asked = agent in self.asked and self.now < self.asked[agent][1]
        return not ringing and not talking and not asked and agent not in [held for held, _ in self.due.values()]

    def offered(self, decision: said.Offer) -> None:
        assert decision.offer > self.over[-1]
        caller = self.callers[decision.caller]
        assert self.idle(decision.agent), "offered twice at once"
        assert caller.talk is None
        if caller.offers:
            assert self.center._floor.lines[caller.queue].config.order == "ring_all"
        assert self.now < decision.until
        if decision.agent != self.held:  # whoever has come meanwhile, he was called for this agent
            self.orderly(caller, decision.agent)
        self.over.append(decision.offer)
        caller.offers[decision.agent] = decision.offer
        self.offers[decision.offer] = decision.caller, decision.agent, decision.until

    def orderly(self, chosen: Caller, agent: str) -> None:
        """Nobody who comes before and whom the agent could serve is passed over."""
        place = self.place(chosen)
        for other in [*self.callers.values(), *(each for each in self.kept.values() if not each.name)]:
            if self.place(other) < place and self.could_serve(agent, other):
                raise AssertionError(f"{other} was passed over for {chosen} by {agent}")

    def place(self, caller: Caller) -> tuple[bool, int, int]:
        """Where somebody stands, on the line or where his place is kept."""
        if caller.name:
            return False, -caller.priority, caller.number
        kept = self.center._floor.lines[caller.queue].config.callback
        return kept.order == "after_callers", -(kept.priority or caller.priority), caller.number

    def could_serve(self, agent: str, caller: Caller) -> bool:
        """Whether an agent could have been rung for somebody for whom nobody rings."""
        if caller.talk is not None or caller.offers or not caller.queue:
            return False
        line = self.center._floor.lines[caller.queue]
        if agent not in line.pool or (agent in caller.refused and self.now < caller.refused[agent]):
            return False
        if not caller.name:
            name = next(key for key, each in self.kept.items() if each is caller)
            if name in self.due or self.now < self.retry.get(name, 0):
                return False
        if line.config.order != "by_skill":
            return True
        skills = self.center._floor.agents[agent].config.skills
        return all(
            skills.get(skill, 0) >= level for skill, level in needed_skills(dict(caller.needs), line.config.skills)
        )

    def withdrawn(self, decision: said.Withdraw) -> None:
        known = self.offers.pop(decision.offer, None)
        if known is None:
            assert decision.reason == "over"
            return
        caller, agent, until = known
        del self.callers[caller].offers[agent]
        if decision.reason == "no_answer":
            assert until <= self.now
            self.callers[caller].refused[agent] = self.now + REOFFER_AFTER

    # What happens

    @rule(
        queue=st.sampled_from([None, *QUEUES]),
        priority=st.sampled_from([None, 1, 5, 10]),
        person=st.sampled_from(PEOPLE),
        tags=st.sampled_from([[], ["vip"], ["skill:german:6"]]),
        sticky=st.sampled_from([None, "off", "ever", "30d"]),
    )
    def join(self, queue: str | None, priority: int | None, person: str, tags: list[str], sticky: str | None) -> None:
        self.made += 1
        name = f"c{self.made}"
        needs = (("german", 6),) if "skill:german:6" in tags else ()
        self.callers[name] = Caller(name, "", 5, self.made, needs)
        self.tell(told.CallerJoined(name, {"tags": tags}, queue, priority, sticky, person=person))

    @rule(
        queues=st.lists(st.sampled_from([*QUEUES, "sales", "all"]), min_size=3, max_size=6),
        priority=st.sampled_from([None, None, 9]),
    )
    def join_together(self, queues: list[str], priority: int | None) -> None:
        for queue in queues:
            self.join(queue, priority, "", [], None)

    @precondition(lambda self: self.callers)
    @rule(
        data=st.data(),
        reason=st.sampled_from(["abandoned", "max_wait", "key_exit", "cancelled", "error"]),
        asks=st.booleans(),
    )
    def leave(self, data: st.DataObject, reason: told.LeaveReason, asks: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.callers)))
        talk = self.callers[name].talk
        if talk is not None and asks:
            self.asked[self.talks[talk][1]] = talk, self.now + ASKED_SECONDS
        self.tell(told.CallerLeft(name, reason, asks))
        assert name not in self.callers
        self.tell(told.CallerLeft(name, reason, asks))

    @rule(seconds=st.sampled_from([0.0, 0.1, 3.0, 9.0, 11.0, 31.0, 100.0, 1000.0]))
    def wait(self, seconds: float) -> None:
        end = self.now + seconds
        for _ in range(5000):
            at = self.center.next_timer()
            if at is None or at > end:
                break
            self.now = max(self.now, at)
            self.tell(told.Tick())
        else:
            raise AssertionError("timers do not end")
        self.now = end
        self.tell(told.Tick())

    @rule(seconds=st.floats(-100, 5000))
    def jump(self, seconds: float) -> None:
        """The machine slept, or somebody tells an earlier time."""
        before = self.now
        self.now = max(self.now, self.now + seconds)
        self.tell(told.Tick(), before + seconds)

    @rule(seconds=st.sampled_from([-86400.0, -5.0, 5.0, 3600.0, 86400.0]))
    def set_clock(self, seconds: float) -> None:
        self.wall += seconds
        self.tell(told.ClockSet(self.wall + self.now))

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        offer = data.draw(st.sampled_from(sorted(self.offers)))
        self.tell(told.OfferAnswered(offer))
        assert offer in self.talks

    @precondition(lambda self: self.offers)
    @rule()
    def answer_all(self) -> None:
        for offer in sorted(self.offers):
            self.tell(told.OfferAnswered(offer))
        assert not self.offers or any(each.talk is None for each in self.callers.values())

    @rule(data=st.data())
    def answer_late(self, data: st.DataObject) -> None:
        offer = data.draw(st.sampled_from([each for each in self.over if each not in self.offers][-3:]))
        self.tell(told.OfferAnswered(offer))

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def pick_up(self, data: st.DataObject) -> None:
        offer = data.draw(st.sampled_from(sorted(self.offers)))
        caller, agent, _ = self.offers[offer]
        self.offers[offer] = caller, agent, self.now + PICKED_UP_SECONDS
        self.tell(told.OfferPickedUp(offer))

    @precondition(lambda self: self.offers)
    @rule(data=st.data(), reason=st.sampled_from(["no_answer", "declined", "busy", "unreachable", "error"]))
    def fail(self, data: st.DataObject, reason: told.OfferFault) -> None:
        offer = data.draw(st.sampled_from(sorted(self.offers)))
        caller, agent, _ = self.offers.pop(offer)
        del self.callers[caller].offers[agent]
        self.callers[caller].refused[agent] = self.now + (
            REOFFER_AFTER if reason in ("no_answer", "declined") else max(REOFFER_AFTER, PAUSE)
        )
        self.tell(told.OfferFailed(offer, reason))

    @precondition(lambda self: self.talks)
    @rule(data=st.data(), asks=st.booleans())
    def hang_up(self, data: st.DataObject, asks: bool) -> None:
        offer = data.draw(st.sampled_from(sorted(self.talks)))
        if asks:
            self.asked[self.talks[offer][1]] = offer, self.now + ASKED_SECONDS
        self.tell(told.CallOver(offer, asks))
        assert offer not in self.talks
        self.tell(told.CallOver(offer, asks))

    @precondition(lambda self: self.asked)
    @rule(data=st.data(), late=st.booleans())
    def asked_no_more(self, data: st.DataObject, late: bool) -> None:
        name = data.draw(st.sampled_from(sorted(self.asked)))
        offer, _ = self.asked[name] if late else self.asked.pop(name)
        self.tell(told.AskingOver(name, offer - late))  # late: that of an earlier conversation

    @rule(
        agent=st.sampled_from([*AGENTS, "nobody"]),
        status=st.sampled_from([*["available"] * 8, "away", "busy", "unavailable", "lunch", "none"]),
    )
    def status(self, agent: str, status: str) -> None:
        self.tell(told.AgentStatus(agent, status, "test"))

    @rule(agent=st.sampled_from(AGENTS), reachable=st.sampled_from([True, True, True, False]))
    def phone(self, agent: str, reachable: bool) -> None:
        self.reach[agent] = reachable
        self.tell(told.PhoneState(agent, reachable))

    @rule(agent=st.sampled_from(AGENTS), open_=st.booleans())
    def console(self, agent: str, open_: bool) -> None:
        self.tell(told.ConsoleState(agent, open_))

    @rule(agent=st.sampled_from(AGENTS), call=st.sampled_from(["x", "y"]), busy=st.sampled_from([True, False, False]))
    def other_call(self, agent: str, call: str, busy: bool) -> None:
        self.tell(told.AgentBusy(agent, call) if busy else told.AgentFree(agent, call))

    @rule(agent=st.sampled_from(AGENTS), disposition=st.sampled_from([None, "sold", "none"]))
    def wrapped(self, agent: str, disposition: str | None) -> None:
        self.tell(told.WrapUpDone(agent) if disposition is None else told.Disposition(agent, disposition))

    @rule(number=st.sampled_from([*range(len(CONFIGS)), 0, 0]))
    def configure(self, number: int) -> None:
        config = CONFIGS[number]
        lost = self.center.losses(config)
        gone = {
            caller.queue
            for caller in [*self.callers.values(), *self.kept.values()]
            if caller.queue not in config.queues
        }
        assert len(lost) == len(gone)
        self.config = config
        self.tell(told.Configured(config))
        for name in AGENTS:
            self.tell(told.PhoneState(name, self.reach[name]))

    # Call backs

    @precondition(lambda self: any(each.talk is None for each in self.callers.values()))
    @rule(data=st.data(), leaves=st.booleans())
    def keep(self, data: st.DataObject, leaves: bool) -> None:
        self.tell(told.Tick())  # what is over by now makes room for another place
        name = data.draw(st.sampled_from(sorted(self.callers)))
        caller = self.callers[name]
        self.made += 1
        callback = f"k{self.made}"
        refused = self.center.objection(told.CallbackKept(name, callback, "1")) is not None
        if not refused:
            self.kept[callback], caller.callback = caller, callback
        self.tell(told.CallbackKept(name, callback, "1"))
        if refused:
            assert callback not in self.kept
        elif leaves:
            self.tell(told.CallerLeft(name, "callback_scheduled"))
            assert callback in self.kept

    @precondition(lambda self: self.due)
    @rule(data=st.data(), what=st.sampled_from(["join", "join", "answer", "fail", "put off"]))
    def call_back(self, data: st.DataObject, what: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.due)))
        kept = self.kept[name]
        if what == "answer":
            self.due[name] = self.due[name][0], self.now + CALLBACK_LEASE
            self.tell(told.CallbackAnswered(name))
        elif what == "fail":
            self.missed_callback(name)
            self.tell(told.CallbackFailed(name, "busy"))
        elif what == "put off":
            self.tell(told.Tick())
            if name not in self.due:  # its time was over
                return
            before = kept_attempts(self.center, name)
            self.missed_callback(name, put_off=True)
            self.tell(told.CallbackFailed(name, "no_line", counted=False))
            if name in self.kept and name not in self.due:
                assert kept_attempts(self.center, name) == before - 1
        else:
            self.made += 1
            caller = Caller(f"c{self.made}", kept.queue, kept.priority, kept.number, kept.needs)
            self.callers[caller.name] = caller
            self.held, _ = self.due.pop(name)
            self.tell(told.CallerJoined(caller.name, {}, callback=name))
            self.held = None
            assert caller.name in self.callers, "called back and lost"
            assert name not in self.kept

    def missed_callback(self, name: str, *, put_off: bool = False) -> None:
        kept = self.kept[name]
        self.due.pop(name)
        retry = self.center._floor.lines[kept.queue].config.callback.retry_after
        if put_off:
            self.put_off[name] = self.put_off.get(name, 0) + 1
            retry = min(retry, PUT_OFF * 2 ** (self.put_off[name] - 1))
        else:
            self.put_off.pop(name, None)
        self.retry[name] = self.now + retry

    @precondition(lambda self: self.kept)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(sorted(self.kept)))
        self.tell(told.CallbackCancelled(name))
        assert name not in self.kept

    # Stopped and started

    @rule(times=st.sampled_from([0, 0, 0, 1]))
    def restart(self, times: int) -> None:
        for _ in range(times):
            self.start_again()

    def start_again(self) -> None:
        kept = json.loads(json.dumps(self.center.snapshot()))
        for caller in self.callers.values():
            if caller.talk is None:
                self.count(caller.queue, "interrupted")
            caller.name, caller.offers, caller.talk = "", {}, None
        self.callers.clear()
        self.offers.clear()
        self.talks.clear()
        self.due.clear()
        self.retry.clear()
        self.put_off.clear()
        self.asked.clear()
        self.over = [0]
        self.counted = {name: each for name, each in self.counted.items() if name in self.config.queues}
        for name in [name for name, each in self.kept.items() if each.queue not in self.config.queues]:
            del self.kept[name]
        self.center = Center(self.config, self.now, self.wall + self.now)
        assert all("given up" in sentence for sentence in self.center.restore(kept))
        for decision in self.center.decisions():
            self.do(decision)
        for name in AGENTS:
            self.tell(told.PhoneState(name, self.reach[name]))
        assert json.loads(json.dumps(self.center.snapshot(frozenset({"callbacks"}))))["callbacks"].keys() == (
            self.kept.keys()
        )

    # What always holds

    @invariant()
    def nobody_is_lost(self) -> None:
        found = self.center.callers()
        there = [each["caller"] for each in found if each["caller"]]
        assert len(there) == len(set(there))
        assert set(there) == self.callers.keys()
        assert {each["callback"] for each in found if each["callback"]} == self.kept.keys()
        for each in found:
            if each["caller"]:
                caller = self.callers[each["caller"]]
                assert each["queue"] == caller.queue
                assert set(each["agents"]) == ({self.talks[caller.talk][1]} if caller.talk else set(caller.offers))
        for queue in self.center._floor.lines:
            places = [each["position"] for each in found if each["queue"] == queue and each["position"]]
            assert places == list(range(1, len(places) + 1))

    @invariant()
    def nobody_is_stuck(self) -> None:
        assert all(until >= self.now for _, _, until in self.offers.values()), "a lease has not ended"
        floor = self.center._floor
        found = self.center.figures()["agents"]
        ringing = {agent for _, agent, _ in self.offers.values()}
        talking = {agent for _, agent in self.talks.values()}
        for name, agent in found.items():
            assert (agent["phase"] == "in_call") == (name in talking)
            assert (floor.agents[name].offer is not None) == (name in ringing)
            assert agent["free"] == (agent["why_not"] is None)
            asked = self.asked.get(name)
            assert (floor.agents[name].asked != 0) == (asked is not None and self.now < asked[1])
            if floor.agents[name].asked:
                assert agent["phase"] != "idle" and not agent["free"]
            assert agent["wrap_up_left"] is None or agent["wrap_up_left"] >= 0
            if floor.agents[name].held is not None:
                assert self.due[floor.agents[name].held or ""][0] == name
            if agent["free"]:
                for other in [*self.callers.values(), *(each for each in self.kept.values() if not each.name)]:
                    assert not self.could_serve(name, other), f"{name} is free and {other} waits"
        assert ringing | talking <= found.keys()

    @invariant()
    def the_books_add_up(self) -> None:
        figures = self.center.figures()["queues"]
        for queue, found in figures.items():
            total, mine = found["total"], self.counted.get(queue, {})
            for name in ("offered", "answered", "abandoned", "max_wait", "key_exit", "cancelled", "error"):
                assert total[name] == mine.get(name, 0), (queue, name)
            for name in ("callback_scheduled", "interrupted"):
                assert total[name] == mine.get(name, 0), (queue, name)
            gone = sum(
                total[name]
                for name in (
                    "answered",
                    "abandoned",
                    "max_wait",
                    "key_exit",
                    "cancelled",
                    "error",
                    "callback_scheduled",
                    "interrupted",
                )
            )
            assert total["offered"] == gone + found["waiting"], queue


def test_histories() -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=50, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.mark.heavy
def test_long_histories() -> None:
    run_state_machine_as_test(
        Histories,
        settings=settings(
            max_examples=600, stateful_step_count=150, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
