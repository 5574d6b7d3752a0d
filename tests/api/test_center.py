"""Agents, queues and routes over HTTP, on the rules of the centre and a real store."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ivr.api import Guard, HttpServer, OperationRoutes
from ivr.api.agents import AgentRoutes, agent_shown
from ivr.api.gradual import gradually
from ivr.api.queues import QueueRoutes
from ivr.api.routes import RoutingRoutes
from ivr.center.house import DISPOSITION, INTERVAL, kept_between
from ivr.center.pins import find_agent
from ivr.center.reports import report
from ivr.center.rules import decisions as told
from ivr.center.rules import events as happened
from ivr.settings import HostPort, MetricsSettings, parse_settings
from ivr.store import Store, new_token
from tests.api.conftest import Health, figures
from tests.kit.desks import WALL, TestDesk, told_of

CONFIG = """
time_zone: UTC
phones: {"200": {password: a}, "201": {password: b}, "202": {password: c}}
agents:
  anna: {name: Anna Berg, phones: ["200"], queues: [sales], wrap_up: 30s, code: "1234", email: anna@example.com}
  ben: {phones: ["201"], first_status: unavailable}
queues:
  sales: {service_level: {answer_within: 20s, percent: 80}}
statuses: {lunch: away}
dispositions: {sold: Sold, other: {name: Something else, queues: [default]}}
routes:
  - {name: vip, when: [{fact: tags, contains: vip}], queue: sales, priority: 9}
