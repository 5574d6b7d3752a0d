"""What of a running flow decides how it goes on: two calls in the same state have the same future.

Time is left out, and so are counters of visits: a call that comes back to a state it was in is in a loop. This reads
the inside of the machine, which nobody else needs to know.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from datetime import date, datetime, time
from typing import Any

from ivr.flow.expressions import Sensitive
from ivr.flow.machine import Machine

__all__ = ["state_of"]

MAX_DEPTH = 8
"""Mappings inside one another that are told apart."""


def state_of(machine: Machine, decisive: frozenset[str]) -> Hashable:
    """The state; `decisive` names the variables that may decide where a call goes."""
    ctx = machine._ctx
    step = machine.steps[-1]
    return (
        step.flow,
        step.element,
        ctx.cause,
        ctx.answered,
        ctx.early,
        ctx.interruptible_before,
        tuple(key.digit for key in ctx.keys),
        tuple(ctx.tags),
        _variables(ctx.variables, ctx.flow.variables, decisive),
        _frozen(ctx.result) if "result" in decisive else None,
        _frozen(ctx.profile) if "profile" in decisive else None,
        tuple(
            (frame.flow.name, frame.name, _variables(frame.variables, frame.flow.variables, decisive))
            for frame in machine._way.frames
        ),
    )


def _variables(values: Mapping[str, Any], defaults: Mapping[str, Any], decisive: frozenset[str]) -> Hashable:
    """Variables that differ from their defaults."""
    return frozenset(
        (name, _frozen(value)) for name, value in values.items() if name in decisive and value is not defaults.get(name)
    )


def _frozen(value: Any, depth: int = 0) -> Hashable:
    if type(value) is Sensitive:
        return _frozen(value.value, depth)
    if isinstance(value, (str, int, type(None))):
        return value
    if isinstance(value, float):
        return round(value, 1)
    if isinstance(value, (datetime, date, time)):
        return "moment"
    if depth >= MAX_DEPTH:
        return "deep"
    if isinstance(value, Mapping):
        return tuple(sorted((str(key), repr(_frozen(item, depth + 1))) for key, item in value.items()))
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(item, depth + 1) for item in value)
    return repr(value)
