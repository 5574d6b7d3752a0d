"""The whole of campaigns but the network: feeder, pace, books and store, in virtual time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from ivr.call.solo import SoloOutcome
from ivr.dialer import CampaignOffice, CampaignOptions, Contact, Dialler, Wish, read_options
from ivr.errors import IvrError
from ivr.flow import FlowSet, parse_flow
from ivr.flow.ports import Speed
from ivr.settings import Limits, OutboundPolicy, Settings
from ivr.store import Campaign, Store
from tests.kit.flows_of_contacts import ContactFlows, Phone
from tests.kit.virtual_time import VirtualLoop, run_virtual

NOW = 1_772_438_400.0
"""Monday 2026-03-02, 08:00 UTC."""

FLOW = """
elements:
  start: {type: start_from_audience, next: call}
  call: {type: start_outgoing_call}
"""
FLOWS = FlowSet({"survey": parse_flow(FLOW, "survey")})


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr("ivr.store.writer.GATHER_SECONDS", 0.001)
    store = Store.open(f"sqlite:///{tmp_path}/ivr.db")
    yield store
    store.close()


class House:
    """A daemon's campaigns, again and again over one store."""

    def __init__(self, store: Store, loop: VirtualLoop, phone: Phone, limit: int = 400, **options: Any) -> None:
        self.store, self.loop, self.phone = store, loop, phone
        self.settings = Settings(limits=Limits(campaign_calls=limit))
        self.options = options
        self.in_force = FLOWS
        self.flows: ContactFlows
        self.dialler: Dialler
        self.office: CampaignOffice
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> House:
        """Start the daemon."""
        self.flows = ContactFlows(self.store, self.loop, self.phone, **self.options)
        self.dialler = self.flows.dialler_of(self.settings, lambda: self.in_force)
        self.office = CampaignOffice(
            self.settings, self.store, self.dialler, lambda: self.in_force, self.loop.time, self.flows.tell
        )
        await self.flows.begin()
        await self.dialler.begin()
        self.flows.run()
        self._task = asyncio.create_task(self.dialler.run())
        return self

    def kill(self) -> None:
        """End it as kill -9 does."""
        self.flows.dead = True
        self.flows.on_over.clear()
        self.dialler.close()
        if self._task is not None:
            self._task.cancel()
        self.store.writer.flush(20.0)

    async def campaign(self, count: int, *, first: int = 0, begin: bool = True, **options: Any) -> Campaign:
        """A campaign with so many contacts."""
        read: CampaignOptions = read_options(options)
        campaign, _ = await self.office.make(Wish(flow="survey", options=read))
        rows = [Contact(f"+4930{first + n:06}", {}) for n in range(count)]
        await self.office.load(campaign.id, None, lambda: rows)
        return await self.office.start(campaign.id) if begin else campaign

    async def over(self, key: int) -> Campaign:
        """Wait until a campaign is finished or cancelled."""
        campaign = await self.office.get(key)
        for _ in range(100_000):
            if campaign.state in ("finished", "cancelled"):
                return campaign
            await asyncio.sleep(5.0)
            campaign = await self.office.get(key)
        raise AssertionError(campaign.state)

    def results(self, key: int) -> dict[str, int]:
        """Contacts by result."""
        return dict(self.store.campaigns.figures(key).results)


Play = Callable[[House], Awaitable[None]]
Perform = Callable[..., Phone]


@pytest.fixture
def perform(store: Store, monkeypatch: pytest.MonkeyPatch) -> Perform:
    def act(play: Play, phone: Phone | None = None, limit: int = 400, **options: Any) -> Phone:
        found = phone or Phone()

        async def main(loop: VirtualLoop) -> None:
            house = await House(store, loop, found, limit, **options).start()
            try:
                await play(house)
            finally:
                house.kill()

        run_virtual(main, monkeypatch, NOW)
        return found

    return act


def mixed(number: str, attempt: int) -> str:
    return ("answered", "busy", "declined", "no_answer", "failed")[int(number[-1]) % 5]


def test_everybody_is_called_once_and_the_books_are_exact(perform: Perform) -> None:
    async def play(house: House) -> None:
        campaign = await house.campaign(300, speed="600/minute")
        ended = await house.over(campaign.id)
        assert ended.state == "finished"
        each = 60
        outcomes = ("answered", "busy", "declined", "no_answer", "failed")
        assert house.results(campaign.id) == dict.fromkeys(outcomes, each)
        assert house.store.campaigns.figures(campaign.id).attempts == 300
        assert house.store.waits.count() == 0

    phone = perform(play, Phone(mixed))
    assert Counter(number for _, number in phone.dialled).most_common(1)[0][1] == 1
    assert len(phone.dialled) == 300


