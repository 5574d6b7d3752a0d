"""What the elements of one flow say of each other: branches, targets, entries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ivr.errors import Fault
from ivr.flow.elements.base import Element
from ivr.flow.faults import near
from ivr.flow.positions import Places

__all__ = ["reference_faults"]


def reference_faults(elements: Mapping[str, Element], written: Mapping[str, Any], places: Places) -> Iterator[Fault]:
    """Faults of reference; `written` has the names of all elements, also of those that could not be read."""
    for name, data in written.items():
        element = elements.get(name)
        if element is None:
            yield from _raw_target_faults(name, data, written, places)
            continue
        yield from _branch_faults(name, element, places)
        yield from _target_faults(name, element, written, places)
    if len(elements) == len(written) and not any(element.ENTRY for element in elements.values()):
        yield places.fault(
            ("elements",),
            "nothing starts this flow",
            expected="an element of type start_incoming_call, start_from_flow or start_from_audience",
        )


def _branch_faults(name: str, element: Element, places: Places) -> Iterator[Fault]:
    specs = {spec.name: spec for spec in element.branch_specs()}
    own = element.own_targets()
    success = next((spec.name for spec in specs.values() if spec.success), None)
    for branch in element.branches:
        path: tuple[str | int, ...] = ("elements", name, "branches", branch)
        if branch in own:
            field = element.own_path(branch)
            yield places.fault(path, f"the element for {branch} is named in {field}, leave it out here")
        elif branch not in specs:
            known = [spec for spec in specs if spec not in own]
            meant = near(branch, known)
            yield places.fault(
                path,
                f"{element.type} has no such branch, did you mean {meant}?"
                if meant
                else f"{element.type} has no such branch",
                found=branch,
                expected=None if meant else f"one of {', '.join(known)}",
            )
    if element.next is None:
        return
    path = ("elements", name, "next")
    if success is None:
        known = [spec for spec in specs if spec not in own]
        yield places.fault(path, "this element has no next", expected=f"branches: {', '.join(known)}")
    elif success in element.branches or success in own:
        yield places.fault(path, f"next is short for {success}, which is named too: leave out one of them")


def _target_faults(name: str, element: Element, written: Mapping[str, Any], places: Places) -> Iterator[Fault]:
    named: list[tuple[tuple[str | int, ...], str]] = [
        *((("branches", branch), target) for branch, target in element.branches.items()),
        *((_parts(element.own_path(branch)), target) for branch, target in element.own_targets().items()),
    ]
    if element.next is not None:
        named.append((("next",), element.next))
    yield from _missing(name, named, written, places)


def _raw_target_faults(name: str, data: Any, written: Mapping[str, Any], places: Places) -> Iterator[Fault]:
    """The same for an element that has other faults and could not be read."""
    if not isinstance(data, dict):
        return
    named: list[tuple[tuple[str | int, ...], str]] = [
        ((field, key), target)
        for field in ("branches", "responses")
        if isinstance(data.get(field), dict)
        for key, target in data[field].items()
        if isinstance(target, str)
    ]
    if isinstance(data.get("next"), str):
        named.append((("next",), data["next"]))
    yield from _missing(name, named, written, places)


def _missing(
    name: str, named: list[tuple[tuple[str | int, ...], str]], written: Mapping[str, Any], places: Places
) -> Iterator[Fault]:
    for path, target in named:
        if target not in written:
            meant = near(target, written)
            text = f"there is no such element, did you mean {meant}?" if meant else "there is no such element"
            yield places.fault(("elements", name, *path), text, found=target)


def _parts(field: str) -> tuple[str | int, ...]:
    """A dotted field as a path; the items of a list of conditions are counted."""
    head, *rest = field.split(".")
    if head != "responses":
        return (head, *(int(part) if part.isdecimal() else part for part in rest))
    return (head, *rest)
