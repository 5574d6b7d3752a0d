"""Endpoints as aiohttp serves them: who may ask, what is asked, what is answered."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from pydantic_core import to_json

from ivr.api.bodies import read_value
from ivr.api.caching import tag_of, unless_known
from ivr.api.endpoints import Answer, Ask, Endpoint, Raw, Reply
from ivr.api.faults import refusal, validated
from ivr.api.guard import Guard
from ivr.api.idempotency import AnswerKeeper
from ivr.api.limiting import Limiter
from ivr.api.problems import ProblemError
from ivr.api.tracing import changed
from ivr.store import Token

__all__ = ["KEY_HEADER", "UNLIMITED", "Serving"]

KEY_HEADER = "Idempotency-Key"
UNLIMITED = ("/healthz", "/readyz")
"""Asked by who watches the daemon, which must not be told to wait."""
NOT_OWN = "this token is good for what concerns its own agent alone"
_KEY = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)


class Serving:
    """Binds endpoints."""

    checks = False
    """Tests compare each answer with the models of its endpoint; daemons have better things to do."""

    def __init__(self, guard: Guard, keeper: AnswerKeeper | None = None, limiter: Limiter | None = None) -> None:
        """Without a `keeper` idempotency keys are left to the handlers, without a `limiter` nobody is limited."""
        self._guard = guard
        self._keeper = keeper
        self._limiter = limiter

    def route(self, endpoint: Endpoint) -> web.RouteDef:
        """Where aiohttp finds it."""

        async def serve(request: web.Request) -> web.StreamResponse:
            token, own = await self._allowed(endpoint, request)
            limiter = self._limiter if endpoint.plain_path not in UNLIMITED else None
            allowance = None if limiter is None else limiter.take(request, token)
            ask = Ask(
                await _body(endpoint, request),
                _query(endpoint, request),
                request.match_info,
                request,
                token,
                _key(endpoint, request),
                own,
            )

            async def make() -> web.StreamResponse:
                reply = await endpoint.handler(ask)
                response = answered(endpoint, reply, check=self.checks)
                version = reply.version if isinstance(reply, Answer) else ""
                if endpoint.is_tagged and isinstance(response, web.Response) and response.status == 200:
                    return unless_known(request, response, version)
                if version and isinstance(response, web.Response):
                    response.etag = tag_of(response, version)
                return response

            if endpoint.takes_key == "kept" and ask.key is not None and self._keeper is not None:
                response = await self._keeper.once(request, token, ask.key, make)
            else:
                response = await make()
            if response.status == 401 and endpoint.scope is None and self._limiter is not None:
                self._limiter.guessed(request)  # it looks at passwords itself
            changed(request, endpoint.plain_path, response.status, ask.by)
            if allowance is not None and not response.prepared:
                response.headers.update(allowance.headers)
            return response

        if endpoint.method == "GET":
            return web.get(endpoint.path, serve)
        return web.route(endpoint.method, endpoint.path, serve)

    async def _allowed(self, endpoint: Endpoint, request: web.Request) -> tuple[Token | None, str | None]:
        """The token of a request, and the agent whose own matters alone it asks for."""
        if endpoint.scope is None:
            return None, None
        try:
            token = await self._guard.allowed(request, endpoint.scope, endpoint.local)
        except ProblemError as problem:
            if self._limiter is not None and problem.status == 401:
                self._limiter.guessed(request)
            raise
        agent = None if token is None else token.confined_to(endpoint.scope)
        if agent is not None and not (endpoint.own and agent):
            raise ProblemError(403, NOT_OWN)
        return token, agent


async def _body(endpoint: Endpoint, request: web.Request) -> Any:
    wanted = endpoint.body
    if wanted is None:
        return None
    if isinstance(wanted, Raw):
        if request.content_type not in wanted.types:
            raise ProblemError(415, f"the body must be {' or '.join(wanted.types)}")
        return None
    if endpoint.optional and not request.can_read_body:
        return wanted()
    if endpoint.max_bytes is not None:
        request = request.clone(client_max_size=endpoint.max_bytes)
    return validated(wanted, await read_value(request))


def _query(endpoint: Endpoint, request: web.Request) -> Any:
    if endpoint.query is None:
        return None
    twice = next((name for name in request.query if len(request.query.getall(name)) > 1), None)
    if twice is not None:
        raise refusal(twice[:50], "stands there twice")
    return validated(endpoint.query, dict(request.query), text=True)


def _key(endpoint: Endpoint, request: web.Request) -> str | None:
    key = request.headers.get(KEY_HEADER)
    if key is None or endpoint.takes_key == "natural":
        return None
    if endpoint.takes_key == "refused":
        raise refusal(KEY_HEADER, "not kept here: leave it out")
    if not _KEY.fullmatch(key):
        raise refusal(KEY_HEADER, "at most 128 visible ASCII characters")
    return key


def answered(endpoint: Endpoint, reply: Reply, *, check: bool = False) -> web.StreamResponse:
    """What a handler gave back, as it is sent."""
    if isinstance(reply, web.StreamResponse):
        if check:
            _checked(endpoint, reply.status, None)
        return reply
    if not isinstance(reply, Answer):
        reply = Answer(reply, 204 if reply is None else 200)
    if reply.body is None:
        if check:
            _checked(endpoint, reply.status, None)
        return web.Response(status=reply.status, headers=reply.headers)
    text = _json(reply.body)
    if check:
        _checked(endpoint, reply.status, text)
    return web.Response(text=text, status=reply.status, headers=reply.headers, content_type="application/json")


def _json(body: BaseModel | Mapping[str, Any]) -> str:
    """JSON text at a tenth of the standard library's cost: the loop waits while that of a long list is made."""
    if isinstance(body, BaseModel):
        return body.model_dump_json(by_alias=True)
    try:
        return to_json(body, inf_nan_mode="constants").decode()
    except ValueError:  # lone surrogates, from bytes of a SIP header that are no text
        return json.dumps(body)


def _checked(endpoint: Endpoint, status: int, text: str | None) -> None:
    """Raises where an answer is not as its endpoint says."""
    if status not in endpoint.answers:
        raise TypeError(f"{endpoint.method} {endpoint.path} answers {status}, which it does not declare")
    declared = endpoint.answers_of(status)
    models = [model for model in declared if isinstance(model, type)]
    if text is None and models and len(models) == len(declared):
        raise TypeError(f"{endpoint.method} {endpoint.path} has no body with {status}, and declares one")
    if text is not None and not models:
        raise TypeError(f"{endpoint.method} {endpoint.path} has a body with {status}, and declares none")
    if text is not None:
        models[0].model_validate_json(text)
