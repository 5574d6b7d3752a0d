"""How a part of the interface declares what can be asked of it.

A part has `endpoints()`, a list of :class:`Endpoint`. From these alone come the routes, the check of each request
against its models, who may ask, and the OpenAPI document. A handler gets an :class:`Ask` and gives back what is
answered:

    class PlaceCall(Model):
        to: str
        \"\"\"Whom: a number, `phone:200`, `sip:…`.\"\"\"

    class Placed(Model):
        id: str
        \"\"\"Of the call.\"\"\"

    class PlacingRoutes:
        def endpoints(self) -> list[Endpoint]:
            return [
                Endpoint("POST", "/v1/calls", "calls", self.place, body=PlaceCall, answers={202: Placed},
                         problems={503: "no room"}),
            ]

        async def place(self, ask: Ask[PlaceCall, None]) -> Answer:
            \"\"\"Have somebody called.\"\"\"
            return Answer({"id": await self._placer.place(ask.body.to)}, 202)

The first line of the handler's docstring is the summary in the document, the rest the description.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from inspect import getdoc
from typing import Any, Generic, Literal, Protocol, TypeVar

from aiohttp import web
from pydantic import BaseModel, ConfigDict

from ivr.store import Token

__all__ = ["Answer", "Ask", "Endpoint", "File", "Method", "Model", "Part", "Query", "Raw", "Reply"]

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
_PARAMETER = re.compile(r"\{([a-z_]+)(?::([^{}]*(?:\{[^{}]*\}[^{}]*)*))?\}")


class Model(BaseModel):
    """Body of a request or of an answer: no other keys, no conversion of one type into another. A docstring under a
    field describes it in the document."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, use_attribute_docstrings=True)


class Query(BaseModel):
    """What may follow the `?`: as `Model`, but all of it comes as text."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


@dataclass(frozen=True, slots=True)
class Raw:
    """A body that the handler reads from the request itself."""

    types: tuple[str, ...]
    """Content types it may have; others are answered 415."""
    model: type[Model] | None = None
    """What it says where it is JSON, for the document."""


@dataclass(frozen=True, slots=True)
class File:
    """An answer that is not JSON."""

    type: str
    """Content type."""
    description: str = ""


B = TypeVar("B")
Q = TypeVar("Q")


@dataclass(frozen=True, slots=True)
class Ask(Generic[B, Q]):
    """A request that was let in, and that says what it may say."""

    body: B
    """The model of the body; None where the endpoint takes none, or reads it itself."""
    query: Q
    """The model of the query; None where it has none."""
    path: Mapping[str, str]
    """Values of the `{names}` in the path."""
    request: web.Request
    token: Token | None
    """What it was asked with; None: asked without one."""
    key: str | None = None
    """The header `Idempotency-Key`: 1 to 128 visible ASCII characters."""
    own: str | None = None
    """Agent who is to see nothing but his own matters; None: what the scope is good for, is asked for."""

    @property
    def by(self) -> str:
        """Who asks, for logs and records."""
        return "this machine" if self.token is None else self.token.name


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered, where it is more than a body with the status 200."""

    body: BaseModel | Mapping[str, Any] | None = None
    """None: nothing (204)."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    version: str = ""
    """Of the settings in it, for `If-Match` of who changes them; empty: there are none."""


Reply = Answer | BaseModel | Mapping[str, Any] | web.StreamResponse | None
Handler = Callable[[Ask[Any, Any]], Awaitable[Reply]]


Answers = type[BaseModel] | File | tuple[type[BaseModel] | File, ...] | None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One thing that can be asked."""

    method: Method
    path: str
    """As aiohttp has it, with `{name}` or `{name:pattern}`."""
    scope: str | None
    """What a token has to be good for; None: no token is looked at."""
    handler: Handler
    body: type[BaseModel] | Raw | None = None
    """JSON that is checked; None: a body is not looked at."""
    query: type[Query] | None = None
    """None: a query is not looked at."""
    answers: Mapping[int, Answers] = field(default_factory=lambda: {204: None})
    """By status; None: without a body; several: one of them, by what is asked."""
    problems: Mapping[int, str] = field(default_factory=dict)
    """Statuses that this one has besides those of all, and when: for the document."""
    local: bool | Callable[[web.Request], bool] = False
    """True: programs of this machine need no token; or whether a request needs none."""
    own: bool = False
    """Tokens of agents may ask for their own matters (:attr:`Ask.own`); else they are not good for it, whatever scopes
    the role `agent` has."""
    max_bytes: int | None = None
    """Of the body; None: `MAX_BODY_BYTES`."""
    optional: bool = False
    """The body may be left out; `Ask.body` is the model's default then."""
    idempotent: Literal["kept", "own", "natural", "refused"] | None = None
    """`kept`: an answer is kept with the header `Idempotency-Key` and given again to the same request; `own`: the
    handler sees to that with `Ask.key`; `natural`: the same again does nothing more in any case, a key is not looked
    at; `refused`: who sends a key is told that it would not be kept. None: `kept` for each POST with a scope."""
    conditional: bool = False
    """It changes what several may change: `If-Match` and `If-None-Match` are looked at
    (:func:`ivr.api.caching.expect`)."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the `{names}` in the path mean, where `PARAMETERS` does not say it."""

    @property
    def summary(self) -> str:
        """What it does, in a line."""
        return self._told()[0]

    @property
    def description(self) -> str:
        """What else is to be said."""
        return self._told()[1]

    def answers_of(self, status: int) -> tuple[type[BaseModel] | File, ...]:
        """What may be answered with a status; KeyError where nothing is."""
        found = self.answers[status]
        return () if found is None else found if isinstance(found, tuple) else (found,)

    @property
    def takes_key(self) -> Literal["kept", "own", "natural", "refused"]:
        """What the header `Idempotency-Key` does here."""
        return self.idempotent or ("kept" if self.method == "POST" and self.scope is not None else "natural")

    @property
    def is_tagged(self) -> bool:
        """Whether its answers have an `ETag`: JSON that is read."""
        return self.method == "GET" and any(isinstance(kind, type) for kind in self.answers_of(200))

    @property
    def plain_path(self) -> str:
        """The path without patterns."""
        return _PARAMETER.sub(r"{\1}", self.path)

    @property
    def names(self) -> dict[str, str]:
        """Names in the path, with their patterns (empty: any text without `/`)."""
        return {match[1]: match[2] or "" for match in _PARAMETER.finditer(self.path)}

    def _told(self) -> tuple[str, str]:
        text = getdoc(self.handler) or ""
        head, _, rest = text.partition("\n\n")
        return " ".join(head.split()), rest.strip()


class Part(Protocol):
    """A part of the interface."""

    def endpoints(self) -> list[Endpoint]:
        """What can be asked of it."""