def test_fifty_a_second_are_kept_within_two_percent_and_evenly(perform: Perform) -> None:
    async def play(house: House) -> None:
        campaign = await house.campaign(800, speed="3000/minute")
        await house.over(campaign.id)
        assert house.flows.most_rows <= 400, "not all of them are in memory"

    seconds = perform(play, talk=2.0).seconds()
    assert len(seconds) == 800
    rate = (len(seconds) - 1) / (seconds[-1] - seconds[0])
    assert abs(rate - 50) / 50 < 0.02
    assert min(after - before for before, after in pairwise(sorted(seconds))) >= 0.019


def test_a_window_of_an_hour_is_not_exceeded(perform: Perform) -> None:
    async def play(house: House) -> None:
        campaign = await house.campaign(25, speed="10/hour")
        await house.over(campaign.id)
        assert house.flows.most_rows <= 13

    seconds = [round(at - NOW) for at in perform(play).seconds()]
    assert [sum(1 for at in seconds if hour * 3600 <= at < (hour + 1) * 3600) for hour in range(3)] == [10, 10, 5]


def test_the_speed_of_the_flow_holds_where_the_campaign_has_none(perform: Perform) -> None:
    async def play(house: House) -> None:
        text = FLOW.replace("outgoing_call", "outgoing_call, speed: {calls: 6, per: minute}")
        house.in_force = FlowSet({"survey": parse_flow(text, "survey")})
        first, second = await house.campaign(6), await house.campaign(6, first=100)
        await house.over(first.id)
        await house.over(second.id)

    phone = perform(play, speed=Speed(6, "minute"))
    seconds = phone.seconds()
    assert [round(at - seconds[0]) for at in seconds] == [n * 10 for n in range(12)], "the two share one pace"
    early = Counter(number[-6:] < "000100" for _, number in phone.dialled[:8])
    assert min(early.values()) >= 3, "and share it fairly"


def test_a_pace_that_is_not_known_before_is_learnt_from_a_few(perform: Perform) -> None:
    async def play(house: House) -> None:
        campaign = await house.campaign(50)
        await asyncio.sleep(30)
        assert house.flows.most_rows <= 5
        await house.over(campaign.id)

    perform(play, speed=Speed(6, "minute"))


def test_without_a_pace_so_many_are_called_at_once(perform: Perform) -> None:
    async def play(house: House) -> None:
        campaign = await house.campaign(100)
        await house.over(campaign.id)
        assert 15 <= house.flows.most_calling <= 20

    assert len(perform(play, limit=20, talk=10.0).dialled) == 100


def test_pause_stops_calls_that_have_their_moment_and_resume_goes_on_at_the_pace(perform: Perform) -> None:
    async def play(house: House) -> None:
        campaign = await house.campaign(60, speed="60/minute")
        await asyncio.sleep(20.5)
        await house.office.pause(campaign.id)
        before = len(house.phone.dialled)
        await asyncio.sleep(300)
        assert len(house.phone.dialled) == before
        await house.office.start(campaign.id)
        await house.over(campaign.id)
        assert house.results(campaign.id) == {"answered": 60}

    seconds = perform(play).seconds()
    assert len(seconds) == 60
    gaps = [after - before for before, after in pairwise(seconds)]
    assert min(gaps) >= 0.99, "those that were held do not go all at once"
    assert sorted(gaps)[-2] < 2.0


def test_those_that_are_let_go_do_not_use_up_two_moments(perform: Perform) -> None:
    """Flows that are late for their call ask for another moment by themselves."""

    async def play(house: House) -> None:
        campaign = await house.campaign(60, speed="600/minute")
        await asyncio.sleep(1.0)
        await house.office.pause(campaign.id)
        await asyncio.sleep(300)
        await house.office.start(campaign.id)
        await house.over(campaign.id)
        assert house.results(campaign.id) == {"answered": 60}

    seconds = perform(play, late=60.0).seconds()
    after = [at for at in seconds if at > NOW + 200]
    assert len(after) > 30
    assert max(later - sooner for sooner, later in pairwise(after)) < 0.15


def test_pause_again_while_those_held_are_let_go(perform: Perform) -> None:
    async def play(house: House) -> None:
        campaign = await house.campaign(30, speed="60/minute")
        for _ in range(10):
            await asyncio.sleep(2.2)
            await house.office.pause(campaign.id)
            await asyncio.sleep(7.7)
            await house.office.start(campaign.id)
        await house.over(campaign.id)
        assert house.results(campaign.id) == {"answered": 30}

    phone = perform(play)
    assert len({number for _, number in phone.dialled}) == len(phone.dialled) == 30


