"""Other systems that flows use by name: `connectors` (HTTP services) and `mail` (an SMTP server).

Addresses and secrets stand here, so that they stand in no flow.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from ivr.settings.values import Digits, Duration, Secret, Section

__all__ = [
    "Connector",
    "ConnectorBranch",
    "ConnectorElement",
    "ConnectorField",
    "ConnectorRequest",
    "MailSettings",
    "Name",
]

MAX_TIMEOUT = 120.0
"""Seconds for one answer; no caller waits longer."""

MAX_NAMES = 50
"""Elements of a connector, and fields, results and branches of one of them."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}", re.ASCII)
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)
_ADDRESS = re.compile(r"[^\s<>@,;:\"\\]+@[^\s<>@,;:\"\\]+")

OWN_NAMES = frozenset({"type", "next", "branches", "save", "wait", "filler", "timeout", "retry", "self", "run"})
"""Fields that every connector element has anyway, and names that an element's class needs."""


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("not a name: letters, digits, _ and -, a letter first")
    return value


def _field_name(value: str) -> str:
    if not _FIELD.fullmatch(value):
        raise ValueError("not the name of a field: small letters, digits and _, a letter first")
    if value in OWN_NAMES or value.startswith("model_"):
        raise ValueError("every element has this name itself: choose another")
    return value


def _header(value: str) -> str:
    if not _HEADER.fullmatch(value):
        raise ValueError("not the name of a header")
    return value


def _base_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        usable = bool(parts.hostname) and parts.scheme in ("http", "https") and parts.port != 0
    except ValueError:
        usable = False
    if not usable or parts.query or parts.fragment:
        raise ValueError("not a base URL: like https://crm.example/api/")
    if parts.username is not None:
        raise ValueError("no secrets in the URL: use user and password, or token")
    return value if value.endswith("/") else f"{value}/"


def _statuses(value: object) -> object:
    if value is None:
        return None
    found = value if isinstance(value, (list, tuple)) else [value]
    for each in found:
        if isinstance(each, bool) or not (
            (isinstance(each, int) and 200 <= each < 600) or each in ("2xx", "3xx", "4xx", "5xx")
        ):
            raise ValueError("not a status: 404, 4xx, or a list of such")
    return tuple(str(each) for each in found)


Name = Annotated[str, AfterValidator(_name)]
FieldName = Annotated[str, AfterValidator(_field_name)]
HeaderName = Annotated[str, AfterValidator(_header)]


class ConnectorField(Section):
    """A field of an element that a connector adds."""

    type: Literal["text", "number", "boolean", "any"] = "text"
    """What may stand there, besides an expression that gives it."""
    description: str = ""
    """For the documentation and for editors."""
    required: bool = False
    """Flows must name it."""
    default: Any = None
    """Where a flow leaves it out."""


class ConnectorRequest(Section):
    """The request that such an element sends. Expressions in it see the fields of the element by their names."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    path: str = ""
    """What follows the connector's base URL."""
    headers: dict[HeaderName, str] = Field(default_factory=dict)
    body: Any = None
    """A mapping goes as JSON, or as a form where a header content-type says so; text goes as it is."""


class ConnectorBranch(Section):
    """A way out of such an element, besides success, client_error, server_error and error."""

    description: str = ""
    status: Annotated[
        tuple[str, ...] | None, BeforeValidator(_statuses, json_schema_input_type=int | str | list[int | str])
    ] = None
    """Statuses of the answer for which it is taken: 404, 4xx, or a list."""
    when: str | None = None
    """Expression over `result` that must hold, too."""
    fallback: Literal["success", "client_error", "server_error", "error"] = "error"
    """Branch that flows which do not name this one take instead."""

    @model_validator(mode="after")
    def _some_condition(self) -> ConnectorBranch:
        if self.status is None and self.when is None:
            raise ValueError("needs status or when")
        return self


class ConnectorElement(Section):
    """An element type that a connector adds to the language of flows: `CONNECTOR.NAME`."""

    description: str = ""
    """What it does: a sentence or two."""
    fields: dict[FieldName, ConnectorField] = Field(default_factory=dict, max_length=MAX_NAMES)
    """What flows say."""
    request: ConnectorRequest = ConnectorRequest()
    """What is sent."""
    save: dict[FieldName, str] = Field(default_factory=dict, max_length=MAX_NAMES)
    """Results: name to JSONPath in the answer; flows read `result.NAME`."""
    branches: dict[FieldName, ConnectorBranch] = Field(default_factory=dict, max_length=MAX_NAMES)
    """Further ways out, the first that fits is taken."""
    timeout: Annotated[Duration, Field(gt=0, le=MAX_TIMEOUT)] | None = None
    """Instead of the connector's."""


class Connector(Section):
    """An HTTP service: call_api names it as `connector`, and its elements are types of their own."""

    url: Annotated[str, AfterValidator(_base_url)]
    """Base URL; what flows ask for stays below it."""
    headers: dict[HeaderName, Secret] = Field(default_factory=dict)
    """Sent with each request."""
    user: Digits | None = None
    """For Basic authentication."""
    password: Secret | None = None
    token: Secret | None = None
    """Sent as a Bearer token."""
    timeout: Annotated[Duration, Field(gt=0, le=MAX_TIMEOUT)] = 10.0
    """Longest time of one request, redirects included; a flow may ask for less."""
    elements: dict[Name, ConnectorElement] = Field(default_factory=dict, max_length=MAX_NAMES)
    """Element types."""

    @model_validator(mode="after")
    def _one_credential(self) -> Connector:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password go together")
        if self.user is not None and self.token is not None:
            raise ValueError("either user and password, or token")
        for value in self.headers.values():
            if any(ord(sign) < 32 or ord(sign) == 127 for sign in value.get_secret_value()):
                raise ValueError("a header's value has line breaks in it")
        return self


class MailSettings(Section):
    """The SMTP server that mails of flows go through."""

    server: str
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Default: 587, with `tls: tls` 465, with `tls: none` 25."""
    tls: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is made safe; `none` only for a server on this host or a safe network."""
    user: str | None = None
    password: Secret | None = None
    from_: Annotated[str, Field(alias="from")]
    """Sender: an address, or `Name <address>`."""
    timeout: Annotated[Duration, Field(gt=0, le=MAX_TIMEOUT)] = 20.0
    """For each step of the exchange with the server."""

    @field_validator("from_")
    @classmethod
    def _sender(cls, value: str) -> str:
        address = value.rpartition("<")[2].removesuffix(">")
        if not _ADDRESS.fullmatch(address) or not value.isprintable():
            raise ValueError("not an address: like ivr@example.com or Front desk <ivr@example.com>")
        return value

    @model_validator(mode="after")
    def _safe(self) -> MailSettings:
        if (self.user is None) != (self.password is None):
            raise ValueError("user and password go together")
        return self
