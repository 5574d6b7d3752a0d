from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from ivr.api import CampaignRoutes, Guard, HttpServer, OperationRoutes
from ivr.dialer import CampaignOffice
from ivr.flow import FlowSet, parse_flow
from ivr.settings import HostPort, MetricsSettings, Settings
from ivr.store import NewCampaign, Store, new_token
from tests.api.conftest import Health, figures
from tests.kit.flows_of_contacts import ContactFlows, Phone

FLOWS = FlowSet(
    {
        "survey": parse_flow(
            "elements: {start: {type: start_from_audience, next: bye}, bye: {type: tag, tags: [x]}}", "s"
        ),
        "odd": parse_flow(
            "elements: {start: {type: start_incoming_call, numbers: ['1'], next: b}, b: {type: hang_up}}", "o"
        ),
    }
)
CSV = "number;name\n+49 30 1;Anna\n+49301;again\nabc;Bert\n+49302;Carl\n"


class Office:
    """The interface with campaigns behind it, of which nobody is called."""

    def __init__(self, store: Store, client: TestClient[Any, Any], flows: ContactFlows) -> None:
        self.store, self.client, self.flows = store, client, flows
        token, text = new_token("test", ["campaigns"], 1.0)
        store.tokens.add(token)
        self.headers = {"Authorization": f"Bearer {text}"}

    async def post(self, path: str, body: Any = None, expect: int = 200, **headers: str) -> Any:
        async with self.client.post(path, json=body or {}, headers={**self.headers, **headers}) as answer:
            found = await answer.json()
            assert answer.status == expect, found
            return found

    async def upload(self, path: str, text: str | bytes, expect: int = 201, kind: str = "text/csv") -> Any:
        headers = {**self.headers, "Content-Type": kind}
        async with self.client.post(path, data=text, headers=headers) as answer:
            found = await answer.json()
            assert answer.status == expect, found
            return found

    async def get(self, path: str, expect: int = 200) -> Any:
        async with self.client.get(path, headers=self.headers) as answer:
            found = await answer.json()
            assert answer.status == expect, found
            return found


@pytest.fixture
async def office(store: Store, tmp_path: Path) -> AsyncIterator[Office]:
    settings = Settings(flows=tmp_path)
    loop = asyncio.get_running_loop()
    flows = ContactFlows(store, loop, Phone())
    dialler = flows.dialler_of(settings, lambda: FLOWS)
    await dialler.begin()
    desk = CampaignOffice(settings, store, dialler, lambda: FLOWS, lambda: 1000.0)
    operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
    server = HttpServer(HostPort("127.0.0.1", 0), Guard(store), operations, [CampaignRoutes(desk)])
    async with TestClient(TestServer(server.application())) as client:
        yield Office(store, client, flows)
    dialler.close()


async def test_a_campaign_of_json(office: Office) -> None:
    contacts = [{"number": "+1 555 0100", "variables": {"name": "Anna", "due": 7}}, {"number": "+15550101"}]
    wish = {"flow": "survey", "name": "spring", "speed": "30/minute", "window": "mon-fri 09:00-17:00 Europe/Berlin"}
    made = await office.post("/v1/campaigns", {**wish, "contacts": contacts}, 201)
    assert (made["state"], made["contacts"], made["states"]["waiting"]) == ("running", 2, 2)
    assert made["options"]["window"]["from"] == "09:00"
    assert made["speed"] == {"calls": 30, "per": "minute"}
    assert made["eta"] == 1000 + 2 / 0.5
    found = await office.get(f"/v1/campaigns/{made['id']}/contacts")
    assert [(c["number"], c["variables"], c["state"]) for c in found["contacts"]] == [
        ("+15550100", {"name": "Anna", "due": 7}, "waiting"),
        ("+15550101", {}, "waiting"),
    ]


async def test_a_campaign_of_csv_says_what_became_of_its_rows(office: Office) -> None:
    made = await office.upload("/v1/campaigns?flow=survey&start=false", CSV)
    assert made["state"] == "draft"
    assert made["loaded"] == {
        "rows": 4,
        "new": 2,
        "duplicates": 1,
        "do_not_contact": 0,
        "bad_rows": 1,
        "faults": [
            "line 4, column number: 'abc' is no number, expected a number like +49 30 1234567, or sip:user@host"
        ],
    }
    assert (made["contacts"], made["duplicates"], made["bad_rows"]) == (2, 1, 1)
    key = made["id"]
    more = await office.upload(f"/v1/campaigns/{key}/contacts", "number\n+49303\n", 200)
    assert (more["contacts"], more["loaded"]["new"]) == (3, 1)
    assert (await office.post(f"/v1/campaigns/{key}/start"))["state"] == "running"


async def test_strict_takes_all_or_nobody(office: Office) -> None:
    problem = await office.upload("/v1/campaigns?flow=survey&strict=true", CSV, 422)
    assert problem["detail"] == "1 rows are no contacts: nobody was added"
    assert problem["faults"][0].startswith("line 4, column number")
    assert (await office.get("/v1/campaigns"))["campaigns"] == []
    made = await office.post("/v1/campaigns", {"flow": "survey", "strict": True, "contacts": [{"number": "123"}]}, 201)
    assert made["contacts"] == 1