def test_cancel_ends_who_waits_and_leaves_calls_in_progress(perform: Perform) -> None:
    async def play(house: House) -> None:
        campaign = await house.campaign(100, speed="60/minute")
        await asyncio.sleep(10.5)
        ended = await house.office.cancel(campaign.id)
        assert ended.state == "cancelled"
        figures = house.store.campaigns.figures(campaign.id)
        assert figures.states["waiting"] == 0
        assert figures.states["running"] == house.flows.calling > 0
        await asyncio.sleep(60)
        called = len(house.phone.dialled)
        assert house.results(campaign.id) == {"answered": called, "cancelled": 100 - called}
        assert house.store.waits.count() == 0
        with pytest.raises(IvrError, match="is cancelled"):
            await house.office.start(campaign.id)

    assert 9 <= len(perform(play).dialled) <= 12


def test_who_is_not_reached_is_called_again_and_does_not_hold_up_others(perform: Perform) -> None:
    def busy_once(number: str, attempt: int) -> str:
        return "busy" if attempt == 1 else "answered"

    async def play(house: House) -> None:
        campaign = await house.campaign(200, speed="600/minute")
        await asyncio.sleep(60)
        assert len(house.phone.dialled) == 200, "two hundred wait for their second call, and none of the first did"
        await house.over(campaign.id)
        assert house.results(campaign.id) == {"answered": 200}
        assert house.store.campaigns.figures(campaign.id).attempts == 400

    phone = Phone(busy_once)
    phone.counts = True
    perform(play, phone, retries=1)


def test_nobody_is_called_outside_the_window_of_where_they_are(perform: Perform) -> None:
    """08:00 UTC is 09:00 in Berlin, and 03:00 in New York."""

    async def play(house: House) -> None:
        window = {"days": "mon-fri", "from": "09:00", "to": "17:00"}
        campaign, _ = await house.office.make(Wish(flow="survey", options=read_options({"window": window})))
        rows = [Contact(f"+1212555{n:04}", {}) for n in range(250)] + [Contact(f"+4930{n:06}", {}) for n in range(50)]
        await house.office.load(campaign.id, None, lambda: rows)
        await house.office.start(campaign.id)
        await asyncio.sleep(600)
        assert {number[:3] for _, number in house.phone.dialled} == {"+49"}
        assert len(house.phone.dialled) == 50
        assert len(house.flows) == 0, "those whose window is closed are not in memory"
        await house.over(campaign.id)

    phone = perform(play)
    late = [at for at, number in phone.dialled if number.startswith("+1")]
    assert len(late) == 250
    assert min(late) >= NOW + 6 * 3600


def test_after_its_time_nobody_is_called(perform: Perform) -> None:
    async def play(house: House) -> None:
        campaign = await house.campaign(100, speed="60/minute", from_=NOW + 100, until=NOW + 130)
        await asyncio.sleep(90)
        assert not house.phone.dialled
        await house.over(campaign.id)
        called = len(house.phone.dialled)
        assert house.results(campaign.id) == {"answered": called, "expired": 100 - called}

    phone = perform(play)
    assert 28 <= len(phone.dialled) <= 31
    assert max(phone.seconds()) < NOW + 130


def test_the_list_is_looked_at_before_a_contact_is_taken_up(perform: Perform, store: Store) -> None:
    async def play(house: House) -> None:
        store.people.block(["+4930000001"], "asked", NOW)
        campaign = await house.campaign(10, speed="6/minute")
        assert house.results(campaign.id) == {"do_not_contact": 1}
        await asyncio.sleep(25)
        store.people.block(["+4930000009"], "asked", NOW)
        await house.over(campaign.id)
        assert house.results(campaign.id) == {"do_not_contact": 2, "answered": 8}

    assert not {"+4930000001", "+4930000009"} & {number for _, number in perform(play).dialled}


def test_a_flow_that_is_gone_pauses_the_campaign_and_says_why(perform: Perform) -> None:
    async def play(house: House) -> None:
        house.flows.flow = "other"
        campaign = await house.campaign(3)
        await asyncio.sleep(5)
        shown = await house.office.shown(await house.office.get(campaign.id))
        assert (shown["state"], shown["problem"]) == ("paused", "there is no flow survey")
        house.flows.flow = "survey"
        await house.office.start(campaign.id)
        await house.over(campaign.id)
        assert house.results(campaign.id) == {"answered": 3}

    perform(play)


