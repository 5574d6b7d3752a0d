"""Fields of elements that send HTTP requests: URL, headers, body, what is kept of the answer, retries.

Each makes text and bytes of the values of a call. A value in the midst of a URL is percent-encoded, one in XML escaped,
and so on: what a caller typed never changes what is asked for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from typing import Annotated, Any, Literal
from urllib.parse import quote, quote_plus, urlencode
from xml.sax.saxutils import escape

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from ivr.errors import IvrError
from ivr.flow.expressions import Names, Rendered, Template, text_of
from ivr.flow.jsonpath import JsonPath, JsonPathError
from ivr.flow.values import Duration, SentenceError

__all__ = [
    "CONTENT_TYPE",
    "MAX_HEADERS",
    "MAX_SAVED",
    "Body",
    "HeaderName",
    "JsonPathField",
    "Retry",
    "SendableHeader",
    "UnsendableError",
    "body_bytes",
    "body_template",
    "header_text",
    "url_text",
]

MAX_URL = 4_000
"""Characters of a URL once its values are in it: servers and proxies refuse about twice as many."""

MAX_BODY = 256 * 1024
"""Bytes of a body."""

MAX_HEADER = 2_000
"""Characters of a header's value."""

MAX_HEADERS = 30
"""Headers that one element sends."""

MAX_SAVED = 50
"""Values that one element keeps of an answer."""

MAX_DEPTH = 20
"""Mappings and lists inside one another in a body."""

MAX_BACKOFF = 60.0
"""Seconds before a further try, however many there were: a caller is waiting."""

OWN_HEADERS = frozenset(
    {
        "accept-encoding", "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization",
        "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade",
    }
)  # fmt: skip
"""Headers that belong to the connection: a flow that set them could make two requests of one."""

CONTENT_TYPE = "content-type"
JSON, FORM, TEXT = "application/json", "application/x-www-form-urlencoded", "text/plain; charset=utf-8"

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}", re.ASCII)
_UNSENDABLE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class UnsendableError(IvrError):
    """No request can be made of the values of this call; the text says why, without showing them."""


# Fields


def _header(value: str) -> str:
    if not _TOKEN.fullmatch(value):
        raise ValueError("not the name of a header")
    return value


def _sendable(value: str) -> str:
    if _header(value).lower() in OWN_HEADERS:
        raise ValueError("this header belongs to the connection, leave it out")
    return value


def _json_path(value: object) -> object:
    if isinstance(value, JsonPath):
        return value
    if not isinstance(value, str):
        raise ValueError("must be text")
    try:
        return JsonPath(value)
    except JsonPathError as error:
        raise SentenceError(str(error)) from None