@pytest.mark.parametrize(
    ("text", "kind", "detail"),
    [
        ("name\nAnna\n", "text/csv", "line 1: found 'name', expected the names of the columns"),
        ("", "text/csv", "line 1: found nothing"),
        ("number\n", "text/csv", "the audience has no contacts"),
        ("number\nabc\n", "text/csv", "the audience has no contacts"),
        ("number\n123\nÄ\n".encode("latin-1"), "text/csv", "after line 0: byte 0xc4 is not utf-8: save the file"),
        ("number\n123\n", "text/csv; charset=klingon", "the character set 'klingon' is not known"),
    ],
)
async def test_what_is_no_audience(office: Office, text: str | bytes, kind: str, detail: str) -> None:
    problem = await office.upload("/v1/campaigns?flow=survey", text, 422, kind)
    assert detail in problem["detail"]
    assert (await office.get("/v1/campaigns"))["campaigns"] == [], "nothing is left of it"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        ("number;name\n123;Ärger\n".encode("cp1252"), "text/csv; charset=windows-1252"),
        ("number;name\n123;Ärger\n".encode("utf-16"), "text/csv"),
        ("number;name\n123;Ärger\n".encode("utf-8-sig"), "text/csv"),
    ],
)
async def test_character_sets(office: Office, data: bytes, kind: str) -> None:
    made = await office.upload("/v1/campaigns?flow=survey", data, 201, kind)
    found = await office.get(f"/v1/campaigns/{made['id']}/contacts")
    assert found["contacts"][0]["variables"] == {"name": "Ärger"}


@pytest.mark.parametrize(
    ("wish", "detail"),
    [
        ({}, "flow is missing"),
        ({"flow": "none"}, "flow: there is no flow none"),
        ({"flow": "survey", "line": "pbx"}, "line: there is no line pbx, expected one of: none"),
        ({"flow": "survey", "speed": "fast"}, "speed: expected calls and a period, like 30/minute"),
        ({"flow": "survey", "window": {"from": "09:00", "to": "09:00"}}, "window: from and to are the same time"),
        ({"flow": "survey", "until": "2026-03-02"}, "until: a time zone is missing"),
        ({"flow": "survey", "colour": "red"}, "unknown key 'colour'"),
        ({"flow": "survey", "contacts": "x"}, "contacts must be a list"),
        ({"flow": "survey", "start": "x", "contacts": []}, "start must be true or false"),
    ],
)
async def test_wishes_that_cannot_be(office: Office, wish: Any, detail: str) -> None:
    problem = await office.post("/v1/campaigns", wish, 422)
    assert detail in problem["detail"]


async def test_a_flow_that_does_not_call_by_itself_is_called_for(office: Office) -> None:
    made = await office.post("/v1/campaigns", {"flow": "odd", "contacts": [{"number": "123"}]}, 201)
    assert made["state"] == "running"


async def test_steering(office: Office) -> None:
    made = await office.post(
        "/v1/campaigns", {"flow": "survey", "contacts": [{"number": "123"}, {"number": "124"}]}, 201
    )
    path = f"/v1/campaigns/{made['id']}"
    assert (await office.post(f"{path}/pause"))["state"] == "paused"
    problem = await office.post(f"{path}/pause", expect=409)
    assert problem["detail"] == f"campaign {made['id']} is paused, expected running"
    assert (await office.post(f"{path}/resume"))["state"] == "running"
    assert (await office.client.delete(path, headers=office.headers)).status == 409
    cancelled = await office.post(f"{path}/cancel")
    assert (cancelled["state"], cancelled["results"]) == ("cancelled", {"cancelled": 2})
    assert "cancelled" in (await office.post(f"{path}/retry", expect=409))["detail"]
    assert (await office.client.delete(path, headers=office.headers)).status == 204
    assert (await office.get(path, 404))["detail"] == "there is no such campaign"


async def test_interrupted_contacts_are_put_back_on_purpose(office: Office) -> None:
    made = await office.post("/v1/campaigns", {"flow": "survey", "contacts": [{"number": "123"}]}, 201)
    path = f"/v1/campaigns/{made['id']}"
    contact = office.store.contacts.waiting(made["id"], 1)[0]
    wait = office.flows.start_contact("survey", None, {"number": "123"})
    office.store.contacts.claim({contact.id: wait}, 1.0)
    office.store.waits.change((), [wait.id])
    office.store.contacts.recover("local", 2.0)
    listed = await office.get(f"{path}/contacts?result=interrupted")
    assert [found["number"] for found in listed["contacts"]] == ["123"]
    assert "results: 'x' is no result" in (await office.post(f"{path}/retry", {"results": ["x"]}, 422))["detail"]
    back = await office.post(f"{path}/retry")
    assert (back["put_back"], back["states"]["waiting"]) == (1, 1)


