"""`ivr test --explore`: flows walked by the explorer, and what it found."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ivr.flow.explore import Finding, Report
    from ivr.flow.model import FlowSet
    from ivr.flow.sim import Configured

__all__ = ["DEFAULT_SECONDS", "explore_flows"]

DEFAULT_SECONDS = 20.0
"""Time for each flow: the example flows need less, and nobody waits longer at a desk."""

EXIT_FAULTS = 1
MISSED_SHOWN = 12
"""Branches that were not taken which are named."""


def explore_flows(
    flows: FlowSet,
    names: Sequence[str],
    surroundings: Configured | None,
    *,
    seconds: float = DEFAULT_SECONDS,
    as_json: bool = False,
) -> int:
    """Explore the flows named (all of them where none is), print what was found, and give the exit code.

    `seconds` is the time for each flow.
    """
    from ivr.flow.explore import Bounds, explore

    reports = []
    for name in names or list(flows):
        stop = time.monotonic() + seconds
        bounds = Bounds(out_of_time=lambda stop=stop: time.monotonic() > stop)  # type: ignore[misc]
        begun = time.monotonic()
        report = explore(flows[name], flows, surroundings, bounds)
        reports.append((report, time.monotonic() - begun))
        if not as_json:
            _print(report, time.monotonic() - begun)
    if as_json:
        click.echo(json.dumps([_data(report, took) for report, took in reports], indent=2, default=str))
    found = {_place(finding) for report, _ in reports for finding in report.findings}
    if not as_json and len(reports) > 1:
        click.echo(f"{len(reports)} flows, {_count(len(found), 'fault')}")
    return EXIT_FAULTS if found else 0


def _print(report: Report, took: float) -> None:
    from ivr.flow.explore import as_case

    runs = f"{report.runs} calls in {took:.1f} s, {report.states} states"
    walked = report.coverage.flows[report.flow]
    end = "nothing is left to try" if report.complete else "not all was tried: give it more --seconds"
    click.echo(f"{report.flow}: {_count(len(report.findings), 'fault')} ({runs}; {end})")
    missed = [f"{edge.source} {edge.branch}" for edge in walked.missed]
    rest = f"; not: {', '.join(missed[:MISSED_SHOWN])}" if missed else ""
    more = f" and {len(missed) - MISSED_SHOWN} more" if len(missed) > MISSED_SHOWN else ""
    click.echo(f"  {walked.hit} of {len(walked.branches)} branches were taken{rest}{more}")
    for finding in report.findings:
        place = finding.element if finding.flow == report.flow else f"{finding.flow}/{finding.element}"
        click.echo(f"\n  {finding.kind.replace('_', ' ')} at {place}: {finding.text}")
        for line in as_case(finding).splitlines():
            click.echo(f"    {line}")
    if report.findings:
        click.echo("")


def _data(report: Report, took: float) -> dict[str, Any]:
    from ivr.flow.explore import as_case, given_data

    walked = report.coverage.flows[report.flow]
    return {
        "flow": report.flow,
        "calls": report.runs,
        "states": report.states,
        "seconds": round(took, 3),
        "complete": report.complete,
        "branches": {
            "taken": walked.hit,
            "all": len(walked.branches),
            "missed": [[edge.source, edge.branch] for edge in walked.missed],
        },
        "findings": [
            {
                "kind": finding.kind,
                "flow": finding.flow,
                "element": finding.element,
                "text": finding.text,
                "given": given_data(finding.given, finding.failing),
                "script": finding.script.data(),
                "path": list(finding.path),
                "ended_by": finding.ended_by,
                "case": as_case(finding),
            }
            for finding in report.findings
        ],
    }


def _place(finding: Finding) -> tuple[str, str, str]:
    return finding.kind, finding.flow, finding.element


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number or 'no'} {what}s"
