"""`ivr check`: the configuration and the flows, without starting anything."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click

from ivr.cli.options import config_option, json_option, settings_of
from ivr.errors import ConfigError, FlowLoadError
from ivr.flow.checker import Finding, World, check_flow, finding_of
from ivr.flow.loader import FLOW_SUFFIXES, flow_files, join_flows, load_flow
from ivr.flow.model import Flow
from ivr.settings import Settings, find_config

__all__ = ["command"]

EXIT_FAULTS = 1


@click.command()
@click.argument("flows", metavar="[FLOW]...", nargs=-1)
@config_option
@json_option
@click.pass_context
def command(ctx: click.Context, flows: tuple[str, ...], as_json: bool) -> None:
    """Check the configuration and the flows.

    FLOW is the name of a flow or a file; without one, all flows of the folder are checked. Prints a line for each
    finding: file, line, severity, code, what it is. Only errors make the exit code 1; warnings and notes do not.
    """
    findings: list[Finding] = []
    try:
        settings = settings_of(ctx)
        findings.extend(_unbuilt(settings))
        world = _world(settings)
    except ConfigError as error:
        findings.extend(finding_of(fault, "C001") for fault in error.faults)
        config = find_config(ctx.obj) if Path(ctx.obj or ".").exists() else None
        settings = Settings(flows=config.absolute().parent / "flows" if config is not None else Path("flows"))
        world = World()  # what exists is not known
    found, checked = _check(flows, settings, world)
    findings.extend(found)
    errors = sum(finding.severity == "error" for finding in findings)
    if as_json:
        rows = [dataclasses.asdict(finding) for finding in findings]
        click.echo(json.dumps({"ok": not errors, "flows": checked, "findings": rows}, ensure_ascii=False, indent=2))
    else:
        for finding in findings:
            click.echo(str(finding))
        warnings = sum(finding.severity == "warning" for finding in findings)
        click.echo(f"{checked} flows checked: {_count(errors, 'error')}, {_count(warnings, 'warning')}", err=True)
    ctx.exit(EXIT_FAULTS if errors else 0)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _unbuilt(settings: Settings) -> list[Finding]:
    file = str(settings.source or "")
    return [
        Finding("C002", "warning", file, None, None, None, sentence, "it has no effect yet")
        for sentence in settings.unbuilt()
    ]


def _check(wanted: tuple[str, ...], settings: Settings, world: World) -> tuple[list[Finding], int]:
    """Findings about the flows asked for, and how many flows these are."""
    findings: list[Finding] = []
    files: list[Path] = []
    try:
        files = [_short(path) for path in flow_files(settings.flows)]
    except FlowLoadError as error:
        if not wanted:
            return [finding_of(fault) for fault in error.faults], 0
    chosen = {_file(name, files) for name in wanted} if wanted else set(files)
    files = [path for path in files if path.stem not in {outside.stem for outside in chosen} or path in chosen]
    files.extend(sorted(chosen - set(files)))
    flows: list[Flow] = []
    complete = True
    for path in files:
        try:
            flows.append(load_flow(path, settings.limits))
        except FlowLoadError as error:
            complete = False
            if path in chosen:
                findings.extend(finding_of(fault) for fault in error.faults)
    try:
        join_flows(flows, complete=complete)
    except FlowLoadError as error:
        names = {str(path) for path in chosen}
        findings.extend(finding_of(fault) for fault in error.faults if fault.file in names)
    for flow in flows:
        if flow.source in chosen:
            findings.extend(check_flow(flow, world))
    return findings, len(chosen)


def _file(name: str, files: list[Path]) -> Path:
    """The file of a flow named on the command line: by its name, else by its path."""
    by_name = {path.stem: path for path in files}
    if name in by_name:
        return by_name[name]
    path = Path(name)
    if path.suffix in FLOW_SUFFIXES and path.is_file():
        known = {known.resolve(): known for known in files}
        return known.get(path.resolve(), path)
    raise click.UsageError(f"there is no flow {name}; there are {', '.join(by_name) or 'none'}")


def _short(path: Path) -> Path:
    """A path as a person in this folder writes it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _world(settings: Settings) -> World:
    folder = settings.prompts

    def exists(name: str) -> bool:
        return (folder / name).is_file()

    return World(exists, settings.lines, settings.phones, settings.agents)