async def test_pages_and_the_export(office: Office) -> None:
    rows = "number,name\n" + "".join(f"+4930{n:04},N{n}\n" for n in range(25))
    made = await office.upload("/v1/campaigns?flow=survey&start=false", rows)
    path = f"/v1/campaigns/{made['id']}/contacts"
    first = await office.get(f"{path}?limit=10")
    second = await office.get(f"{path}?limit=10&after={first['next']}")
    third = await office.get(f"{path}?limit=10&after={second['next']}")
    numbers = [found["number"] for page in (first, second, third) for found in page["contacts"]]
    assert numbers == [f"+4930{n:04}" for n in range(25)]
    assert "next" not in third
    async with office.client.get(path, headers={**office.headers, "Accept": "text/csv"}) as answer:
        assert answer.headers["Content-Type"].startswith("text/csv")
        table = list(csv.DictReader(io.StringIO(await answer.text())))
    assert [(row["number"], row["name"], row["state"]) for row in table[:2]] == [
        ("+49300000", "N0", "waiting"),
        ("+49300001", "N1", "waiting"),
    ]
    assert len(table) == 25
    assert (await office.get(f"{path}?limit=0", 422))["detail"] == "limit: too small (found 0; expected at least 1)"
    for n in range(3):
        await office.post("/v1/campaigns", {"flow": "survey", "name": f"c{n}"}, 201)
    listed = await office.get("/v1/campaigns?limit=2")
    assert [found["name"] for found in listed["campaigns"]] == ["c2", "c1"]
    listed = await office.get(f"/v1/campaigns?limit=2&before={listed['next']}")
    assert [found["name"] for found in listed["campaigns"]] == ["c0", "survey"]


async def test_no_cell_of_an_export_is_a_formula(office: Office) -> None:
    rows = 'number,a,=b\n+49301,"=HYPERLINK(""http://x"")",-1.5\nsip:x@y,@SUM(A1),+CMD|x\n'
    made = await office.upload("/v1/campaigns?flow=survey&start=false", rows)
    path = f"/v1/campaigns/{made['id']}/contacts"
    async with office.client.get(f"{path}?format=csv", headers=office.headers) as answer:
        table = list(csv.reader(io.StringIO(await answer.text())))
    assert [row[:3] for row in table] == [
        ["number", "a", "'=b"],
        ["+49301", '\'=HYPERLINK("http://x")', "-1.5"],
        ["sip:x@y", "'@SUM(A1)", "'+CMD|x"],
    ]
    assert "state: not one of the values allowed" in (await office.get(f"{path}?state=done!", 422))["detail"]
    assert "result: not one of the values allowed " in (await office.get(f"{path}?format=csv&result=x", 422))["detail"]


async def test_the_same_request_makes_no_second_campaign(office: Office) -> None:
    body = {"flow": "survey", "contacts": [{"number": "123"}]}
    first = await office.post("/v1/campaigns", body, 201, **{"Idempotency-Key": "k-1"})
    again = await office.post("/v1/campaigns", body, 200, **{"Idempotency-Key": "k-1"})
    assert (again["id"], again["contacts"]) == (first["id"], 1)
    other = {**body, "flow": "odd"}
    assert (
        "another campaign" in (await office.post("/v1/campaigns", other, 409, **{"Idempotency-Key": "k-1"}))["detail"]
    )
    office.store.campaigns.add(NewCampaign(name="survey", flow="survey", node="local", key="k-2"), 1.0)
    resumed = await office.post("/v1/campaigns", body, 200, **{"Idempotency-Key": "k-2"})
    assert (resumed["state"], resumed["contacts"]) == ("running", 1), "what was broken off is taken up"


async def test_bounds_and_tokens(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ivr.api.campaigns.MAX_AUDIENCE_BYTES", 100)
    await office.upload("/v1/campaigns?flow=survey", "number\n" + "123\n" * 50, 413)
    await office.upload("/v1/campaigns?flow=survey", "x", 415, "image/png")
    await office.upload("/v1/campaigns?flow=survey&colour=red", "number\n", 422)
    async with office.client.post("/v1/campaigns", json={}) as answer:
        assert answer.status == 401
    async with office.client.get("/v1/campaigns") as answer:
        assert answer.status == 200, "figures name nobody: they are open to this machine"
    made = await office.post("/v1/campaigns", {"flow": "survey"}, 201)
    async with office.client.get(f"/v1/campaigns/{made['id']}/contacts") as answer:
        assert answer.status == 401, "numbers are personal data"
    await office.post("/v1/campaigns/999/pause", expect=404)


async def test_a_campaign_of_another_node_is_steered_there(office: Office) -> None:
    campaign, _ = office.store.campaigns.add(NewCampaign(name="x", flow="survey", node="other"), 1.0)
    problem = await office.post(f"/v1/campaigns/{campaign.id}/start", expect=409)
    assert problem["detail"] == f"campaign {campaign.id} is run by node other: ask there"
