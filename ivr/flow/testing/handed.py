"""Hand-offs of a call beside those that its case expects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ivr.flow.sim import HandedOver, Queued, SimulatedCall
from ivr.flow.testing.differences import shown
from ivr.flow.testing.expected import ExpectedHandOff
from ivr.flow.testing.matching import glob, subset
from ivr.flow.testing.ranges import seconds_text

__all__ = ["fits", "hand_offs", "why", "write"]

HandOff = Queued | HandedOver


def hand_offs(call: SimulatedCall) -> list[HandOff]:
    """All of a call, in their order."""
    found: list[HandOff] = [*call.queued, *call.handed_over]
    return sorted(found, key=lambda each: each.at)


def fits(wanted: ExpectedHandOff, made: HandOff) -> bool:
    """It is as expected."""
    return not why(wanted, made)


def why(wanted: ExpectedHandOff, made: HandOff) -> list[str]:
    """What of it is not."""
    found: list[str] = []
    queued = isinstance(made, Queued)
    for name, want, was in (
        ("at", wanted.at, made.element),
        ("to", wanted.to, _to(made)),
        ("result", wanted.result, _result(made)),
        ("agent", wanted.agent, made.agent if isinstance(made, Queued) else ""),
        ("callback", wanted.callback, made.callback if isinstance(made, Queued) else ""),
    ):
        if want is not None and not glob(want, was):
            found.append(f"{name}: {was or 'none'}, expected {want}")
    priority = made.priority if isinstance(made, Queued) else None
    if wanted.priority is not None and wanted.priority != priority:
        found.append(f"priority: {priority or 'none'}, expected {wanted.priority}")
    waited = made.waited if isinstance(made, Queued) else 0.0
    if wanted.waited is not None and not (queued and wanted.waited.holds(waited)):
        found.append(f"waited: {seconds_text(waited)}, expected {wanted.waited}")
    found += _missing("packet", wanted.packet, made.packet)
    parameters = {} if isinstance(made, Queued) else made.parameters
    found += _missing("parameters", wanted.parameters, parameters)
    return found


def _missing(name: str, wanted: Mapping[str, Any] | None, found: Any) -> list[str]:
    if wanted is None:
        return []
    if not isinstance(found, Mapping):
        return [f"{name}: {shown(found)}, expected {shown(dict(wanted))}"]
    return [
        f"{name}.{key}: {shown(found[key]) if key in found else 'not there'}, expected {shown(want)}"
        for key, want in wanted.items()
        if key not in found or not subset(want, found[key])
    ]


def _to(made: HandOff) -> str:
    return made.queue if isinstance(made, Queued) else made.to


def _result(made: HandOff) -> str:
    return (made.outcome if isinstance(made, Queued) else made.reason) or ""


def write(item: ExpectedHandOff | HandOff) -> str:
    """For people."""
    if isinstance(item, ExpectedHandOff):
        return ": ".join(word for word in (item.to or item.at or "any", item.result) if word)
    return f"{_to(item)}: {_result(item) or 'goes on'}"
