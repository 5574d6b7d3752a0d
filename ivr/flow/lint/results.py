"""Which element's `result` an element can see: the last one before it that gives results, on each way there."""

from __future__ import annotations

from collections.abc import Mapping

from ivr.flow.elements.start import StartFromFlowElement
from ivr.flow.lint.view import View

__all__ = ["NOTHING", "UNKNOWN", "givers"]

NOTHING = ""
"""No element on this way has given results yet."""

UNKNOWN = "?"
"""The result may be one of another flow."""


def givers(view: View) -> Mapping[str, frozenset[str]]:
    """For every element that can be reached: the elements whose results may be there when it begins."""
    found: dict[str, set[str]] = {}
    todo: list[tuple[str, frozenset[str]]] = []
    for name, _ in view.starts:
        foreign = isinstance(view.flow.elements[name], StartFromFlowElement)
        todo.append((name, frozenset({UNKNOWN if foreign else NOTHING})))
    while todo:
        name, coming = todo.pop()
        known = found.setdefault(name, set())
        if coming <= known and known:
            continue
        known |= coming
        results = view.flow.elements[name].RESULTS
        leaving = frozenset(known) if results == () else frozenset({name})
        # An end of the call under the element leaves the result of the one before.
        todo.extend(
            (edge.target, leaving | known if edge.session_over else leaving)
            for edge in view.leaving[name]
            if edge.target is not None
        )
    return {name: frozenset(known) for name, known in found.items()}
