"""Element types that connectors of the configuration add: `crm.send_sms` sends the request that stands there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, WithJsonSchema, create_model, model_validator

from ivr.errors import IvrError
from ivr.flow.elements.base import CALL_ENDED, USER_HUNG_UP, BranchSpec, Element, Run
from ivr.flow.elements.call_api import branch_of, exchange, longest, set_answer
from ivr.flow.elements.http_fields import (
    CONTENT_TYPE,
    MAX_SAVED,
    OWN_HEADERS,
    Retry,
    UnsendableError,
    body_bytes,
    body_template,
    header_text,
    url_text,
)
from ivr.flow.elements.waiting import Filler, filler_spec
from ivr.flow.expressions import CONTEXT_NAMES, Expression, ExpressionError, Template, text_of
from ivr.flow.faults import near
from ivr.flow.jsonpath import JsonPath
from ivr.flow.ports import Request, RequestDone
from ivr.flow.values import (
    EXPRESSION_SCHEMA,
    NumberTemplate,
    TextTemplate,
    ValueTemplate,
    VariableName,
    template_type,
)
from ivr.settings import Connector, ConnectorBranch, ConnectorElement, ConnectorField

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["ConnectorCall", "ConnectorFault", "connector_type"]

STANDARD = (
    BranchSpec("client_error", "The answer is 4XX.", "error"),
    BranchSpec("server_error", "The answer is 5XX.", "error"),
    BranchSpec("error", "No usable answer came."),
    USER_HUNG_UP,
    CALL_ENDED,
)
RESULTS = ("status", "body", "headers", "error", "elapsed", "tries")
SUCCESS = BranchSpec("success", "The answer is 2XX; with `wait: false` always.", success=True)


class ConnectorFault(IvrError):  # noqa: N818 - one of several that are told together
    """What is wrong with an element of a connector, and where."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field
        """Dotted, inside the element."""


