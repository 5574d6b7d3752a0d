"""What `ivr test` prints and writes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ivr.errors import IvrError
from ivr.flow.sim import tell
from ivr.flow.testing import Difference, FlowCoverage, Outcome, junit
from ivr.flow.testing.coverage import missing as missed

if TYPE_CHECKING:
    from ivr.cli.test import Run

__all__ = ["print_cases", "print_coverage", "print_json", "write_junit"]

GOOD, FAIR = 90.0, 60.0
"""Percent from which coverage is shown green, and yellow."""

BAR = 20
"""Characters of a bar that shows a percentage."""


class ReportError(IvrError):
    """A report cannot be written."""


def print_cases(run: Run, elapsed: float, verbose: bool) -> None:
    """What became of the cases: a line for each flow, the differences of those that failed, and how many there were."""
    flows: dict[str, list[Outcome]] = {}
    for outcome, _ in run.outcomes:
        flows.setdefault(outcome.case.file, []).append(outcome)
    for file, outcomes in flows.items():
        failed = sum(not outcome.passed for outcome in outcomes)
        head = click.style(f"{failed} of {len(outcomes)} failed", fg="red") if failed else click.style("ok", fg="green")
        click.echo(f"{file}: {_count(len(outcomes), 'case')}, {head}")
        for outcome in outcomes:
            if not outcome.passed:
                _print_failure(outcome, verbose)
            elif verbose:
                click.echo(f"  {click.style('ok', fg='green')}    {outcome.case.name} {_virtual(outcome)}")
    for fault in run.faults:
        click.echo(click.style(str(fault), fg="red"), err=True)
    total, failed = len(run.outcomes), run.failed
    words = [f"{total - failed} passed"]
    words += [click.style(f"{failed} failed", fg="red")] if failed else []
    words += [click.style(_count(len(run.faults), "fault") + " in files of cases", fg="red")] if run.faults else []
    click.echo(f"{_count(total, 'case')}: {', '.join(words)} in {elapsed:.2f} s")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _virtual(outcome: Outcome) -> str:
    call = outcome.call
    return click.style(f"({call.cause or 'no call'} after {call.duration:.1f} s)", dim=True)


def _print_failure(outcome: Outcome, verbose: bool) -> None:
    case = outcome.case
    click.echo(f"  {click.style('FAILED', fg='red')} {click.style(case.name, bold=True)} {_virtual(outcome)}")
    for difference in outcome.differences:
        click.echo(f"    {case.file}:{difference.line}: {click.style(difference.text, fg='yellow')}")
        for line in difference.details:
            click.echo(f"      {_tinted(line)}")
    if verbose:
        click.echo("    what happened:")
        for told in tell(outcome.call):
            click.echo(click.style(f"      {told}", dim=True))


def _tinted(line: str) -> str:
    return click.style(line, fg="red") if line.startswith((">", "≠")) else line


# Coverage


def print_coverage(run: Run, missing: bool) -> None:
    """A table of the branches that were taken, and where it is asked for those that were not."""
    chosen = [coverage.flows[name] for coverage, names in run.coverage for name in sorted(names)]
    width = max([len(found.flow.name) for found in chosen] + [5])
    click.echo()
    click.echo(f"{'flow':<{width}}  {'elements':>10}  {'branches':>10}")
    for found in chosen:
        _print_row(found.flow.name, width, *_figures(found))
        if missing:
            for line in missed(found):
                click.echo(f"  {click.style(line, dim=True)}")
    if len(chosen) > 1:
        totals = [sum(column) for column in zip(*map(_figures, chosen), strict=True)]
        _print_row("total", width, *totals)


def _figures(found: FlowCoverage) -> tuple[int, int, int, int]:
    elements = len(found.flow.elements)
    return elements - len(found.unvisited), elements, found.hit, len(found.branches)


def _print_row(name: str, width: int, entered: int, elements: int, hit: int, branches: int) -> None:
    percent = 100.0 * hit / branches if branches else 100.0
    colour = "green" if percent >= GOOD else "yellow" if percent >= FAIR else "red"
    filled = int(percent * BAR / 100)
    bar = "█" * filled + "░" * (BAR - filled)
    text = f"{name:<{width}}  {entered:>4} of {elements:>2}  {hit:>4} of {branches:>2}  {int(percent):>3} %  "
    click.echo(text + click.style(bar, fg=colour))


# For programs


def print_json(run: Run, elapsed: float) -> None:
    """Everything as JSON."""
    document = {
        "ok": bool(run.outcomes) and not run.failed and not run.faults,
        "cases": len(run.outcomes),
        "failed": run.failed,
        "seconds": round(elapsed, 4),
        "percent": round(run.percent, 1),
        "results": [_result(outcome, seconds) for outcome, seconds in run.outcomes],
        "faults": [{"file": fault.file, "line": fault.line, "text": str(fault)} for fault in run.faults],
        "coverage": [_coverage(coverage.flows[name]) for coverage, names in run.coverage for name in sorted(names)],
    }
    click.echo(json.dumps(document, ensure_ascii=False, indent=2))


def _result(outcome: Outcome, seconds: float) -> dict[str, Any]:
    case, call = outcome.case, outcome.call
    return {
        "flow": case.flow,
        "name": case.name,
        "file": case.file,
        "line": case.line,
        "passed": outcome.passed,
        "seconds": round(seconds, 6),
        "call_seconds": round(call.duration, 3),
        "ended_by": call.cause,
        "path": call.path,
        "differences": [_difference(difference) for difference in outcome.differences],
    }


def _difference(difference: Difference) -> dict[str, Any]:
    return {
        "kind": difference.kind,
        "line": difference.line,
        "text": difference.text,
        "details": list(difference.details),
        "expected": difference.expected,
        "actual": difference.actual,
    }


def _coverage(found: FlowCoverage) -> dict[str, Any]:
    entered, elements, hit, branches = _figures(found)
    return {
        "flow": found.flow.name,
        "elements": elements,
        "entered": entered,
        "branches": branches,
        "taken": hit,
        "percent": round(found.percent, 1),
        "never_entered": list(found.unvisited),
        "never_taken": [{"element": edge.source, "branch": edge.branch} for edge in found.missed],
    }


def write_junit(run: Run, file: Path) -> None:
    """Write the outcomes for programs that show test results."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(junit(run.outcomes, run.faults))
    except OSError as error:
        raise ReportError(f"{file} cannot be written: {error.strerror}") from None