@pytest.mark.parametrize("every", [3.3, 7.1])
def test_killed_again_and_again_nobody_is_called_twice_and_nobody_is_forgotten(perform: Perform, every: float) -> None:
    async def play(house: House) -> None:
        campaign = await house.campaign(200, speed="300/minute")
        for _ in range(6):
            await asyncio.sleep(every)
            house.kill()
            await asyncio.sleep(2.0)
            await house.start()
        ended = await house.over(campaign.id)
        assert ended.state == "finished"
        results = house.results(campaign.id)
        assert sum(results.values()) == 200
        assert set(results) <= {"answered", "interrupted"}
        listed = house.store.contacts.page(campaign.id, 1000, result="interrupted")
        dialled = {number for _, number in house.phone.dialled}
        assert {contact.number for contact in listed} <= dialled, "who was not called goes on as if nothing had been"
        house.phone.dialled.clear()
        _, count = await house.office.retry(campaign.id)
        assert count == results.get("interrupted", 0)
        await house.over(campaign.id)
        assert house.results(campaign.id) == {"answered": 200}
        assert len(house.phone.dialled) == count

    phone = Phone()
    numbers: list[str] = []
    original = phone.ring

    def ring(number: str, at: float) -> str:
        numbers.append(number)
        return original(number, at)

    phone.ring = ring  # type: ignore[method-assign]
    perform(play, phone)


def test_a_restart_keeps_the_pace(perform: Perform) -> None:
    async def play(house: House) -> None:
        campaign = await house.campaign(60, speed="20/minute")
        for wait in (10.0, 9.0, 20.0):
            await asyncio.sleep(wait)
            house.kill()
            await asyncio.sleep(5.0)
            await house.start()
        await house.over(campaign.id)

    seconds = perform(play).seconds()
    assert min(after - before for before, after in pairwise(seconds)) >= 2.99
    opens, count = seconds[0], 0
    for at in seconds:
        if at >= opens + 59.99:
            opens, count = at, 0
        count += 1
        assert count <= 20


def test_a_campaign_that_was_paused_stays_paused_over_a_restart(perform: Perform) -> None:
    async def play(house: House) -> None:
        campaign = await house.campaign(30, speed="60/minute")
        await asyncio.sleep(10.0)
        await house.office.pause(campaign.id)
        house.kill()
        await house.start()
        before = len(house.phone.dialled)
        await asyncio.sleep(100.0)
        assert len(house.phone.dialled) == before
        await house.office.start(campaign.id)
        await house.over(campaign.id)

    assert len(perform(play).dialled) == 30


def test_the_feed_hears_what_happens_to_campaigns(perform: Perform) -> None:
    async def play(house: House) -> None:
        first = await house.campaign(5, speed="60/minute")
        await house.office.pause(first.id)
        await house.office.start(first.id)
        second = await house.campaign(5, begin=False, first=100)
        await house.office.cancel(second.id)
        await house.over(first.id)
        assert house.flows.told == [
            ("campaign.started", first.id),
            ("campaign.paused", first.id),
            ("campaign.started", first.id),
            ("campaign.cancelled", second.id),
            ("campaign.finished", first.id),
        ]

    perform(play)


def test_contacts_can_come_while_it_runs(perform: Perform) -> None:
    async def play(house: House) -> None:
        campaign = await house.campaign(5, speed="60/minute")
        await asyncio.sleep(3.0)
        result = await house.office.load(campaign.id, None, lambda: [Contact("+4930000001", {}), Contact("+49301", {})])
        assert (result.new, result.duplicates) == (1, 1)
        await house.over(campaign.id)
        assert house.results(campaign.id) == {"answered": 6}
        with pytest.raises(IvrError, match="finished: it takes no contacts"):
            await house.office.load(campaign.id, None, list)

    perform(play)


def test_a_fault_in_a_flow_is_a_result_too(perform: Perform) -> None:
    async def play(house: House) -> None:
        campaign = await house.campaign(1, begin=False)
        wait = house.flows.start_contact("survey", None, {"number": "1"}, campaign=str(campaign.id), contact=1)
        house.store.campaigns.move(campaign.id, "running", ("draft",), NOW)
        house.store.contacts.claim({1: wait}, NOW)
        outcome = SoloOutcome(fault="it failed")
        for tell in house.flows.on_over:
            tell(wait, outcome)
        house.store.waits.change((), [wait.id], (), outcome.writes)
        assert house.results(campaign.id) == {"failed": 1}

    perform(play)


