from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ivr.errors import FlowLoadError
from ivr.flow import FlowSet
from ivr.settings import Agent, Queue, Settings
from ivr.store import FlowVersions
from ivr.versions import FlowKeeper, VersionError

FLOW = """
{head}
elements:
  start: {{type: start_incoming_call, numbers: ["{number}"], next: hello}}
  hello: {{type: play, text: "{text}"}}
"""

Write = Callable[..., Path]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "flows").mkdir()
    return Settings(flows=tmp_path / "flows", store=f"sqlite:///{tmp_path}/ivr.db")


@pytest.fixture
def versions(settings: Settings) -> Iterator[FlowVersions]:
    versions = FlowVersions.open(settings.store)
    yield versions
    versions.close()


@pytest.fixture
def keeper(settings: Settings, versions: FlowVersions) -> FlowKeeper:
    return FlowKeeper(settings, versions, clock=itertools.count(1_772_000_000.0).__next__, author="anna")


@pytest.fixture
def write(settings: Settings) -> Write:
    def write(name: str, text: str = "Hello.", number: str = "100", head: str = "") -> Path:
        path = settings.flows / f"{name}.yaml"
        path.write_text(FLOW.format(text=text, number=number, head=head))
        return path

    return write


def spoken(flows: FlowSet, name: str = "reception") -> str:
    return flows[name].elements["hello"].text.source  # type: ignore[attr-defined,no-any-return]


def numbers(keeper: FlowKeeper, name: str = "reception") -> list[int]:
    return [version.number for version in keeper.store.versions(name)]


def test_each_change_is_a_version(keeper: FlowKeeper, write: Write) -> None:
    write("reception", "One.")
    one = keeper.load()
    assert (one["reception"].number, spoken(one)) == (1, "One.")
    again = keeper.load(one)
    assert again["reception"] is one["reception"]
    assert again.number == one.number + 1
    write("reception", "Two.")
    two = keeper.load(again)
    assert (two["reception"].number, spoken(two)) == (2, "Two.")
    assert spoken(one) == "One."
    stored = keeper.store.versions("reception", text=True)
    assert [(v.number, v.hash, v.author) for v in stored] == [
        (1, one["reception"].version, "anna"),
        (2, two["reception"].version, "anna"),
    ]
    assert "Two." in stored[1].text


def test_a_version_rolled_back_to_stays_until_the_file_changes(
    keeper: FlowKeeper, write: Write, settings: Settings, versions: FlowVersions
) -> None:
    write("reception", "One.")
    flows = keeper.load()
    write("reception", "Two.")
    flows = keeper.load(flows)
    flows = keeper.rollback("reception", flows)
    assert (flows["reception"].number, spoken(flows)) == (1, "One.")
    assert spoken(keeper.load(flows)) == "One."
    fresh = FlowKeeper(settings, versions).load()
    assert (spoken(fresh), fresh["reception"].number) == ("One.", 1)
    write("reception", "Three.")
    flows = keeper.load(flows)
    assert (flows["reception"].number, spoken(flows)) == (3, "Three.")
    assert spoken(keeper.rollback("reception", flows)) == "One."  # not to 2, which was rolled back


def test_rolling_back_leads_to_what_was_active_last_not_to_the_number_before(keeper: FlowKeeper, write: Write) -> None:
    flows = None
    for words in ("One.", "Two.", "Three."):
        write("reception", words)
        flows = keeper.load(flows)
    flows = keeper.activate("reception", 1, previous=flows)
    flows = keeper.rollback("reception", flows)
    assert flows["reception"].number == 3
    flows = keeper.activate("reception", 1, previous=flows)
    write("reception", "Four.", head="canary: 10%")
    flows = keeper.load(flows)
    flows = keeper.activate("reception", 4, previous=flows)
    flows = keeper.rollback("reception", flows)
    assert flows["reception"].number == 1


def test_there_is_nothing_before_the_first(keeper: FlowKeeper, write: Write) -> None:
    write("reception")
    keeper.load()
    with pytest.raises(VersionError, match="no version of reception was active before 1"):
        keeper.rollback("reception")
    with pytest.raises(VersionError, match="there is no flow nowhere"):
        keeper.rollback("nowhere")
    with pytest.raises(VersionError, match="there is no version 7 of reception"):
        keeper.activate("reception", 7)


def test_a_candidate_takes_its_share_and_the_same_callers(keeper: FlowKeeper, write: Write) -> None:
    write("reception", "One.")
    flows = keeper.load()
    write("reception", "Two.", head="canary: 10%")
    flows = keeper.load(flows)
    assert flows["reception"].number == 1
    tried = [flows.choose(flows["reception"], f"+1555{n:07}").number for n in range(10_000)]
    assert 900 <= tried.count(2) <= 1100
    key = f"+1555{tried.index(2):07}"
    for _ in range(3):
        flows = keeper.load(flows)
        assert flows.choose(flows["reception"], key).number == 2
        assert spoken(flows.for_caller(key)) == "Two."
    assert flows.for_caller(f"+1555{tried.index(1):07}") is flows


def test_removing_the_key_or_activating_ends_the_trial(keeper: FlowKeeper, write: Write) -> None:
    write("reception", "One.")
    flows = keeper.load()
    write("reception", "Two.", head="canary: 10%")
    flows = keeper.load(flows)
    write("reception", "Two.")
    flows = keeper.load(flows)
    assert (flows["reception"].number, dict(flows.candidates)) == (3, {})
    write("reception", "Four.", head="canary: 50%")
    flows = keeper.load(flows)
    assert flows["reception"].number == 3
    flows = keeper.activate("reception", 4, previous=flows)
    flows = keeper.load(flows)
    assert (flows["reception"].number, dict(flows.candidates)) == (4, {})
    flows = keeper.rollback("reception", flows)
    assert flows["reception"].number == 3