"""


class Center:
    """The interface with a centre behind it."""

    def __init__(self, store: Store, folder: Path, client: TestClient[Any, Any] | None = None) -> None:
        self.store = store
        self.desk = TestDesk(parse_settings(CONFIG, folder / "ivr.yaml", {}), store)
        self.client: TestClient[Any, Any]

    def server(self) -> HttpServer:
        office = self.desk.office
        parts = (
            AgentRoutes(office),
            QueueRoutes(office, partial(kept_between, self.store), lambda: WALL + self.desk.now - 1000.0),
            RoutingRoutes(office),
        )
        operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
        return HttpServer(HostPort("127.0.0.1", 0), Guard(self.store), operations, parts)

    def token(self, *scopes: str, roles: tuple[str, ...] = (), agent: str | None = None) -> dict[str, str]:
        token, text = new_token("test", scopes, 1.0, roles=roles, agent=agent)
        self.store.tokens.add(token)
        return {"Authorization": f"Bearer {text}"}

    async def ask(self, method: str, path: str, status: int = 200, **options: Any) -> Any:
        options.setdefault("headers", self.manager)
        answer = await self.client.request(method, path, **options)
        text = await answer.text()
        assert answer.status == status, text
        return await answer.json(content_type=None) if text else None

    @property
    def manager(self) -> dict[str, str]:
        return self.token(roles=("manager",))


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Store]:
    store = Store.open(f"sqlite:///{tmp_path}/ivr.db")
    yield store
    store.close()


@pytest.fixture
async def center(opened: Store, tmp_path: Path) -> AsyncIterator[Center]:
    found = Center(opened, tmp_path)
    async with TestClient(TestServer(found.server().application())) as client:
        found.client = client
        yield found


# Agents


async def test_agents_are_listed_with_what_they_are_and_do(center: Center) -> None:
    center.desk.join("c1", "sales")
    found = await center.ask("GET", "/v1/agents", headers={})
    anna, ben = found["agents"]
    assert (anna["id"], anna["name"], anna["source"]) == ("anna", "Anna Berg", "config")
    assert (anna["now"]["status"], anna["now"]["phase"], anna["now"]["caller"]) == ("available", "ringing", "c1")
    assert anna["settings"]["code"] is True and "1234" not in str(found), "the code is told to nobody"
    assert ben["now"]["group"] == "unavailable"
    assert {"name": "lunch", "group": "away"} in found["statuses"]
    assert [each["id"] for each in found["dispositions"]] == ["sold", "other"]


async def test_an_agent_is_given_a_status(center: Center) -> None:
    found = await center.ask("POST", "/v1/agents/anna/status", json={"status": "lunch"})
    assert (found["now"]["status"], found["now"]["group"]) == ("lunch", "away")
    assert center.desk.last(told.StatusChanged).by == "test"
    problem = await center.ask("POST", "/v1/agents/anna/status", 409, json={"status": "holiday"})
    assert "holiday" in problem["detail"]
    await center.ask("POST", "/v1/agents/nobody/status", 404, json={"status": "away"})
    await center.ask("POST", "/v1/agents/anna/status", 422, json={"status": 7})


async def test_an_agent_logs_in_and_out_and_pauses(center: Center) -> None:
    async def do(what: str, status: int = 200, **options: Any) -> Any:
        found = await center.ask("POST", f"/v1/agents/ben/{what}", status, **options)
        return found if status != 200 else (found["now"]["status"], found["desk"])

    assert "logged out" in (await do("pause", 409))["detail"]
    assert await do("log-in") == ("available", None)
    assert await do("pause") == ("away", None)
    assert await do("resume") == ("available", None)
    assert await do("log-out") == ("unavailable", None)
    assert await do("log-in", json={"phone": "202"}) == ("available", "202")
    assert center.desk.roster.settings.agents["ben"].phones == ("202",)
    assert await do("log-out") == ("unavailable", None)
    assert center.desk.roster.settings.agents["ben"].phones == ("201",)
    await do("log-in", 404, json={"phone": "999"})
    assert "anna is logged in" in (await do("log-in", 409, json={"phone": "200"}))["detail"]
    assert center.desk.roster.settings.agents["anna"].phones == ("200",)


async def test_wrapping_up_ends_and_a_conversation_gets_its_disposition(center: Center) -> None:
    problem = await center.ask("POST", "/v1/agents/anna/wrapped", 409)
    assert problem["detail"]
    center.desk.join("c1", "sales")
    assert center.desk.talk() == "anna"
    found = await center.ask("GET", "/v1/agents/anna")
    assert found["now"]["phase"] == "wrapping" and found["now"]["wrap_up_left"] == 30.0
    await center.ask("POST", "/v1/agents/anna/disposition", 404, json={"disposition": "lost"})
    await center.ask("POST", "/v1/agents/anna/disposition", 409, json={"disposition": "other"})
    found = await center.ask("POST", "/v1/agents/anna/disposition", json={"disposition": "sold"})
    assert found["now"]["phase"] == "idle"
    said = center.desk.last(told.Disposed)
    assert (said.caller, said.disposition, said.by) == ("c1", "sold", "test")


async def test_screen_pop(center: Center) -> None:
    await center.ask("GET", "/v1/agents/anna/call", 404)
    center.desk.join("c1", "sales")
    found = await center.ask("GET", "/v1/agents/anna/call")
    assert (found["call"], found["state"], found["queue"]) == ("c1", "ringing", "sales")
    assert found["packet"]["call"]["id"] == "c1"
    assert (await center.ask("GET", "/v1/calls/c1/packet"))["packet"] == found["packet"]
    assert (await center.ask("GET", "/v1/calls/40/packet"))["packet"] == found["packet"]
    await center.ask("GET", "/v1/calls/c2/packet", 404)
    own = {name: center.token(roles=("agent",), agent=name) for name in ("anna", "ben")}
    assert (await center.ask("GET", "/v1/calls/c1/packet", headers=own["anna"]))["packet"] == found["packet"]
    await center.ask("GET", "/v1/calls/c1/packet", 403, headers=own["ben"])
    await center.ask("GET", "/v1/calls/c1/packet", 403, headers=center.token(roles=("analytics",)))


async def test_screen_pop_of_a_call_to_the_agent_himself(center: Center) -> None:
    found = {"caller": "c9", "short_id": 9, "queue": "", "state": "ringing", "waited": 2.0, "packet": told_of("c9", 9)}
    center.desk.named["anna"] = found
    shown = await center.ask("GET", "/v1/agents/anna/call")
    assert (shown["call"], shown["state"], shown["queue"]) == ("c9", "ringing", "")
    assert shown["packet"]["call"]["id"] == "c9"
    assert center.desk.office.calls_by_name("anna", "c9") and not center.desk.office.calls_by_name("ben", "c9")


async def test_an_agents_own_token_is_for_himself_alone(center: Center) -> None:
    own = center.token(roles=("agent",), agent="anna")
    await center.ask("GET", "/v1/agents", headers=own)
    await center.ask("POST", "/v1/agents/anna/pause", headers=own)
    problem = await center.ask("POST", "/v1/agents/ben/log-in", 403, headers=own)
    assert "its own agent" in problem["detail"]
    await center.ask("GET", "/v1/agents/ben/call", 403, headers=own)
    await center.ask("PUT", "/v1/agents/eve", 403, headers=own, json={})
    await center.ask("DELETE", "/v1/queues/sales", 403, headers=own)
    looks = center.token(roles=("analytics",))
    await center.ask("GET", "/v1/queues/sales/report", headers=looks)
    await center.ask("POST", "/v1/agents/anna/pause", 403, headers=looks)
    await center.ask("POST", "/v1/agents/anna/pause", 401, headers={})


async def test_agents_are_made_changed_and_deleted_and_outlive_a_restart(center: Center, tmp_path: Path) -> None:
    made = await center.ask("PUT", "/v1/agents/eve", 201, json={"phones": ["202"], "queues": ["sales"], "code": "77"})
    assert (made["source"], made["settings"]["queues"], made["now"]["status"]) == ("store", ["sales"], "available")
    await center.ask("PUT", "/v1/agents/eve", json={"name": "Eve", "phones": ["202"], "code": "77"})
    center.desk.write()
    again = TestDesk(parse_settings(CONFIG, tmp_path / "ivr.yaml", {}), center.store)
    eve = again.roster.settings.agents["eve"]
    assert eve.name == "Eve" and eve.code is not None and eve.code.get_secret_value() != "77"
    assert find_agent(again.roster.settings.agents, "77") == "eve"
    await center.ask("DELETE", "/v1/agents/eve", 204)
    await center.ask("DELETE", "/v1/agents/eve", 404)


@pytest.mark.parametrize(
    ("name", "body", "status", "words"),
    [
        ("anna", {}, 409, "belongs to ivr.yaml"),
        ("eve", {"queues": ["nowhere"]}, 422, "no such queue"),
        ("eve", {"phones": ["200"]}, 422, "anna has this already"),
        ("eve", {"code": "1234"}, 422, "somebody else has this already"),
        ("eve", {"wrapup": "5s"}, 422, "unknown key"),
        ("eve", {"wrap_up": "long"}, 422, "wrap_up"),
        ("9", {}, 422, "name"),
    ],
)
async def test_an_agent_that_cannot_be(center: Center, name: str, body: Any, status: int, words: str) -> None:
    problem = await center.ask("PUT", f"/v1/agents/{name}", status, json=body)
    assert words in str(problem)
    assert "eve" not in center.desk.roster.settings.agents


# Queues


async def test_queues_are_listed_with_who_waits(center: Center) -> None:
    center.desk.join("c1", "sales")
    center.desk.join("c2", "sales")
    center.desk.pass_time(7.0)
    found = {queue["id"]: queue for queue in (await center.ask("GET", "/v1/queues", headers={}))["queues"]}
    assert list(found) == ["sales", "default"]
    now = found["sales"]["now"]
    assert (now["waiting"], now["ringing"], now["longest_wait"], now["agents"]["logged_in"]) == (2, 1, 7.0, 1)
    assert found["sales"]["agents"] == ["anna"] and found["default"]["agents"] == ["anna", "ben"]
    rows = (await center.ask("GET", "/v1/queues/sales/callers"))["callers"]
    assert [(row["caller"], row["position"], row["state"]) for row in rows] == [
        ("c1", 1, "ringing"),
        ("c2", 2, "waiting"),
    ]
    await center.ask("GET", "/v1/queues/nowhere", 404)


async def test_waits_and_their_etags_go_on_while_nothing_happens(center: Center) -> None:
    center.desk.join("c1", "sales")
    center.desk.join("c2", "sales")
    for path in ("/v1/queues", "/v1/queues/sales", "/v1/queues/sales/callers", "/v1/agents"):
        answer = await center.client.get(path, headers=center.manager)
        again = {**center.manager, "If-None-Match": answer.headers["ETag"]}
        assert (await center.client.get(path, headers=again)).status == 304
        center.desk.now += 7.0
        assert (await center.client.get(path, headers=again)).status == 200
    rows = (await center.ask("GET", "/v1/queues/sales/callers"))["callers"]
    assert [row["waited"] for row in rows] == [28.0, 28.0]


async def test_a_queue_is_made_and_goes_when_nobody_is_in_it(center: Center) -> None:
    made = await center.ask("PUT", "/v1/queues/support", 201, json={"name": "Support", "all": True})
    assert (made["source"], made["name"], made["now"]["waiting"]) == ("store", "Support", 0)
    center.desk.join("c1", "support")
    problem = await center.ask("DELETE", "/v1/queues/support", 409)
    assert "1 callers are in" in problem["detail"]
    center.desk.receive(happened.CallerLeft("c1"))
    await center.ask("PUT", "/v1/routes/to-support", 201, json={"queue": "support"})
    assert "named elsewhere" in (await center.ask("DELETE", "/v1/queues/support", 409))["detail"]
    await center.ask("DELETE", "/v1/routes/to-support", 204)
    await center.ask("DELETE", "/v1/queues/support", 204)
    await center.ask("GET", "/v1/queues/support", 404)


async def test_queues_of_the_file_and_the_default_stay(center: Center) -> None:
    await center.ask("DELETE", "/v1/queues/sales", 409)
    assert "always there" in (await center.ask("DELETE", "/v1/queues/default", 409))["detail"]
    await center.ask("PUT", "/v1/queues/sales", 409, json={})
    await center.ask("PUT", "/v1/queues/other", 422, json={"hours": "nowhere"})


async def test_call_backs_are_listed_and_cancelled(center: Center) -> None:
    desk = center.desk
    desk.receive(happened.AgentStatus("anna", "away"))
    desk.join("c1", "sales")
    desk.receive(happened.CallbackKept("c1", "b1", "+4930123456"))
    desk.receive(happened.CallerLeft("c1", "callback_scheduled"))
    (row,) = (await center.ask("GET", "/v1/callbacks", headers={}))["callbacks"]
    assert (row["callback"], row["state"], row["queue"]) == ("b1", "callback", "sales")
    assert "4930123456" not in str(row)
    assert (await center.ask("GET", "/v1/queues/sales/callbacks"))["callbacks"] == [row]
    await center.ask("DELETE", "/v1/callbacks/b2", 404)
    await center.ask("DELETE", "/v1/callbacks/b1", 204)
    assert desk.last(told.CallbackOver).outcome == "cancelled"
    assert (await center.ask("GET", "/v1/callbacks"))["callbacks"] == []


# Routes


async def test_routes_are_made_and_ordered(center: Center) -> None:
    made = await center.ask(
        "PUT", "/v1/routes/german", 201, json={"when": [{"fact": "from", "starts_with": "+49"}], "queue": "sales"}
    )
    assert (made["position"], made["source"]) == (2, "store")
    found = await center.ask("POST", "/v1/routes/order", json={"names": ["german"]})
    assert [route["id"] for route in found["routes"]] == ["german", "vip"]
    center.desk.write()
    assert [row["id"] for row in (await center.ask("GET", "/v1/routes", headers={}))["routes"]] == ["german", "vip"]
    await center.ask("POST", "/v1/routes/order", 404, json={"names": ["nowhere"]})
    await center.ask("PUT", "/v1/routes/vip", 409, json={"queue": "sales"})
    await center.ask("PUT", "/v1/routes/bad", 422, json={"queue": "nowhere"})
    await center.ask("PUT", "/v1/routes/bad", 422, json={"queue": "sales", "when": [{"fact": "from"}]})


async def test_explain(center: Center) -> None:
    found = await center.ask("POST", "/v1/routes/explain", json={"facts": {"tags": ["vip"]}})
    assert (found["queue"], found["priority"], found["outcome"]) == ("sales", 9, "waits")
    assert found["routes"][0]["matched"] and found["agents"][0]["agent"] == "anna"
    for fact in ("tag", "tags.vip", "profiles.tier"):
        problem = await center.ask("POST", "/v1/routes/explain", 422, json={"facts": {fact: "vip"}})
        assert f"{fact} is not a fact of a call" in str(problem)
    found = await center.ask("POST", "/v1/routes/explain", json={"facts": {}})
    assert found["queue"] == "default" and not found["routes"][0]["matched"]
    center.desk.join("c1", tags=["vip"])
    found = await center.ask("POST", "/v1/routes/explain", json={"call": "c1"})
    assert found["queue"] == "sales"
    await center.ask("POST", "/v1/routes/explain", 404, json={"call": "c2"})


# Reports


async def test_a_report_has_what_the_store_keeps_and_the_quarter_under_way(center: Center) -> None:
    desk = center.desk
    kept = {"offered": 5, "answered": 4, "answered_in_target": 4, "abandoned": 1}
    row = {"start": WALL - 3600, "seconds": 900.0, "queues": {"sales": kept}, "agents": {"anna": {"answered": 4}}}
    desk.keep(INTERVAL, f"{WALL - 3600:.0f}", row)
    said = {"agent": "anna", "queue": "sales", "disposition": "sold", "call": "c0", "at": WALL - 3000}
    desk.keep(DISPOSITION, "c0:1", said)
    desk.keep(DISPOSITION, "c0:2", {**said, "queue": "other"})
    desk.write()
    desk.join("c1", "sales")
    desk.talk()
    found = await center.ask("GET", "/v1/queues/sales/report", headers={})
    assert found["dispositions"] == found["agents"][0]["dispositions"] == {"sold": 1}
    assert [(row["start"] - WALL, row["offered"]) for row in found["rows"]] == [(-3600, 5), (0, 1)]
    assert found["total"]["answered"] == 5 and found["total"]["service_level"] == 0.8333
    assert found["target"] == {"answer_within": 20.0, "percent": 80.0}
    assert found["agents"][0]["agent"] == "anna" and found["agents"][0]["answered"] == 5
    day = await center.ask("GET", "/v1/queues/sales/report?from=2026-03-01&to=2026-03-01&interval=day")
    assert day["total"]["offered"] == 0 and day["to"] - day["from"] == 86400
    at = await center.ask(
        "GET", "/v1/queues/sales/report?from=2026-03-02T08:00:00+00:00&to=2026-03-02T09:00&interval=all"
    )
    assert at["total"]["offered"] == 5


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=yesterday", "from"),
        ("from=2026-03-02&to=2026-02-27", "to"),
        ("from=2020-01-01&to=2026-01-01", "to"),
        ("from=2026-01-01&to=2026-03-01&interval=15m", "interval"),
        ("interval=week", "interval"),
    ],
)
async def test_a_report_that_cannot_be(center: Center, query: str, field: str) -> None:
    problem = await center.ask("GET", f"/v1/queues/sales/report?{query}", 422)
    assert problem["field"] == field


async def test_a_console_keeps_an_agent_logged_in(center: Center) -> None:
    office = center.desk.office
    office.console("anna", True)
    office.console("anna", True)
    office.console("anna", False)
    assert (await center.ask("GET", "/v1/agents/anna"))["now"]["console"] is True
    office.console("anna", False)
    office.console("nobody", True)
    assert (await center.ask("GET", "/v1/agents/anna"))["now"]["console"] is False


@pytest.mark.parametrize("code", [4711815, "4711815x", ["4711815"], "scrypt$4711815"])
async def test_no_answer_tells_a_code_that_was_sent(center: Center, code: Any) -> None:
    found = await center.ask("PUT", "/v1/agents/eve", 422, json={"phones": ["202"], "code": code})
    assert "4711815" not in str(found)


async def test_calls_go_on_beside_long_lists(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.api.gradual.ROWS", 1)
    turns: list[int] = []
    monkeypatch.setattr("ivr.api.gradual.asyncio.sleep", _counted(turns))
    agents = await center.ask("GET", "/v1/agents")
    assert len(agents["agents"]) == 2
    assert len(turns) == 2
    queues = await center.ask("GET", "/v1/queues")
    assert len(turns) == 2 + len(queues["queues"])


async def test_an_agent_who_is_deleted_while_a_list_is_made_is_not_in_it(center: Center) -> None:
    await center.ask("PUT", "/v1/agents/eve", 201, json={})
    office = center.desk.office

    def row(name: str) -> dict[str, Any] | None:
        if name == "anna":
            office.drop_agent("eve")
        return agent_shown(office, name)

    assert [each["id"] for each in await gradually(office.settings.agents, row)] == ["anna", "ben"]


async def test_reports_are_made_in_a_thread(center: Center, monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def made(*args: Any) -> dict[str, Any]:
        threads.append(threading.get_ident())
        return report(*args)

    monkeypatch.setattr("ivr.api.queues.report", made)
    await center.ask("GET", "/v1/queues/sales/report")
    assert threads and threading.get_ident() not in threads


def _counted(turns: list[int]) -> Any:
    sleep = asyncio.sleep

    async def counted(seconds: float) -> None:
        turns.append(1)
        await sleep(seconds)

    return counted


@pytest.mark.parametrize(
    ("path", "first", "second"),
    [
        ("/v1/agents/eve", {"phones": ["202"], "code": "77"}, {"phones": ["202"], "code": "78"}),
        ("/v1/queues/events", {"name": "Events"}, {"name": "Fairs"}),
        ("/v1/routes/events", {"queue": "sales"}, {"queue": "sales", "priority": 3}),
    ],
)
async def test_nobody_overwrites_what_somebody_else_has_changed(
    center: Center, path: str, first: dict[str, Any], second: dict[str, Any]
) -> None:
    manager = center.manager

    async def put(body: dict[str, Any], status: int, **headers: str) -> str:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = await center.client.put(path, json=body, headers={**manager, **named})
        assert answer.status == status, await answer.text()
        if status == 412:
            assert answer.content_type == "application/problem+json"
        return str(answer.headers.get("ETag", ""))

    await put(first, 412, If_Match="*")
    made = await put(first, 201, If_None_Match="*")
    await put(first, 412, If_None_Match="*")
    shown = (await center.client.get(path, headers=manager)).headers["ETag"]
    assert shown.partition(".")[0] == made.partition(".")[0]
    changed = await put(second, 200, If_Match=shown)
    await put(first, 412, If_Match=shown)
    await put(first, 412, If_Match=f"W/{changed}")
    gone = {**manager, "If-Match": shown}
    assert (await center.client.delete(path, headers=gone)).status == 412
    await put(second, 200, If_Match=f'"other", {changed}')
    assert (await center.client.delete(path, headers={**manager, "If-Match": changed})).status == 204
    assert (await center.client.delete(path, headers={**manager, "If-Match": changed})).status == 412


async def test_what_agents_do_is_no_change_of_their_settings(center: Center) -> None:
    await center.ask("PUT", "/v1/agents/eve", 201, json={"phones": ["202"]})
    tag = (await center.client.get("/v1/agents/eve", headers=center.manager)).headers["ETag"]
    await center.ask("POST", "/v1/agents/eve/log-in", json={})
    await center.ask("POST", "/v1/agents/eve/status", json={"status": "lunch"})
    now = (await center.client.get("/v1/agents/eve", headers=center.manager)).headers["ETag"]
    assert now != tag, "who only looks is told"
    await center.ask("PUT", "/v1/agents/eve", json={"title": "x"}, headers={**center.manager, "If-Match": tag})


async def test_of_two_changes_at_once_the_first_counts(center: Center) -> None:
    await center.ask("PUT", "/v1/agents/eve", 201, json={"title": "a"})
    tag = (await center.client.get("/v1/agents/eve", headers=center.manager)).headers["ETag"]
    headers = {**center.manager, "If-Match": tag}
    bodies = ({"title": "b", "code": "11"}, {"title": "c", "code": "12"})  # codes are hashed meanwhile
    answers = await asyncio.gather(
        *(center.client.put("/v1/agents/eve", json=body, headers=headers) for body in bodies)
    )
    assert sorted(answer.status for answer in answers) == [200, 412]


async def test_the_order_of_routes_is_not_overwritten_either(center: Center) -> None:
    for name in ("one", "two"):
        await center.ask("PUT", f"/v1/routes/{name}", 201, json={"queue": "sales"})
    tag = (await center.client.get("/v1/routes", headers=center.manager)).headers["ETag"]
    headers = {**center.manager, "If-Match": tag}
    await center.ask("POST", "/v1/routes/order", json={"names": ["two"]}, headers=headers)
    await center.ask("POST", "/v1/routes/order", 412, json={"names": ["one"]}, headers=headers)


async def test_tags_tell_nothing_of_codes_in_the_configuration(center: Center) -> None:
    roster = center.desk.office.roster
    before = roster.version("agents", "anna")
    settings = center.desk.office.settings
    other = parse_settings(CONFIG.replace('"1234"', '"9876"'), settings.source or Path("ivr.yaml"), {})
    roster.reload(other, lambda merged: ())
    assert roster.version("agents", "anna") == before


async def test_calls_that_an_agent_has_missed_are_his_to_see(center: Center) -> None:
    center.desk.join("c1", "sales")
    center.desk.pass_time(21.0)
    own, other = (center.token(roles=("agent",), agent=name) for name in ("anna", "ben"))
    (row,) = (await center.ask("GET", "/v1/agents/anna", headers=own))["missed"]
    assert (row["call"], row["short_id"], row["queue"], row["reason"]) == ("c1", 40, "sales", "no_answer")
    assert (await center.ask("GET", "/v1/agents/anna"))["missed"] == [row]
    assert (await center.ask("GET", "/v1/agents/anna", headers=other))["missed"] == []
    assert all(each["missed"] == [] for each in (await center.ask("GET", "/v1/agents"))["agents"] if "missed" in each)


async def test_an_agent_who_rings_talks_or_is_held_is_not_deleted(center: Center) -> None:
    desk = center.desk
    await center.ask("PUT", "/v1/queues/events", 201, json={"callback": {"attempts": 1}})
    await center.ask("PUT", "/v1/agents/eve", 201, json={"queues": ["events"]})
    desk.receive(happened.PhoneState("eve", True))
    desk.join("c1", "events")
    await center.ask("DELETE", "/v1/agents/eve", 409)
    desk.receive(happened.OfferAnswered(desk.last(told.Offer).offer))
    await center.ask("DELETE", "/v1/agents/eve", 409)
    await center.ask("DELETE", "/v1/queues/events", 409)
    desk.receive(happened.AgentBusy("eve", "x"))
    desk.receive(happened.CallOver(desk.last(told.Offer).offer))
    desk.join("c2", "events")
    desk.receive(happened.CallbackKept("c2", "k1", "+49301"))
    desk.receive(happened.CallerLeft("c2", "callback_scheduled"))
    await center.ask("DELETE", "/v1/queues/events", 409)
    desk.receive(happened.AgentFree("eve", "x"))
    assert desk.last(told.CallbackDue).agent == "eve"
    await center.ask("DELETE", "/v1/agents/eve", 409)
    desk.receive(happened.CallbackFailed("k1", "busy"))
    await center.ask("DELETE", "/v1/agents/eve", 204)
    await center.ask("DELETE", "/v1/queues/events", 204)
