"""Element types besides the built-in ones: of Python packages (entry points) and of connectors (the configuration).

    types = element_types(settings)
    parse_flow(text, name, types=types)

Their names have a dot in them (`crm.send_sms`, `loyalty.points`), so that none ever meets a built-in one. A package
names a class in the entry point group `ivr.elements`; the name of the entry point is the name of the type:

    [project.entry-points."ivr.elements"]
    "loyalty.points" = "ivr_loyalty:PointsElement"

What such a class is made of can be imported from here. It is run inside the machine, with all calls: it must not
block. It asks the world by :func:`exchange`, and waits by `yield`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from ivr import yamlpos
from ivr.errors import ConfigError, Fault
from ivr.flow.elements import ELEMENTS
from ivr.flow.elements.base import CALL_ENDED, NEXT, USER_HUNG_UP, BranchSpec, CallOver, Element, Run
from ivr.flow.elements.call_api import branch_of, exchange
from ivr.flow.elements.connector import ConnectorFault, connector_type
from ivr.flow.elements.http_fields import Retry
from ivr.flow.elements.prompts import PromptField, play_prompt
from ivr.flow.elements.waiting import Filler, Meanwhile, filler_spec
from ivr.flow.expressions import ExpressionError, Template
from ivr.flow.ports import Request, RequestDone
from ivr.flow.session import Session
from ivr.flow.values import (
    DigitsStr,
    Duration,
    DurationTemplate,
    NumberTemplate,
    TextTemplate,
    ValueTemplate,
    VariableName,
)
from ivr.settings import Settings

__all__ = [
    "BUILT_IN",
    "CALL_ENDED",
    "GROUP",
    "NEXT",
    "USER_HUNG_UP",
    "BranchSpec",
    "CallOver",
    "DigitsStr",
    "Duration",
    "DurationTemplate",
    "Element",
    "ElementTypes",
    "ExpressionError",
    "Filler",
    "Meanwhile",
    "NumberTemplate",
    "PromptField",
    "Request",
    "RequestDone",
    "Retry",
    "Run",
    "Session",
    "Template",
    "TextTemplate",
    "ValueTemplate",
    "VariableName",
    "branch_of",
    "element_types",
    "exchange",
    "filler_spec",
    "installed_types",
    "play_prompt",
    "usable_types",
]

GROUP = "ivr.elements"
"""Entry points whose classes are element types."""

_TYPE = re.compile(r"[a-z][a-z0-9_-]{0,63}(\.[a-z][a-z0-9_-]{0,63})+", re.ASCII)


@dataclass(frozen=True, slots=True)
class ElementTypes:
    """The element types that flows may use."""

    models: Mapping[str, type[Element]]
    """By their names."""
    broken: Mapping[str, str] = field(default_factory=dict)
    """Types that are there and cannot be used, with the reason: a fault where a flow uses one."""


BUILT_IN = ElementTypes(ELEMENTS)
"""Those of the language itself."""


@cache
def installed_types() -> ElementTypes:
    """The types of the Python packages that are installed here."""
    models: dict[str, type[Element]] = {}
    broken: dict[str, str] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda point: (point.name, point.value)):
        if point.name in models:
            broken[point.name] = "two packages have an element type of this name"
            continue
        try:
            models[point.name] = _loaded(point)
        except Exception as error:  # a package may raise anything while it is imported
            broken[point.name] = f"{point.value} cannot be used: {type(error).__name__}: {str(error)[:200]}"
    return ElementTypes({name: model for name, model in models.items() if name not in broken}, broken)


def _loaded(point: EntryPoint) -> type[Element]:
    if not _TYPE.fullmatch(point.name):
        raise ValueError("the name of a type has a dot in it: package.name, in small letters")
    model = point.load()
    if not isinstance(model, type) or not issubclass(model, Element):
        raise TypeError("not a class of elements")
    if point.name != model.TYPE:
        raise ValueError(f"its TYPE is {model.TYPE!r}")
    return model


def element_types(settings: Settings) -> ElementTypes:
    """All types: built-in ones, those of packages, those of the connectors; ConfigError where one of these is wrong."""
    types, faults = usable_types(settings)
    if faults:
        raise ConfigError(faults)
    return types


def usable_types(settings: Settings) -> tuple[ElementTypes, list[Fault]]:
    """The types that can be used, and what is wrong with the elements of connectors."""
    installed = installed_types()
    models: dict[str, type[Element]] = {**ELEMENTS, **installed.models}
    broken = dict(installed.broken)
    wrong: list[tuple[tuple[str, ...], str]] = []
    for name, connector in settings.connectors.items():
        for kind, spec in connector.elements.items():
            path = ("connectors", name, "elements", kind)
            if f"{name}.{kind}" in installed.models:
                wrong.append((path, "a package has an element type of this name"))
                continue
            try:
                models[f"{name}.{kind}"] = connector_type(name, connector, kind, spec)
            except ConnectorFault as error:
                wrong.append(((*path, *error.field.split(".")), str(error)))
                broken[f"{name}.{kind}"] = "the configuration of this element type is wrong"
    return ElementTypes(models, broken), _faults(settings.source, wrong)


def _faults(source: Path | None, wrong: list[tuple[tuple[str, ...], str]]) -> list[Fault]:
    """Faults with their lines in the configuration, where it can still be read."""
    document: Any = None
    if source is not None and wrong:
        try:
            document = yamlpos.load(source.read_bytes(), tags={"!secret": lambda name: name})
        except OSError:
            document = None
    found = []
    for path, text in wrong:
        mark = document.mark(path) if document is not None else None
        message, _, expected = text.partition(": ")
        line = mark.line if mark else None
        found.append(Fault(message, str(source or ""), line, field=".".join(path), expected=expected or None))
    return sorted(found, key=lambda fault: fault.line or 0)