def test_rolling_back_a_trial_leaves_the_active_version(keeper: FlowKeeper, write: Write) -> None:
    write("reception", "One.")
    flows = keeper.load()
    write("reception", "Two.", head="canary: 10%")
    flows = keeper.rollback("reception", keeper.load(flows))
    assert (flows["reception"].number, dict(flows.candidates)) == (1, {})
    flows = keeper.activate("reception", 2, 0.25, flows)
    assert flows.candidates["reception"].share == 0.25
    with pytest.raises(VersionError, match="the active one already"):
        keeper.activate("reception", 1, 0.5, flows)


def test_the_first_version_is_for_all(keeper: FlowKeeper, write: Write) -> None:
    write("reception", head="canary: 10%")
    flows = keeper.load()
    assert (flows["reception"].number, dict(flows.candidates)) == (1, {})


@pytest.mark.parametrize("share", ["10", "0%", "101%", "ten", "-1%", "[1]"])
def test_a_share_that_is_none_is_a_fault(keeper: FlowKeeper, write: Write, share: str) -> None:
    write("reception", head=f"canary: {share}")
    with pytest.raises(FlowLoadError, match="canary: not a share of the calls"):
        keeper.load()


def test_a_bad_version_is_refused_with_all_that_came_with_it(keeper: FlowKeeper, write: Write) -> None:
    write("reception", "One.")
    flows = keeper.load()
    write("reception", "Two.")
    write("sales", "Two.", number="200").write_text("elements: {a: {type: ply}}")
    with pytest.raises(FlowLoadError, match="unknown type"):
        keeper.load(flows)
    assert numbers(keeper) == [1]
    assert numbers(keeper, "sales") == []
    write("sales", number="100")
    with pytest.raises(FlowLoadError, match="another flow has this number"):
        keeper.load(flows)
    assert numbers(keeper) == [1]


def test_a_candidate_must_go_with_the_other_flows(keeper: FlowKeeper, write: Write) -> None:
    write("reception")
    write("sales", number="200")
    flows = keeper.load()
    write("sales", number="100", head="canary: 10%")
    with pytest.raises(FlowLoadError, match="another flow has this number"):
        keeper.load(flows)
    assert numbers(keeper, "sales") == [1]


def test_going_back_must_go_with_the_other_flows(keeper: FlowKeeper, write: Write) -> None:
    write("reception", number="100")
    flows = keeper.load()
    write("reception", number="101")
    write("sales", number="100")
    flows = keeper.load(flows)
    with pytest.raises(FlowLoadError, match="another flow has this number"):
        keeper.rollback("reception", flows)
    assert keeper.store.states()["reception"].active == 2


def test_a_start_with_a_bad_folder_goes_on_with_what_was_in_force(keeper: FlowKeeper, write: Write) -> None:
    write("reception", "One.")
    keeper.load()
    write("reception", "Two.").write_text("elements: {}")
    flows, faults = keeper.begin()
    assert (spoken(flows), faults[0].text[:19]) == ("One.", "a flow needs elemen")
    assert flows["reception"].number == 1


def test_a_first_start_with_a_bad_folder_is_refused(keeper: FlowKeeper, write: Write) -> None:
    write("reception").write_text("elements: {}")
    with pytest.raises(FlowLoadError, match="a flow needs elements"):
        keeper.begin()


def test_a_flow_without_a_file_is_not_in_force(keeper: FlowKeeper, write: Write) -> None:
    path = write("reception")
    write("sales", number="200")
    flows = keeper.load()
    text = path.read_text()
    path.unlink()
    flows = keeper.load(flows)
    assert list(flows) == ["sales"]
    with pytest.raises(VersionError, match="no file in the folder"):
        keeper.activate("reception", 1)
    path.write_text(text)
    assert keeper.load(flows)["reception"].number == 1


def test_an_old_version_can_be_read(keeper: FlowKeeper, write: Write) -> None:
    write("reception", "One.")
    flows = keeper.load()
    write("reception", "Two.")
    keeper.load(flows)
    old = keeper.flow("reception", 1)
    assert (old.number, old.version) == (1, flows["reception"].version)
    assert keeper.flow("reception", 1) is old


def test_a_text_beyond_ascii_keeps_its_hash(keeper: FlowKeeper, write: Write) -> None:
    path = write("reception", "Grüß Gott.")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    first = keeper.load()
    write("reception", "Two.")
    keeper.store.apply((), (), 0.0)
    old = keeper.flow("reception", 1)
    assert old.version == first["reception"].version


DESK = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: people}
  people: {type: transfer_to_agent, queue: events, max_wait: 5m, branches: {call_not_forwarded: bye}, next: bye}
  bye: {type: hang_up}
"""


def test_a_daemon_checks_beside_the_queues_and_agents_that_there_are(keeper: FlowKeeper, settings: Settings) -> None:
    def found() -> dict[str, str]:
        return {each.code: each.message for each in keeper.check("desk", DESK, ()) if each.code in ("T008", "H006")}

    offline = found()
    assert offline.keys() == {"T008"}
    assert "made over HTTP are not seen here" in offline["T008"]
    agents = {"anna": Agent(queues=("sales",))}
    queues = {"default": Queue(all=True), "sales": Queue(), "events": Queue()}
    keeper.knows(settings.model_copy(update={"queues": queues, "agents": agents}))
    assert found() == {"H006": "no agent works in events"}
    agents["eve"] = Agent(queues=("events",))
    keeper.knows(settings.model_copy(update={"queues": queues, "agents": agents}))
    assert found() == {}
    del queues["events"]
    keeper.knows(settings.model_copy(update={"queues": queues, "agents": agents}))
    assert found() == {"T008": "there is no queue events"}
