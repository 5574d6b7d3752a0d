"""The OpenAPI 3.1 document of the interface, made from what its endpoints declare."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.json_schema import models_json_schema

from ivr import __version__
from ivr.api.endpoints import Endpoint, File, Model, Query, Raw
from ivr.api.serving import KEY_HEADER, UNLIMITED
from ivr.store import SCOPES

__all__ = ["USUAL_PROBLEMS", "Problem", "document"]

INTRODUCTION = """\
Bodies and answers are JSON, times seconds since the epoch (UTC), lengths of time seconds. Errors are
`application/problem+json` (RFC 9457).
"""
PARAMETERS = {
    "id": "Of what is asked for, as it was answered when it was made.",
    "name": "Name in the configuration.",
    "number": "A number.",
    "flow": "Name of a flow.",
}
"""Names in paths, where an endpoint does not say what they mean there."""
USUAL_PROBLEMS = {
    400: "The body is not JSON.",
    401: "No token, or one that is not good.",
    403: "The token lacks the scope.",
    404: "There is nothing of that name.",
    409: f"Another request has this {KEY_HEADER}.",
    413: "The body is too large.",
    415: "The body is of another type.",
    422: "The request does not say what it should.",
    412: "It is not as `If-Match` or `If-None-Match` says.",
    429: "Too many requests: the same again after `Retry-After` seconds.",
    503: "Not now (the store, or a limit): the same again after `Retry-After` seconds.",
}
"""Of many endpoints."""


class Problem(Model):
    """What went wrong (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

    type: str
    """`about:blank`: the status says it."""
    title: str
    """Of the status."""
    status: int
    detail: str
    """What is wrong, as a sentence."""
    field: str = ""
    """The key of the body, or of the query, that is wrong first."""
    faults: list[str] = Field(default_factory=list)
    """All that is wrong, in sentences."""
    errors: list[dict[str, str]] = Field(default_factory=list)
    """The same for programs: `field`, `text`, `found`, `expected`."""


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """The document, as JSON. ValueError where two endpoints are the same, or two models have one name."""
    references, components = _schemas(endpoints)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        methods = paths.setdefault(endpoint.plain_path, {})
        if endpoint.method.lower() in methods:
            raise ValueError(f"{endpoint.method} {endpoint.plain_path} stands there twice")
        methods[endpoint.method.lower()] = _operation(endpoint, references)
    names = {name: _short(name) for name in components}
    if len(set(names.values())) < len(names):
        raise ValueError(f"models of one name: {', '.join(name for name in names if name != names[name])}")
    tags = dict.fromkeys(_tag(endpoint) for endpoint in endpoints)
    made = {
        "openapi": "3.1.0",
        "info": {"title": "ivr", "version": __version__, "description": INTRODUCTION},
        "tags": [{"name": tag} for tag in tags],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "Made by `ivr token create`."}
            },
        },
    }
    text = json.dumps(made)
    for name, short in names.items():
        if name != short:
            text = text.replace(f'"{name}"', f'"{short}"').replace(f'/{name}"', f'/{short}"')
    found: dict[str, Any] = json.loads(text)
    return found


def _short(name: str) -> str:
    """The name of a model, without the modules that it brings along where another has the same: one of the
    configuration says so."""
    module, _, short = name.rpartition("__")
    return f"{short}Settings" if module.startswith("ivr__settings") else short


def _schemas(endpoints: Sequence[Endpoint]) -> tuple[Mapping[type[BaseModel], dict[str, Any]], dict[str, Any]]:
    models: dict[type[BaseModel], None] = {Problem: None}
    for endpoint in endpoints:
        body = endpoint.body.model if isinstance(endpoint.body, Raw) else endpoint.body
        answers = [answer for status in endpoint.answers for answer in endpoint.answers_of(status)]
        for model in (body, endpoint.query, *answers):
            if isinstance(model, type):
                models[model] = None
    found, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/components/schemas/{model}"
    )
    return {model: found[model, "validation"] for model in models}, definitions["$defs"]


def _operation(endpoint: Endpoint, references: Mapping[type[BaseModel], dict[str, Any]]) -> dict[str, Any]:
    told = [endpoint.description] if endpoint.description else []
    if endpoint.scope is not None:
        told.append(f"Scope: `{endpoint.scope}` ({SCOPES.get(endpoint.scope, 'as its name says')}).")
        if endpoint.own:
            told.append("A token of the role `agent` is good for what concerns its own agent.")
        if endpoint.local is True:
            told.append("Programs of this machine need no token.")
    operation: dict[str, Any] = {
        "operationId": _name(endpoint),
        "tags": [_tag(endpoint)],
        "summary": endpoint.summary,
        "description": "\n\n".join(told),
        "security": [] if endpoint.scope is None else [{"token": []}, *([{}] if endpoint.local else [])],
        "responses": _responses(endpoint, references),
    }
    if parameters := _parameters(endpoint):
        operation["parameters"] = parameters
    if (body := endpoint.body) is not None:
        types = body.types if isinstance(body, Raw) else ("application/json",)
        model = body.model if isinstance(body, Raw) else body
        content = {
            kind: {"schema": references[model] if kind == "application/json" and model else {"type": "string"}}
            for kind in types
        }
        operation["requestBody"] = {"required": not endpoint.optional, "content": content}
    return operation


