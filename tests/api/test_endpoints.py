from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import Field

from ivr.api import Answer, Ask, Endpoint, File, Guard, HttpServer, Model, OperationRoutes, Query, Raw
from ivr.api.openapi import document
from ivr.settings import HostPort, MetricsSettings
from ivr.store import Store, new_token
from tests.api.conftest import Health, figures


class Wheel(Model):
    size: Annotated[int, Field(ge=1, le=30)]
    """In inches."""
    maker: str | None = None


class Bicycle(Model):
    """A bicycle."""

    colour: str
    wheels: list[Wheel] = Field(default_factory=list)
    weight: float | str = 10.0


class Page(Query):
    limit: Annotated[int, Field(ge=1, le=100)] = 10
    """How many."""
    after: str = ""


class Made(Model):
    number: int
    bicycle: Bicycle


class Sheds:
    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint("POST", "/v1/bicycles", "calls", self.make, body=Bicycle, answers={201: Made}),
            Endpoint("GET", "/v1/bicycles", "calls:read", self.some, query=Page, answers={200: Page}, local=True),
            Endpoint("GET", r"/v1/bicycles/{number:\d{1,9}}", None, self.one, answers={200: Made}),
            Endpoint("PUT", "/v1/bicycles/{name}", None, self.paint, body=Bicycle, optional=False),
            Endpoint("POST", "/v1/bicycles/{name}/file", None, self.file, body=Raw(("text/csv",)),
                     answers={200: File("text/plain", "What came.")}),
        ]  # fmt: skip

    async def make(self, ask: Ask[Bicycle, None]) -> Answer:
        """Make a bicycle.

        It is painted by hand.
        """
        return Answer(Made(number=7, bicycle=ask.body), 201, {"Location": "/v1/bicycles/7", "X-By": ask.by})

    async def some(self, ask: Ask[None, Page]) -> Page:
        """List bicycles."""
        return ask.query

    async def one(self, ask: Ask[None, None]) -> dict[str, Any]:
        """Show a bicycle."""
        return {"number": "no number"}

    async def paint(self, ask: Ask[Bicycle, None]) -> None:
        """Paint it."""

    async def file(self, ask: Ask[None, None]) -> web.Response:
        """Send a file."""
        return web.Response(text=await ask.request.text())


class Shop:
    def __init__(self, client: TestClient[Any, Any], store: Store) -> None:
        self.client = client
        token, text = new_token("the shop", ["calls"], 1.0, None)
        store.tokens.add(token)
        self.headers = {"Authorization": f"Bearer {text}"}

    async def make(self, body: object) -> tuple[int, dict[str, Any]]:
        answer = await self.client.post("/v1/bicycles", json=body, headers=self.headers)
        return answer.status, await answer.json()


@pytest.fixture
async def shop(store: Store) -> AsyncIterator[Shop]:
    operations = OperationRoutes(Health(), figures, "text/plain", MetricsSettings())
    server = HttpServer(HostPort("127.0.0.1", 0), Guard(store), operations, [Sheds()])
    async with TestClient(TestServer(server.application())) as client:
        yield Shop(client, store)


async def test_a_request_comes_as_its_model(shop: Shop) -> None:
    answer = await shop.client.post("/v1/bicycles", json={"colour": "red"}, headers=shop.headers)
    assert (answer.status, answer.headers["Location"], answer.headers["X-By"]) == (201, "/v1/bicycles/7", "the shop")
    assert await answer.json() == {"number": 7, "bicycle": {"colour": "red", "wheels": [], "weight": 10.0}}
    assert (await shop.client.put("/v1/bicycles/x", json={"colour": "red"})).status == 204
    page = await shop.client.get("/v1/bicycles?limit=5")
    assert await page.json() == {"limit": 5, "after": ""}


async def test_all_that_is_wrong_is_told_at_once(shop: Shop) -> None:
    status, problem = await shop.make({"color": "red", "wheels": [{"size": 40}, {"size": "x"}, 7], "weight": []})
    assert status == 422
    assert problem["field"] == "colour"
    assert problem["detail"] == "colour: is missing (and 5 more)"
    assert problem["faults"] == [
        "colour: is missing",
        "wheels.0.size: too large (found 40; expected at most 30)",
        "wheels.1.size: must be a whole number (found x; expected a whole number)",
        "wheels.2: must be an object (found 7; expected an object)",
        "weight: not a value of this field (found a list; expected a number or text)",
        "color: unknown key, did you mean colour?",
    ]
    assert problem["errors"][1] == {
        "field": "wheels.0.size", "text": "too large", "found": "40", "expected": "at most 30"
    }  # fmt: skip


@pytest.mark.parametrize("value", ["7", 7.5, True, None, [7], 10**400])
async def test_types_are_not_converted(shop: Shop, value: object) -> None:
    status, problem = await shop.make({"colour": "red", "wheels": [{"size": value}]})
    assert (status, problem["field"]) == (422, "wheels.0.size")


async def test_many_faults_and_long_values_are_shortened(shop: Shop) -> None:
    status, problem = await shop.make({"colour": "red", "wheels": [{"size": "x" * 99}] * 500})
    assert (status, len(problem["faults"]), len(problem["errors"])) == (422, 20, 20)
    assert len(problem["errors"][0]["found"]) == 81
    assert "and 499 more" in problem["detail"]


@pytest.mark.parametrize(
    ("query", "field"), [("limit=0", "limit"), ("limit=x", "limit"), ("Limit=5", "Limit"), ("limit=", "limit")]
)
async def test_a_query_is_checked_too(shop: Shop, query: str, field: str) -> None:
    answer = await shop.client.get(f"/v1/bicycles?{query}")
    assert (answer.status, (await answer.json())["field"]) == (422, field)


async def test_other_bodies(shop: Shop) -> None:
    for data, kind, status in ((b"{", "application/json", 400), (b"{}", "text/plain", 415), (b"[]", "a/b+json", 422)):
        headers = {**shop.headers, "Content-Type": kind}
        assert (await shop.client.post("/v1/bicycles", data=data, headers=headers)).status == status
    answer = await shop.client.post("/v1/bicycles/x/file", data=b"a;b", headers={"Content-Type": "text/csv"})
    assert await answer.text() == "a;b"
    assert (await shop.client.post("/v1/bicycles/x/file", json={})).status == 415


async def test_an_answer_that_is_not_as_declared_is_found_by_tests(shop: Shop) -> None:
    assert (await shop.client.get("/v1/bicycles/7")).status == 500


def test_the_document() -> None:
    found = document(Sheds().endpoints())
    OpenAPIV31SpecValidator(found).validate()
    made = found["paths"]["/v1/bicycles"]["post"]
    assert (made["summary"], made["operationId"]) == ("Make a bicycle.", "post_bicycles")
    assert made["description"].startswith("It is painted by hand.")
    assert made["requestBody"]["content"]["application/json"]["schema"] == {"$ref": "#/components/schemas/Bicycle"}
    assert found["components"]["schemas"]["Wheel"]["properties"]["size"]["description"] == "In inches."
    page = found["paths"]["/v1/bicycles"]["get"]
    assert page["parameters"][0]["schema"]["maximum"] == 100
    assert page["security"] == [{"token": []}, {}]
    one = found["paths"]["/v1/bicycles/{number}"]["get"]
    assert one["parameters"][0]["schema"] == {"type": "integer"}


def test_two_endpoints_cannot_be_the_same() -> None:
    with pytest.raises(ValueError, match="POST /v1/bicycles stands there twice"):
        document(Sheds().endpoints() * 2)
