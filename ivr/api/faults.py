"""What is wrong with a request, in the words and places of who wrote it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from ivr.api.problems import ProblemError
from ivr.errors import Fault
from ivr.flow.faults import near, wording

__all__ = ["refusal", "validated"]

MAX_FAULTS = 20
"""Of one answer."""
MAX_SHOWN = 80
"""Characters of a wrong value that a fault repeats."""

_OBJECT = ("dict_type", "model_type", "model_attributes_type")

T = TypeVar("T", bound=BaseModel)


def validated(model: type[T], data: Any, *, text: bool = False) -> T:
    """Data as a model; a problem (422) with every fault where they are none. `text`: all values came as text."""
    try:
        return model.model_validate(data) if text else model.model_validate_json(json.dumps(data))
    except ValidationError as error:
        raise _problem(model, data, error.errors(include_url=False, include_input=True)) from None


def refusal(field: str, text: str, *, found: str | None = None, expected: str | None = None) -> ProblemError:
    """A problem (422) with one field that a model could not know of."""
    return _told([Fault(text, field=field, found=found, expected=expected)])


def _problem(model: type[BaseModel], data: Any, errors: Sequence[ErrorDetails]) -> ProblemError:
    found: dict[str, list[Fault]] = {}
    for error in errors:
        fault = _fault(model, data, error)
        found.setdefault(fault.field or "", []).append(fault)
    # One that takes several shapes gives an error for each of them.
    return _told([_joined(faults) for faults in found.values()])


def _told(faults: Sequence[Fault]) -> ProblemError:
    shown = faults[:MAX_FAULTS]
    errors = [
        {name: value for name in ("field", "text", "found", "expected") if (value := getattr(fault, name)) is not None}
        for fault in shown
    ]
    first = shown[0]
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    field = {"field": first.field} if first.field else {}
    return ProblemError(422, f"{first}{more}", None, **field, faults=[str(fault) for fault in shown], errors=errors)


def _joined(faults: list[Fault]) -> Fault:
    first = faults[0]
    if len(faults) == 1:
        return first
    expected = " or ".join(dict.fromkeys(fault.expected for fault in faults if fault.expected))
    text = first.text if len({fault.text for fault in faults}) == 1 else "not a value of this field"
    return Fault(text, field=first.field, found=first.found, expected=expected or None)


def _fault(model: type[BaseModel], data: Any, error: ErrorDetails) -> Fault:
    path, value = _place(error["loc"], data)
    field = ".".join(map(str, path)) or None
    if error["type"] == "missing":
        return Fault("is missing", field=".".join(map(str, (*path, error["loc"][-1]))))
    if error["type"] == "extra_forbidden":
        known = _known(model, path[:-1])
        meant = near(str(path[-1]), known)
        text = f"unknown key, did you mean {meant}?" if meant else "unknown key"
        return Fault(text, field=field, expected=None if meant or not known else f"one of {', '.join(known)}")
    text, expected = wording(error, value if isinstance(value, str) else None)
    if error["type"] in _OBJECT:
        text, expected = "must be an object", "an object"
    found = None if not path or _is_secret(model, path) else _shown(value)  # of the whole nothing would help
    return Fault(text, field=field, found=found, expected=expected)


def _is_secret(model: type[BaseModel], path: Sequence[str | int]) -> bool:
    """Whether what is at a path is nothing to repeat: a secret of the model itself."""
    fields = (field for name, field in model.model_fields.items() if path and path[0] in (name, field.alias))
    return any(_holds_secret(field.annotation) for field in fields)


def _holds_secret(kind: Any) -> bool:
    return kind is SecretStr or any(_holds_secret(part) for part in get_args(kind))


def _shown(value: Any) -> str | None:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    shown = value if isinstance(value, str) else json.dumps(value)
    if not shown:
        return None
    return shown if len(shown) <= MAX_SHOWN else shown[:MAX_SHOWN] + "…"


def _place(loc: Sequence[str | int], data: Any) -> tuple[tuple[str | int, ...], Any]:
    """Way in the data, and what is there, of a location of pydantic's, which names members of unions, too."""
    path: list[str | int] = []
    for part in loc:
        try:
            data = data[part]
        except (KeyError, IndexError, TypeError):
            continue
        path.append(part)
    return tuple(path), data


def _known(model: type[BaseModel], path: Sequence[str | int]) -> list[str]:
    """Keys of the object at a path; empty where that is not plain to see."""
    return [] if path else [field.alias or name for name, field in model.model_fields.items()]
