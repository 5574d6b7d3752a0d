"""Routes over HTTP: which queue calls go to, why, and routes besides those of ivr.yaml."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from ivr.api.caching import expect
from ivr.api.endpoints import Answer, Ask, Endpoint, Model
from ivr.api.problems import ProblemError
from ivr.center.office import Office
from ivr.settings import NO_FACT, PARTED_FACTS, Route, is_fact

__all__ = ["RoutingRoutes"]

READ = "agents:read"
MAX_FACTS = 200
MAX_FACT = 64
"""Characters of a name that an answer repeats."""


class RouteShown(Model):
    """A route."""

    id: str
    """Its name; of ivr.yaml, where it has none, its number."""
    position: int
    """1: looked at first."""
    source: Literal["config", "store"]
    """`store`: made over HTTP, and changed there; `config`: of ivr.yaml."""
    settings: dict[str, Any]
    """As in ivr.yaml."""


class Routes(Model):
    """All routes in order: the first that matches wins."""

    routes: list[RouteShown]


class Order(Model):
    """In which order routes are looked at."""

    names: Annotated[list[str], Field(min_length=1, max_length=500)]
    """The first ones; those that are not named follow as they did."""


def _known(facts: dict[str, Any]) -> dict[str, Any]:
    wrong = next((name for name in facts if name not in PARTED_FACTS and not is_fact(name)), None)
    if wrong is not None:
        raise ValueError(f"{wrong[:MAX_FACT]} is {NO_FACT}")
    return facts


class Facts(Model):
    """A call that does not exist, or one that does."""

    facts: Annotated[dict[str, Any], Field(max_length=MAX_FACTS), AfterValidator(_known)] = Field(default_factory=dict)
    """What routes look at: `from`, `tags`, `profile.tier`, `collected.menu.digits` …"""
    queue: str | None = None
    """Queue that the flow names; null: the routes say."""
    priority: Annotated[int, Field(ge=1, le=10)] | None = None
    sticky: Literal["off", "30d", "60d", "1y", "ever"] | None = None
    person: str = ""
    """Number of the caller, for the agent who last spoke to him."""
    call: str | None = None
    """Id or short id of a call that a queue has: why it is where it is; the rest is not looked at then."""


class Explained(Model):
    """Why a call goes where it goes."""

    routes: list[dict[str, Any]]
    """Down to the one that matched: `name`, `queue`, `matched`, `why`, `conditions`."""
    queue: str
    why: str
    priority: int
    outcome: str
    """`waits`, or why it may not: `closed`, `full`, `no_agents`, `error`."""
    text: str
    order: str
    """Of the queue's agents."""
    agents: list[dict[str, Any]]
    """The first choice first: `agent`, `rank`, `score`, `why`."""


class RoutingRoutes:
    """Handlers."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def endpoints(self) -> list[Endpoint]:
        """What can be asked."""
        one, told = "/v1/routes/{name}", {404: "There is no such route."}
        return [
            Endpoint("GET", "/v1/routes", READ, self.all, answers={200: Routes}, local=True),
            Endpoint("GET", one, READ, self.show, answers={200: RouteShown}, problems=told, local=True),
            Endpoint(
                "PUT",
                one,
                "agents",
                self.put,
                body=Route,
                answers={200: RouteShown, 201: RouteShown},
                problems={409: "It is of ivr.yaml."},
                conditional=True,
            ),
            Endpoint(
                "DELETE",
                one,
                "agents",
                self.delete,
                problems={**told, 409: "It is of ivr.yaml."},
                conditional=True,
            ),
            Endpoint(
                "POST",
                "/v1/routes/order",
                "agents",
                self.order,
                body=Order,
                answers={200: Routes},
                problems=told,
                conditional=True,
            ),
            Endpoint(
                "POST",
                "/v1/routes/explain",
                READ,
                self.explain,
                body=Facts,
                answers={200: Explained},
                idempotent="natural",
                problems={404: "No queue has this call."},
            ),
        ]

    async def all(self, ask: Ask[None, None]) -> Answer:
        """List routes in the order in which they are looked at."""
        return self._in_order()

    def _in_order(self) -> Answer:
        return Answer({"routes": self._all()}, version=self._office.roster.order_version())

    def _version(self, ask: Ask[Any, None]) -> str | None:
        return self._office.roster.version("routes", ask.path["name"])

    def _all(self) -> list[dict[str, Any]]:
        roster = self._office.roster
        return [
            {
                "id": name,
                "position": position,
                "source": roster.source("routes", name),
                "settings": route.model_dump(mode="json", by_alias=True, exclude_none=True),
            }
            for position, (name, route) in enumerate(roster.routes, 1)
        ]

    def _one(self, name: str) -> dict[str, Any]:
        found = next((route for route in self._all() if route["id"] == name), None)
        if found is None:
            raise ProblemError(404, f"there is no route {name[:64]}")
        return found

    async def show(self, ask: Ask[None, None]) -> Answer:
        """Show a route."""
        return Answer(self._one(ask.path["name"]), version=self._version(ask) or "")

    async def put(self, ask: Ask[Route, None]) -> Answer:
        """Make or change a route; a new one is looked at last.

        The body is one item of `routes` in ivr.yaml; its name is that of the path.
        """
        expect(ask.request, self._version(ask))
        new = self._office.put_route(ask.path["name"], ask.body)
        return Answer(self._one(ask.path["name"]), 201 if new else 200, version=self._version(ask) or "")

    async def delete(self, ask: Ask[None, None]) -> None:
        """Delete a route that was made over HTTP."""
        expect(ask.request, self._version(ask))
        self._office.drop_route(ask.path["name"])

    async def order(self, ask: Ask[Order, None]) -> Answer:
        """Say in which order routes are looked at, those of ivr.yaml among them. The `ETag` of their list is that of
        the order."""
        expect(ask.request, self._office.roster.order_version())
        self._office.order_routes(ask.body.names)
        return self._in_order()

    async def explain(self, ask: Ask[Facts, None]) -> dict[str, Any]:
        """Say what would become of a call with these facts that joined now, or why a call is where it is."""
        body = ask.body
        if body.call is not None:
            return self._office.explain_call(body.call)
        return self._office.explain(
            body.facts, queue=body.queue, priority=body.priority, sticky=body.sticky, person=body.person
        )