def body_template(value: object, depth: int = 0) -> object:
    """A body with a template for each value in it."""
    if depth > MAX_DEPTH:
        raise ValueError(f"nested too deep: at most {MAX_DEPTH} levels")
    if isinstance(value, dict):
        return {str(key): body_template(item, depth + 1) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(body_template(item, depth + 1) for item in value)
    if isinstance(value, Template):
        return value
    try:
        return Template.parse(value)
    except IvrError as error:
        raise SentenceError(str(error)) from None


HeaderName = Annotated[str, AfterValidator(_header)]
"""Name of a header that is read."""

SendableHeader = Annotated[str, AfterValidator(_sendable)]
"""Name of a header that a flow may set."""

JsonPathField = Annotated[Any, BeforeValidator(_json_path), WithJsonSchema({"type": "string", "pattern": r"^\s*\$"})]
"""JSONPath to a single value."""

Body = Annotated[Any, BeforeValidator(body_template), WithJsonSchema({})]
"""What is sent: a mapping or list with expressions anywhere in it, or text."""


class Retry(BaseModel):
    """When a request is sent again."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    times: Annotated[int, Field(ge=1, le=10)] = 2
    """Further tries."""
    wait: Annotated[Duration, Field(le=MAX_BACKOFF)] = 1.0
    """Before the first further try."""
    backoff: Annotated[float, Field(ge=1, le=10)] = 2.0
    """Factor by which the wait grows from try to try, up to 60 s."""
    after: Annotated[tuple[Literal["network", "5xx"], ...], Field(min_length=1)] = ("network", "5xx")
    """`network`: no answer, or none in time. `5xx`: the server failed."""

    def pause(self, tries: int) -> float:
        """Seconds before the next try, after so many."""
        return min(self.wait * self.backoff ** (tries - 1), MAX_BACKOFF)


# What is sent


def url_text(scope: Names, url: Template[str]) -> Rendered:
    """The URL of a request; UnsendableError or ExpressionError where there is none."""
    found = url.quoted(scope, _url_part, first=False)
    text = found.value.strip()
    if len(text) > MAX_URL or not text.isprintable():
        raise UnsendableError("the URL is too long or holds signs that no URL has")
    return Rendered(text, found.sensitive)


def _form_part(text: str) -> str:
    return quote_plus(text, errors="replace")


def _url_part(text: str) -> str:
    if text in (".", ".."):
        raise UnsendableError("a value in the URL is a path of its own: . or ..")
    return quote(text, safe="", errors="replace")


def header_text(scope: Names, value: Template[str]) -> Rendered:
    """The value of a header."""
    found = value.render(scope)
    text = text_of(found.value).strip()
    if len(text) > MAX_HEADER or _UNSENDABLE.search(text):
        raise UnsendableError("a header's value is too long or has line breaks in it")
    return Rendered(text, found.sensitive)


def body_bytes(scope: Names, body: Any, content_type: str | None) -> tuple[bytes | None, str | None, bool]:
    """A body as it is sent, the content type where the flow names none, and whether it is sensitive."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if isinstance(body, Template) and not body.alone and (writer := _writer(kind)) is not None:
        found = body.quoted(scope, writer)
    else:
        found = _rendered(scope, body)
    value, default = found.value, TEXT
    if value is None:
        return None, None, found.sensitive
    if isinstance(value, (Mapping, list, tuple)):
        if kind == FORM:
            data = _form(value)
        elif not kind or kind == JSON or kind.endswith("+json"):
            data, default = _json(value), JSON
        else:
            raise UnsendableError("a mapping or list is sent as JSON or as a form, not as another content type")
    elif not isinstance(value, str) and (not kind or kind == JSON):
        data, default = _json(value), JSON
    else:
        data = text_of(value).encode("utf-8", "replace")
    if len(data) > MAX_BODY:
        raise UnsendableError(f"the body is longer than {MAX_BODY} bytes")
    return data, None if content_type else default, found.sensitive


def _writer(kind: str) -> Callable[[str], str] | None:
    """How a value is written inside a text of this type."""
    if kind == FORM:
        return _form_part
    if kind == JSON or kind.endswith("+json"):
        return lambda text: json.dumps(text)[1:-1]
    if kind in ("application/xml", "text/xml") or kind.endswith("+xml"):
        return lambda text: escape(text, {'"': "&quot;", "'": "&apos;"})
    return None


def _rendered(scope: Names, body: Any) -> Rendered:
    if isinstance(body, Mapping):
        fields = {key: _rendered(scope, item) for key, item in body.items()}
        return Rendered(
            {key: field.value for key, field in fields.items()}, any(field.sensitive for field in fields.values())
        )
    if isinstance(body, tuple):
        items = [_rendered(scope, item) for item in body]
        return Rendered([item.value for item in items], any(item.sensitive for item in items))
    found: Rendered = body.render(scope)
    return found


def _json(value: Any) -> bytes:
    try:
        return json.dumps(value, default=_plain, allow_nan=False, ensure_ascii=False).encode("utf-8", "replace")
    except (TypeError, ValueError, RecursionError):
        raise UnsendableError("the body cannot be written as JSON") from None


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat()
    raise TypeError


def _form(value: Any) -> bytes:
    if not isinstance(value, Mapping):
        raise UnsendableError("a form is a mapping of names to values")
    pairs = [
        (name, text_of(item))
        for name, items in value.items()
        for item in (items if isinstance(items, (list, tuple)) else [items])
    ]
    return urlencode(pairs, errors="replace").encode()
