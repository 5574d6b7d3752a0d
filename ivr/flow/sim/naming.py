"""How scripts and test cases name elements."""

from __future__ import annotations

from ivr.flow.trace import Step

__all__ = ["SEPARATOR", "same_element"]

SEPARATOR = "/"
"""Between flow and element: a sign that neither name can have."""


def same_element(wanted: str, step: Step) -> bool:
    """Whether a step is the element named, as `element` or `flow/element`."""
    if step.element == wanted:
        return True
    flow, separator, element = wanted.rpartition(SEPARATOR)
    return bool(separator) and step.element == element and step.flow == flow
