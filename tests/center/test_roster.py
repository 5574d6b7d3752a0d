"""What ivr.yaml has, what was made over HTTP and which phones agents have taken, together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ivr.center.roster import Roster, TakenError
from ivr.errors import ConfigError
from ivr.settings import Agent, Queue, Route, Settings, parse_settings

CONFIG = """
phones: {"200": {password: a}, "201": {password: b}}
agents: {anna: {phones: ["200"], queues: [sales]}, ben: {phones: ["201"]}}
queues: {sales: {}}
routes: [{queue: sales}, {name: vip, queue: sales}]
"""


def settings(text: str = CONFIG) -> Settings:
    return parse_settings(text, Path("ivr.yaml"), {})


class Rows:
    """What is in the store."""

    def __init__(self) -> None:
        self.kept: dict[str, dict[str, Any]] = {}

    def keep(self, kind: str, key: str, value: Any) -> None:
        rows = self.kept.setdefault(kind, {})
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value


@pytest.fixture
def rows() -> Rows:
    return Rows()


@pytest.fixture
def roster(rows: Rows) -> Roster:
    return Roster(settings(), {}, rows.keep)


def _put(roster: Roster, fields: dict[str, Any]) -> bool:
    return roster.put_agent("eve", roster.coded("eve", Agent.model_validate(fields))())


def reload(roster: Roster, text: str, objections: tuple[str, ...] = ()) -> None:
    roster.reload(settings(text), lambda merged: objections)


def test_what_was_made_is_there_after_a_restart(roster: Roster, rows: Rows) -> None:
    assert roster.put_queue("support", Queue(name="Support"))
    assert _put(roster, {"queues": ["support"], "code": "007"})
    assert not _put(roster, {"queues": ["support"], "code": "7"})
    roster.put_route("german", Route(queue="support"))
    roster.order_routes(["german", "vip"])
    roster.take_desk("ben", "200")
    again = Roster(settings(), rows.kept, rows.keep)
    assert again.settings == roster.settings
    assert [name for name, _ in again.routes] == ["german", "vip", "1"]
    assert again.source("agents", "eve") == "store" and again.source("agents", "anna") == "config"


def test_a_desk_is_one_agents_at_a_time(roster: Roster) -> None:
    roster.take_desk("ben", "200")
    agents = roster.settings.agents
    assert (agents["ben"].phones, agents["anna"].phones) == (("200",), ())
    roster.take_desk("anna", "200")
    agents = roster.settings.agents
    assert (agents["ben"].phones, agents["anna"].phones) == (("201",), ("200",))
    roster.take_desk("anna", None)
    assert roster.settings == settings()


def test_another_reading_changes_what_the_file_has_and_keeps_the_rest(roster: Roster) -> None:
    roster.put_agent("eve", Agent(queues=("sales",)))
    heard: list[Settings] = []
    roster.changed = heard.append
    reload(roster, CONFIG.replace("ben: {", "carl: {") + "limits: {calls: 7}\nstatuses: {lunch: away}\n")
    assert list(roster.settings.agents) == ["anna", "carl", "eve"]
    assert "lunch" in roster.settings.statuses
    assert roster.settings.limits.calls != 7, "the rest of the file needs a restart"
    assert heard == [roster.settings]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CONFIG.replace("sales", "more"), "no such queue"),
        (CONFIG.replace("ben: {", "eve: {"), "made over HTTP, too"),
        (CONFIG + "queues: {}", "queues"),
    ],
)
def test_a_reading_that_does_not_fit_changes_nothing(roster: Roster, text: str, words: str) -> None:
    roster.put_agent("eve", Agent(queues=("sales",)))
    before = roster.settings
    with pytest.raises(ConfigError, match=words):
        reload(roster, text)
    assert roster.settings is before


def test_a_reading_that_the_centre_objects_to_changes_nothing(roster: Roster) -> None:
    before = roster.settings
    with pytest.raises(ConfigError, match="3 callers are in the queue"):
        reload(roster, CONFIG, ("3 callers are in the queue sales",))
    assert roster.settings is before


def test_the_file_counts_where_both_have_a_name(roster: Roster, rows: Rows, caplog: pytest.LogCaptureFixture) -> None:
    roster.put_queue("support", Queue(name="made"))
    again = Roster(settings(CONFIG.replace("sales: {}", "sales: {}, support: {name: file}")), rows.kept, rows.keep)
    assert again.settings.queues["support"].name == "file" and again.source("queues", "support") == "config"
    assert "the former counts" in caplog.text


def test_what_fits_no_more_is_left_out_at_a_start(roster: Roster, rows: Rows, caplog: pytest.LogCaptureFixture) -> None:
    roster.put_agent("eve", Agent(queues=("sales",)))
    rows.kept["queue_made"] = {"bad": {"order": "nonsense"}}
    other = "agents: {}\nqueues: {}\n"
    again = Roster(settings(other), rows.kept, rows.keep)
    assert list(again.settings.agents) == [] and list(again.settings.queues) == ["default"]
    assert "cannot be read any more" in caplog.text and "does not fit ivr.yaml any more" in caplog.text


def test_what_fits_no_more_takes_nothing_else_along(
    roster: Roster, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    roster.put_queue("events", Queue())
    roster.put_queue("fair", Queue())
    roster.put_agent("eve", Agent(queues=("events",)))
    roster.put_agent("max", Agent(queues=("sales",)))
    roster.put_route("a", Route(queue="sales"))
    roster.put_route("b", Route(queue="events"))
    text = CONFIG.replace("sales", "more")
    again = Roster(settings(text), rows.kept, rows.keep)
    assert set(again.settings.agents) == {"anna", "ben", "eve"}
    assert {"events", "fair", "more"} <= set(again.settings.queues)
    assert [name for name, _ in again.routes] == ["1", "vip", "b"]
    assert "agent max, made over HTTP, does not fit ivr.yaml any more and is left out: queues.0" in caplog.text
    assert "route a, made" in caplog.text
    assert Roster(settings(), rows.kept, rows.keep).settings == roster.settings, "it is there again when it fits"


def test_what_names_something_that_is_left_out_is_left_out_too(roster: Roster, rows: Rows) -> None:
    rows.kept["queue_made"] = {"events": {"hours": "gone"}, "fair": {}}
    rows.kept["agent_made"] = {"eve": {"queues": ["events"]}, "max": {"queues": ["fair"]}}
    again = Roster(settings(), rows.kept, rows.keep)
    assert set(again.settings.agents) == {"anna", "ben", "max"}
    assert "events" not in again.settings.queues and "fair" in again.settings.queues


def test_an_agent_has_his_own_phone_back_when_he_works_again(roster: Roster) -> None:
    roster.take_desk("anna", "201")
    assert roster.settings.agents["ben"].phones == () and roster.owner("201") == "ben"
    roster.give_back("ben")
    assert roster.settings == settings()


def test_there_is_a_limit(roster: Roster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.center.roster.MOST", {"agents": 3, "queues": 3, "routes": 3})
    roster.put_agent("eve", Agent())
    with pytest.raises(TakenError, match="limit"):
        roster.put_agent("max", Agent())
    roster.put_agent("eve", Agent(title="x"))