def test_a_number_is_one_contact_however_it_is_written(perform: Perform) -> None:
    async def play(house: House) -> None:
        house.kill()
        house.settings = Settings(outbound_policy=OutboundPolicy(country="DE"))
        await house.start()
        campaign = await house.campaign(0, begin=False)
        rows = [Contact(number, {}) for number in ("0301234567", "+49301234567", "0049301234567", "sip:1@x")]
        result = await house.office.load(campaign.id, None, lambda: rows)
        assert (result.new, result.duplicates) == (2, 2)
        found = await house.office.contacts(campaign.id, 10, 0)
        assert [contact.number for contact in found] == ["+49301234567", "sip:1@x"]

    perform(play)


def test_contacts_that_wait_for_a_retry_leave_room_for_other_flows(perform: Perform) -> None:
    async def play(house: House) -> None:
        house.settings = Settings(limits=Limits(waiting_flows=20))
        house.kill()
        await house.start()
        campaign = await house.campaign(50)
        await house.over(campaign.id)
        assert house.flows.most_rows == 18
        assert house.results(campaign.id) == {"busy": 50}

    perform(play, Phone(lambda number, attempt: "busy"), retries=1)


def test_the_end_that_is_foretold_knows_of_windows_and_retries(perform: Perform) -> None:
    async def play(house: House) -> None:
        opens = datetime.fromtimestamp(NOW, UTC) + timedelta(hours=2)
        window = f"{opens:%H:%M}-{opens + timedelta(hours=1):%H:%M} UTC"
        waits = await house.campaign(2, speed="60/minute", window=window)
        busy = await house.campaign(2, first=10, speed="60/minute")
        await asyncio.sleep(20.0)
        shown = await house.office.shown(await house.office.get(waits.id))
        assert shown["eta"] == pytest.approx(NOW + 7200.0, abs=90.0)
        shown = await house.office.shown(await house.office.get(busy.id))
        assert shown["eta"] == pytest.approx(NOW + 600.0, abs=30.0)

    perform(play, Phone(lambda number, attempt: "busy"), retries=1, talk=1.0)


def test_calls_wait_for_agents(perform: Perform) -> None:
    async def play(house: House) -> None:
        free = 0
        house.dialler.matches.standing = lambda queue: (free, 0) if queue == "sales" else None
        campaign = await house.campaign(30, match_agents="sales")
        await asyncio.sleep(60.0)
        assert not house.phone.dialled, "nobody is free"
        free = 2
        house.dialler.happened("agent.status", None)
        await asyncio.sleep(4.0)
        assert len(house.phone.dialled) == 2
        assert house.dialler.figures(campaign.id)["matching"]["ringing"] == 2
        await house.over(campaign.id)
        assert house.flows.most_calling == 2
        assert house.results(campaign.id) == {"answered": 30}

    perform(play)


def test_who_has_answered_and_waits_takes_an_agent_from_the_next(perform: Perform) -> None:
    async def play(house: House) -> None:
        waiting = 0
        house.dialler.matches.standing = lambda queue: (2, waiting)
        campaign = await house.campaign(3, match_agents={"queue": "sales", "abandoned": 0})
        await asyncio.sleep(2.0)
        active = house.dialler._books.active[campaign.id]
        call = house.dialler.matches._calls[next(iter(active.taken))]
        house.dialler.happened("call.answered", call)
        assert len(house.phone.dialled) == 2
        waiting = 1
        house.dialler.happened("queue.joined", call)
        assert house.dialler.matches.room(active) == 0
        waiting = 0
        house.dialler.happened("agent.answered", call)
        await asyncio.sleep(0.1)
        assert len(house.phone.dialled) == 3, "the other agent has one that rings, and this one would have one again"
        await house.over(campaign.id)
        assert len(house.phone.dialled) == 3

    perform(play)


def test_a_campaign_for_a_queue_that_is_not_there(perform: Perform) -> None:
    async def play(house: House) -> None:
        with pytest.raises(IvrError, match="there is no queue nowhere"):
            await house.campaign(3, match_agents="nowhere")

    perform(play)


def test_a_queue_that_is_gone_calls_nobody(perform: Perform) -> None:
    async def play(house: House) -> None:
        there: tuple[int, int] | None = (0, 0)
        house.dialler.matches.standing = lambda queue: there
        await house.campaign(3, match_agents="sales")
        there = None
        await asyncio.sleep(600.0)
        assert not house.phone.dialled

    perform(play)