def _parameters(endpoint: Endpoint) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, pattern in endpoint.names.items():
        schema = {"type": "integer"} if pattern.startswith(r"\d") else {"type": "string"}
        if pattern and schema["type"] == "string":
            schema["pattern"] = f"^(?:{pattern})$"
        told = endpoint.parameters.get(name) or PARAMETERS.get(name, "")
        found.append({"name": name, "in": "path", "required": True, "description": told, "schema": schema})
    if endpoint.query is not None:
        found.extend(_query(endpoint.query))
    if endpoint.takes_key in ("kept", "own"):
        found.append(
            {
                "name": KEY_HEADER,
                "in": "header",
                "required": False,
                "description": "The same request with the same key is carried out once.",
                "schema": {"type": "string", "maxLength": 128},
            }
        )
    if endpoint.conditional:
        found.append(_header("If-Match", "`ETag` of what is to be changed: 412 where somebody else has changed it."))
        if endpoint.method == "PUT":
            found.append(_header("If-None-Match", "`*`: 412 where it is there already."))
    return found


def _header(name: str, told: str) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": False, "description": told, "schema": {"type": "string"}}


def _query(model: type[Query]) -> list[dict[str, Any]]:
    schema = model.model_json_schema()
    needed = schema.get("required", ())
    found = []
    for name, wanted in schema.get("properties", {}).items():
        told = wanted.pop("description", "")
        # What is left out has no value: there is no way to say null in a query.
        kinds = [kind for kind in wanted.pop("anyOf", ()) if kind.get("type") != "null"]
        wanted |= kinds[0] if len(kinds) == 1 else {"anyOf": kinds} if kinds else {}
        if wanted.get("default", "") is None:
            del wanted["default"]
        found.append({"name": name, "in": "query", "required": name in needed, "description": told, "schema": wanted})
    return found


def _responses(endpoint: Endpoint, references: Mapping[type[BaseModel], dict[str, Any]]) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status in endpoint.answers:
        told: list[str] = []
        content: dict[str, Any] = {}
        for model in endpoint.answers_of(status):
            if isinstance(model, File):
                schema = {} if model.type.endswith("json") else {"type": "string", "contentMediaType": model.type}
                content[model.type] = {"schema": schema}
                told.append(model.description or "The file.")
            else:
                content["application/json"] = {"schema": references[model]}
                told.append(" ".join((model.__doc__ or "The answer.").strip().partition("\n\n")[0].split()))
        responses[str(status)] = {"description": " ".join(told) or "Done.", **({"content": content} if content else {})}
    if endpoint.is_tagged:
        responses["304"] = {"description": "What `If-None-Match` names is still right."}
    problem = {"application/problem+json": {"schema": references[Problem]}}
    for status, when in sorted({**_usual(endpoint), **endpoint.problems}.items()):
        known = responses.get(str(status), {"description": when})
        responses[str(status)] = {**known, "content": {**known.get("content", {}), **problem}}
    responses["default"] = {"description": "Any other problem.", "content": problem}
    return responses


def _usual(endpoint: Endpoint) -> dict[int, str]:
    """Problems of every endpoint of this kind."""
    statuses: list[int] = []
    if endpoint.scope is not None:
        statuses += [401, 403, 503]
    if endpoint.body is not None:
        statuses += [413, 415]
    if endpoint.body is not None and not (isinstance(endpoint.body, Raw) and endpoint.body.model is None):
        statuses.append(400)
    if endpoint.body is not None or endpoint.query is not None:
        statuses.append(422)
    if endpoint.names:
        statuses.append(404)
    if endpoint.takes_key in ("kept", "own"):
        statuses += [409, 422]
    if endpoint.conditional:
        statuses.append(412)
    if endpoint.plain_path not in UNLIMITED:
        statuses.append(429)
    return {status: USUAL_PROBLEMS[status] for status in statuses}


def _name(endpoint: Endpoint) -> str:
    words = [part.strip("{}") for part in endpoint.plain_path.removeprefix("/v1").replace(".", "/").split("/") if part]
    return "_".join([endpoint.method.lower(), *words]).replace("-", "_")


def _tag(endpoint: Endpoint) -> str:
    path = endpoint.plain_path
    tag = path.split("/")[2].partition(".")[0] if path.startswith("/v1/") else "operation"
    return "operation" if tag in ("docs", "openapi") else tag
