"""`ivr doctor`: what could keep calls from working here, and what to do about it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import click

from ivr.cli.doctor.finding import Finding
from ivr.cli.options import config_option, json_option, settings_of
from ivr.settings import Settings

__all__ = ["command"]

AREAS: Final = ("host", "clock", "ports", "certificates", "nat", "lines", "audio", "loop")
MARKS: Final = {"ok": "ok", "warning": "warn", "fault": "FAULT", "skipped": "skip"}
COLOURS: Final = {"ok": "green", "warning": "yellow", "fault": "red", "skipped": None}


@click.command("doctor")
@click.option("--only", "only", type=click.Choice(AREAS), multiple=True, help="Look at this area alone; several times.")
@click.option("--without", "without", type=click.Choice(AREAS), multiple=True, help="Leave this area out.")
@json_option
@config_option
@click.pass_context
def command(ctx: click.Context, only: tuple[str, ...], without: tuple[str, ...], as_json: bool) -> None:
    """Check this machine and this configuration: host, clock, ports, certificates, NAT, lines, speech, and a loop call.

    The loop call goes over loopback to a daemon of its own: a tone in both directions, keys as telephone-events, by SIP
    INFO and as tones, for each codec. What runs already is left alone. Exit code 1 where something is at fault.
    """
    settings = settings_of(ctx, need_secrets=True)
    areas = [area for area in AREAS if (not only or area in only) and area not in without]
    findings = []
    for finding in _checks(settings, areas):
        findings.append(finding)
        if not as_json:
            _print(finding)
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(finding) for finding in findings], indent=2))
    else:
        _summary(findings)
    if any(finding.status == "fault" for finding in findings):
        ctx.exit(1)


def _checks(settings: Settings, areas: Iterable[str]) -> Iterator[Finding]:
    from ivr.cli.doctor.host import clock_checks, host_checks
    from ivr.cli.doctor.lines import line_checks
    from ivr.cli.doctor.loop import loop_checks
    from ivr.cli.doctor.network import certificate_checks, nat_checks
    from ivr.cli.doctor.ports import daemon_answers, port_checks
    from ivr.cli.doctor.speech import speech_checks

    running = daemon_answers(settings)
    checks: dict[str, Callable[[], Iterator[Finding]]] = {
        "host": lambda: host_checks(settings),
        "clock": clock_checks,
        "ports": lambda: port_checks(settings, running),
        "certificates": lambda: certificate_checks(settings),
        "nat": lambda: nat_checks(settings),
        "lines": lambda: line_checks(settings, running),
        "audio": lambda: speech_checks(settings),
        "loop": lambda: loop_checks(settings),
    }
    for area in areas:
        yield from checks[area]()


def _print(finding: Finding) -> None:
    mark = click.style(f"{MARKS[finding.status]:<5}", fg=COLOURS[finding.status], bold=finding.status == "fault")
    click.echo(f"{mark}  {finding.area:<12}  {finding.what:<30}  {finding.found}")
    if finding.advice:
        click.echo(f"{' ' * 7}{'':<12}  {'':<30}  -> {finding.advice}")


def _summary(findings: list[Finding]) -> None:
    faults = sum(finding.status == "fault" for finding in findings)
    warnings = sum(finding.status == "warning" for finding in findings)
    click.echo(f"\n{len(findings)} checks, {faults} at fault, {warnings} to look at")