@dataclass(frozen=True, slots=True)
class _Way:
    """A branch with its condition."""

    branch: BranchSpec
    statuses: tuple[str, ...] | None
    when: Expression | None


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an element of a connector does, ready to be done."""

    connector: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: Template[str]
    headers: Mapping[str, Template[str]]
    body: Any
    timeout: float
    save: Mapping[str, JsonPath]
    ways: tuple[_Way, ...]


class _Fields:
    """What expressions of a connector see: the fields of the element, and what every flow has; no variables."""

    __slots__ = ("_ctx", "_values", "language")

    def __init__(self, ctx: Session, values: Mapping[str, Any]) -> None:
        self._ctx = ctx
        self._values = values
        self.language = ctx.language

    def read(self, name: str) -> object:
        if name in self._values:
            return self._values[name]
        if name in CONTEXT_NAMES:
            return self._ctx.read(name)
        raise KeyError(name)


class ConnectorCall(Element):
    """What all elements of connectors have. Results: those that the connector names, and `status`, `body`, `headers`,
    `error`, `elapsed`, `tries` as call_api has them."""

    PLAN: ClassVar[_Plan]
    FIELDS: ClassVar[Mapping[str, ConnectorField]] = {}
    NEEDS_CALL = False

    wait: bool = True
    """Wait for the answer."""
    filler: Filler = "music"
    """What the caller hears meanwhile: `music`, `none`, or a prompt that is repeated."""
    retry: Retry | None = None
    """Send it again where it fails."""
    save: Annotated[dict[VariableName, str], Field(max_length=MAX_SAVED)] = Field(default_factory=dict)
    """Variable to the name of a result."""

    @model_validator(mode="after")
    def _consistent(self) -> ConnectorCall:
        known = (*self.PLAN.save, "status")
        for name in self.save.values():
            if name not in known:
                meant = near(name, known)
                raise ValueError(f"there is no result {name}: {meant or ' or '.join(known)}")
        if not self.wait and (self.save or self.retry):
            raise ValueError("save and retry need the answer: leave out wait: false")
        return self

    def sets(self) -> tuple[str, ...]:
        return tuple(self.save)

    def sets_on(self, branch: BranchSpec) -> bool:
        return self.succeeded(branch.name)

    def silent_wait(self) -> float:
        return longest(self.PLAN.timeout, self.retry) if self.filler == "none" and self.wait else 0.0

    def succeeded(self, branch: str) -> bool:
        """Whether a branch is, or falls back to, the one for success."""
        specs = {spec.name: spec for spec in self.BRANCHES}
        while (fallback := specs[branch].fallback) is not None:
            branch = fallback
        return branch == "success"

    def run(self, ctx: Session) -> Run:
        try:
            scope = _Fields(ctx, self._values(ctx))
            request = self._request(ctx, scope)
        except (UnsendableError, ExpressionError) as error:
            ctx.note(f"{self.TYPE}: {error}")
            return self._result(ctx, None, RequestDone(0, error="refused", text=str(error)), 0, secret=False)
        if not self.wait:
            ctx.send(request)
            set_answer(ctx, None, 1, hidden=False)
            return "success"
        done, tries = yield from exchange(ctx, request, self.retry, filler_spec(ctx, self.filler))
        return self._result(ctx, scope, done, tries, request.secret)

    def _values(self, ctx: Session) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name in self.FIELDS:
            value = getattr(self, name)
            found[name] = value.render(ctx).kept() if isinstance(value, Template) else value
        return found

    def _request(self, ctx: Session, scope: _Fields) -> Request:
        plan = self.PLAN
        url, secret = url_text(scope, plan.path)
        headers: dict[str, str] = {}
        for name, template in plan.headers.items():
            headers[name], sensitive = header_text(scope, template)
            secret = secret or sensitive
        body: bytes | None = None
        if plan.body is not None:
            body, content_type, sensitive = body_bytes(scope, plan.body, headers.get(CONTENT_TYPE))
            secret = secret or sensitive
            if content_type is not None:
                headers[CONTENT_TYPE] = content_type
        return Request(ctx.next_id(), plan.method, url, headers, body, plan.timeout, plan.connector, secret)

    def _result(self, ctx: Session, scope: _Fields | None, done: RequestDone, tries: int, secret: bool) -> str:
        results = {name: path.value(done.body) for name, path in self.PLAN.save.items()}
        for variable, name in self.save.items():
            ctx.set_variable(variable, done.status if name == "status" else results[name])
        hidden = secret or any(ctx.is_sensitive(name) for name in self.save)
        set_answer(ctx, done, tries, hidden, results)
        if scope is not None:
            for way in self.PLAN.ways:
                if _taken(way, done, scope, ctx):
                    return way.branch.name
        return branch_of(done)


def _taken(way: _Way, done: RequestDone, scope: _Fields, ctx: Session) -> bool:
    if way.statuses is not None:
        status = str(done.status)
        if status not in way.statuses and f"{status[0]}xx" not in way.statuses:
            return False
    if way.when is None:
        return True
    try:
        return bool(way.when.evaluate(scope).value)
    except ExpressionError as error:
        ctx.note(f"branch {way.branch.name}: {error}")
        return False


# Making the types


def connector_type(name: str, connector: Connector, kind: str, spec: ConnectorElement) -> type[ConnectorCall]:
    """The element type `NAME.KIND`; ConnectorFault where it cannot be one."""
    known = {*spec.fields, *CONTEXT_NAMES}
    plan = _Plan(
        name,
        spec.request.method,
        _read("request.path", known - {"result"}, lambda: Template.parse(spec.request.path, text_of)),
        {
            header.lower(): _header(f"request.headers.{header}", known - {"result"}, header, text)
            for header, text in spec.request.headers.items()
        },
        None
        if spec.request.body is None
        else _read("request.body", known - {"result"}, lambda: body_template(spec.request.body)),
        spec.timeout or connector.timeout,
        {key: _result_path(key, path) for key, path in spec.save.items()},
        tuple(_way(key, branch, known) for key, branch in spec.branches.items()),
    )
    if plan.method == "GET" and plan.body is not None:
        raise ConnectorFault("request.body", "a GET has no body: put the values into the path")
    fields: dict[str, Any] = {key: _field(key, field) for key, field in spec.fields.items()}
    fields["type"] = (str, f"{name}.{kind}")
    model = create_model(
        "".join(part.capitalize() for part in f"{name}.{kind}".replace("-", ".").replace("_", ".").split(".")),
        __base__=ConnectorCall,
        __doc__=spec.description or f"Sends a request to {name}.",
        **fields,
    )
    model.TYPE = f"{name}.{kind}"
    model.BRANCHES = (SUCCESS, *(way.branch for way in plan.ways), *STANDARD)
    model.RESULTS = (*RESULTS, *spec.save)
    model.EXPOSES = dict.fromkeys(spec.fields, "sent")
    model.PLAN = plan
    model.FIELDS = spec.fields
    return model


def _read(field: str, known: set[str], make: Callable[[], Any]) -> Any:
    """What `make` reads of a text, with the names in its expressions checked."""
    try:
        found = make()
    except (IvrError, ValueError) as error:
        raise ConnectorFault(field, str(error)) from None
    for expression in _expressions(found):
        for name in sorted(expression.names - known):
            meant = near(name, known)
            raise ConnectorFault(field, f"there is no field {name}" + (f", did you mean {meant}?" if meant else ""))
    return found


def _result_path(name: str, path: str) -> JsonPath:
    if name in RESULTS:
        raise ConnectorFault(f"save.{name}", "every answer has a result of this name: choose another")
    found: JsonPath = _read(f"save.{name}", set(), lambda: JsonPath(path))
    return found


def _expressions(value: Any) -> Iterator[Expression]:
    if isinstance(value, Expression):
        yield value
    elif isinstance(value, Template):
        yield from value.expressions
    elif isinstance(value, (dict, tuple)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _expressions(item)


def _header(field: str, known: set[str], name: str, text: str) -> Template[str]:
    if name.lower() in OWN_HEADERS:
        raise ConnectorFault(field, "this header belongs to the connection, leave it out")
    found: Template[str] = _read(field, known, lambda: Template.parse(text, text_of))
    return found


def _way(name: str, branch: ConnectorBranch, known: set[str]) -> _Way:
    if name in {"success", *(spec.name for spec in STANDARD)}:
        raise ConnectorFault(f"branches.{name}", "every element of a connector has this branch: choose another name")
    text = branch.when
    when = None if text is None else _read(f"branches.{name}.when", known, lambda: _condition(text))
    told = branch.description or f"The answer is one that {name} is for."
    return _Way(BranchSpec(name, told, branch.fallback), branch.status, when)


def _condition(text: str) -> Expression:
    text = text.strip()
    return Expression(text[2:-2] if text.startswith("{{") and text.endswith("}}") else text)


def _truth(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ValueError("neither true nor false")


_TYPES: dict[str, Any] = {
    "text": TextTemplate,
    "number": NumberTemplate,
    "boolean": Annotated[
        Template[bool], template_type(_truth), WithJsonSchema({"anyOf": [{"type": "boolean"}, EXPRESSION_SCHEMA]})
    ],
    "any": ValueTemplate,
}


def _field(name: str, field: ConnectorField) -> Any:
    """A field of the model: its type and its default."""
    kind = _TYPES[field.type]
    if field.required:
        return kind, Field(description=field.description or None)
    if field.default is None:
        return kind | None, Field(None, description=field.description or None)
    try:
        default = TypeAdapter(kind, config=ConfigDict(arbitrary_types_allowed=True)).validate_python(field.default)
    except ValidationError:
        raise ConnectorFault(f"fields.{name}.default", f"not a value of the type {field.type}") from None
    shown: Any = {"default": field.default} if isinstance(field.default, (str, int, float)) else None
    return kind, Field(default_factory=lambda: default, description=field.description or None, json_schema_extra=shown)
