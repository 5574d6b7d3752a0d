"""Elements of flows, made of what a document says."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from ivr.flow.control import literal
from ivr.flow.elements.base import ELEMENTS, Element
from ivr.flow.twiml.document import TwimlError

__all__ = ["fixed", "made", "registered"]


def fixed(value: Any) -> Any:
    """A value that is no expression, whatever stands in it."""
    return literal(value) if isinstance(value, str) else value


def registered(kind: str) -> type[Element]:
    """The element of a type, which is known once all of them are read."""
    found = ELEMENTS.get(kind)
    if found is None:
        raise TwimlError(f"{kind} is not there", 12200)
    return found


def made(kind: type[Element], fields: dict[str, Any]) -> Any:
    """An element with these fields; TwimlError where one of them does not hold."""
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        raise TwimlError(f"{'.'.join(map(str, found['loc']))}: {found['msg']}", 12200) from None
