"""A finding as a test case: pasted beside the flow, it fails until the flow is mended."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from ivr.flow.explore.judging import DEAD_AIR
from ivr.flow.explore.search import Finding
from ivr.flow.sim import Given

__all__ = ["as_case", "given_data"]

NAMES = {
    "crash": "breaks at",
    "endless_loop": "comes to no end at",
    "dead_air": "leaves the caller in silence at",
    "lost_caller": "hangs the caller up at",
    "broken_words": "leaves words out at",
}


def as_case(finding: Finding) -> str:
    """YAML of the case, one item of a list."""
    lines = [f"- name: {json.dumps(f'{NAMES[finding.kind]} {finding.element}', ensure_ascii=False)}"]
    given = given_data(finding.given, finding.failing)
    if given:
        lines.append(f"  given: {json.dumps(given, ensure_ascii=False)}")
    steps = finding.script.to_yaml().splitlines()
    if finding.script.steps:
        lines.append("  when:")
        lines += [f"    {line}" for line in steps]
    lines.append(f"  expect: {_expect(finding)}")
    return "\n".join(lines) + "\n"


def _expect(finding: Finding) -> str:
    if finding.kind == "dead_air":
        return f"{{dead_air: {DEAD_AIR:g}s}}"
    if finding.kind == "lost_caller":
        return "{lost: false}"
    if finding.kind == "broken_words":
        return "{notes: []}"
    # A flow that breaks, or that a limit has to end, fails every case that does not expect it.
    return "{}"


def given_data(given: Given, failing: Collection[str] = ()) -> dict[str, Any]:
    """What differs from the usual beginning, as it stands under `given`."""
    usual, found = Given(), {}
    for name in ("caller", "called", "line", "variables", "profile", "settings", "headers", "entry", "seed"):
        value = getattr(given, name)
        if value != getattr(usual, name):
            found[name] = dict(value) if hasattr(value, "items") else value
    if given.time != usual.time:
        found["time"] = given.time.isoformat()
    if given.tags:
        found["tags"] = list(given.tags)
    if given.properties:
        found["properties"] = dict(given.properties)
    if failing:
        found["recordings"] = dict.fromkeys(sorted(failing), "failed")
    return found
