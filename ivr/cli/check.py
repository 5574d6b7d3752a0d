"""`ivr check`: the configuration and the flows, without starting anything."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import click

from ivr.cli.case_findings import case_findings
from ivr.cli.explaining import list_codes, print_code
from ivr.cli.lengths import wav_seconds
from ivr.cli.options import config_option, json_option, settings_of
from ivr.errors import ConfigError, Fault, FlowLoadError
from ivr.flow.custom import usable_types
from ivr.flow.lint import Finding, World, check_flows, finding_of
from ivr.flow.lint.figures import Figures, Way, figures
from ivr.flow.lint.questions import MOST_WAYS, paths_to
from ivr.flow.loader import FLOW_SUFFIXES, flow_files, join_flows, load_flow
from ivr.flow.model import Flow
from ivr.flow.sim.speech import SpeechModel
from ivr.settings import (
    Settings,
    find_config,
    keys_in_clear,
    mailboxes_without_mail,
    open_lines,
    open_to_fraud,
    sounds_without_file,
)
from ivr.versions.checking import world_of

__all__ = ["command"]

EXIT_FAULTS = 1
MINUTE = 60


@dataclasses.dataclass(frozen=True, slots=True)
class _Loaded:
    """Files that were looked at."""

    flows: list[Flow]
    """Those that hold."""
    chosen: set[Path]
    """Files that were asked for."""
    faults: list[Finding]
    """What refuses some of these."""

    @property
    def wanted(self) -> list[Flow]:
        """Flows that hold and were asked for."""
        return [flow for flow in self.flows if flow.source in self.chosen]


@click.command()
@click.argument("flows", metavar="[FLOW]...", nargs=-1)
@click.option(
    "--format",
    "style",
    type=click.Choice(["text", "json", "sarif"]),
    default="text",
    help="How findings are printed; sarif is SARIF 2.1.0, for code hosts and editors.",
)
@click.option(
    "--explain",
    metavar="[CODE]",
    is_flag=False,
    flag_value="",
    help="Say what a finding means, with an example and how to mend it; without CODE list all.",
)
@click.option("--paths-to", metavar="ELEMENT", help="Say which ways lead to an element, the shortest first.")
@click.option("--flow", "of", metavar="FLOW", help="Flow of that element, where several have one of this name.")
@click.option(
    "--most", type=click.IntRange(1, 1000), default=MOST_WAYS, show_default=True, help="Ways that are shown at most."
)
@click.option(
    "--figures", "with_figures", is_flag=True, help="Say how long callers need to a person, and how deep the menus go."
)
@config_option
@json_option
@click.pass_context
def command(
    ctx: click.Context,
    flows: tuple[str, ...],
    style: str,
    explain: str | None,
    paths_to: str | None,
    of: str | None,
    most: int,
    with_figures: bool,
    as_json: bool,
) -> None:
    """Check the configuration and the flows.

    FLOW is the name of a flow or a file; without one, all flows of the folder are checked. Prints a line for each
    finding: file, line, severity, code, what it is, how to mend it, and the way that shows it. Only errors make the
    exit code 1; warnings and notes do not. `# ivr: allow CODE reason` in a line of a flow allows a finding there.
    """
    if explain is not None:
        if explain:
            print_code(explain, as_json)
        else:
            list_codes(as_json)
        return
    if of is not None and paths_to is None:
        raise click.UsageError("--flow goes with --paths-to")
    findings: list[Finding] = []
    try:
        settings = _settings(ctx, findings)
        findings.extend(_in_clear(settings))
        findings.extend(_open(settings))
        findings.extend(_unreached(settings))
        findings.extend(finding_of(fault, "C001") for fault in usable_types(settings)[1])
        world = _world(settings)
        findings.extend(_silent(settings, world))
    except ConfigError as error:
        findings.extend(finding_of(fault, "C001") for fault in error.faults)
        config = find_config(ctx.obj) if Path(ctx.obj or ".").exists() else None
        settings = Settings(flows=config.absolute().parent / "flows" if config is not None else Path("flows"))
        world = World()  # what exists is not known
    loaded = _load((*flows, of) if of is not None and flows else flows, settings)
    if paths_to is not None:
        ctx.exit(_answer_paths(loaded, paths_to, of, most, as_json))
    if with_figures:
        ctx.exit(_answer_figures(loaded, world.speech, as_json))
    found = check_flows(loaded.flows, world, [flow.name for flow in loaded.wanted])
    findings.extend(loaded.faults)
    findings.extend(finding for each in found.values() for finding in each)
    findings.extend(case_findings(loaded.flows, loaded.chosen, None if flows else _short(settings.flows)))
    _print(findings, "json" if as_json else style, len(loaded.chosen))
    ctx.exit(EXIT_FAULTS if any(finding.severity == "error" for finding in findings) else 0)


# Findings


def _print(findings: list[Finding], style: str, checked: int) -> None:
    errors = sum(finding.severity == "error" for finding in findings)
    if style == "json":
        rows = [dataclasses.asdict(finding) for finding in findings]
        _echo({"ok": not errors, "flows": checked, "findings": rows})
    elif style == "sarif":
        from ivr.cli.sarif import sarif

        _echo(sarif(findings))
    else:
        for finding in findings:
            click.echo(str(finding))
        warnings = sum(finding.severity == "warning" for finding in findings)
        click.echo(f"{checked} flows checked: {_count(errors, 'error')}, {_count(warnings, 'warning')}", err=True)


def _echo(data: Any) -> None:
    click.echo(json.dumps(data, ensure_ascii=False, indent=2))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _settings(ctx: click.Context, findings: list[Finding]) -> Settings:
    """The configuration, with a finding for each secret that is nowhere; ConfigError where it does not hold else."""
    try:
        return settings_of(ctx, need_secrets=True)
    except ConfigError as error:
        faults = error.faults
    others: Sequence[Fault] = ()
    try:
        return settings_of(ctx)
    except ConfigError as error:
        others = error.faults
        raise
    finally:
        missing = (finding_of(fault, "C004") for fault in faults if fault not in others)
        findings.extend(dataclasses.replace(finding, severity="warning") for finding in missing)


def _in_clear(settings: Settings) -> list[Finding]:
    file = str(settings.source or "")
    return [Finding("C005", "warning", file, None, None, None, said, "TLS") for said in keys_in_clear(settings)]


def _open(settings: Settings) -> list[Finding]:
    file = str(settings.source or "")
    return [
        Finding("C006", "warning", file, None, None, None, said, "the peer's networks alone")
        for said in open_lines(settings)
    ] + [
        Finding("C007", "warning", file, None, None, None, said, "limits, or what is meant alone")
        for said in open_to_fraud(settings)
    ]


def _unreached(settings: Settings) -> list[Finding]:
    file = str(settings.source or "")
    said = mailboxes_without_mail(settings)
    return [Finding("C008", "warning", file, None, None, None, sentence, "mail: {server: …}") for sentence in said]


def _silent(settings: Settings, world: World) -> list[Finding]:
    file = str(settings.source or "")
    said = sounds_without_file(settings, world.prompt_exists) if world.prompt_exists is not None else []
    return [Finding("C009", "warning", file, None, None, None, each, "put it into the folder") for each in said]


# Files


def _load(wanted: Iterable[str], settings: Settings) -> _Loaded:
    """The flows of the folder, with those asked for, which may stand elsewhere."""
    wanted = tuple(wanted)
    findings: list[Finding] = []
    files: list[Path] = []
    try:
        files = [_short(path) for path in flow_files(settings.flows)]
    except FlowLoadError as error:
        if not wanted:
            return _Loaded([], set(), [finding_of(fault) for fault in error.faults])
    chosen = {_file(name, files) for name in wanted} if wanted else set(files)
    files = [path for path in files if path.stem not in {outside.stem for outside in chosen} or path in chosen]
    files.extend(sorted(chosen - set(files)))
    types, _ = usable_types(settings)
    flows: list[Flow] = []
    complete = True
    for path in files:
        try:
            flows.append(load_flow(path, settings.limits, types))
        except FlowLoadError as error:
            complete = False
            if path in chosen:
                findings.extend(finding_of(fault) for fault in error.faults)
    try:
        join_flows(flows, complete=complete)
    except FlowLoadError as error:
        names = {str(path) for path in chosen}
        findings.extend(finding_of(fault) for fault in error.faults if fault.file in names)
    return _Loaded(flows, chosen, findings)


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
    return dataclasses.replace(world_of(settings), speech=SpeechModel(files=wav_seconds(settings.prompts)))


# Questions


def _answer_paths(loaded: _Loaded, element: str, of: str | None, most: int, as_json: bool) -> int:
    """Print the ways to an element; the exit code."""
    flows = [flow for flow in loaded.flows if element in flow.elements and (of is None or _named(flow, of))]
    if of is None and len(flows) > 1:
        flows = [flow for flow in flows if flow.source in loaded.chosen]
    if _say_faults(loaded) or not flows:
        where = f"the flow {of}" if of is not None else "any flow"
        raise click.UsageError(f"there is no element {element} in {where}")
    answers = [(flow, paths_to(flow, element, most)) for flow in flows]
    if as_json:
        _echo(
            [
                {"flow": flow.name, "paths": [[dataclasses.asdict(stage) for stage in way] for way in ways]}
                for flow, ways in answers
            ]
        )
    else:
        for flow, ways in answers:
            for way in ways:
                click.echo(f"{flow.name}: {' > '.join(map(str, way))}")
            if not ways:
                click.echo(f"{flow.name}: nothing leads to {element}")
            elif len(ways) == most:
                click.echo(f"{flow.name}: the {most} shortest ways; there may be more (--most)", err=True)
    return 0 if all(ways for _, ways in answers) else EXIT_FAULTS


def _named(flow: Flow, name: str) -> bool:
    return flow.name == name or (flow.source is not None and str(flow.source) == name)


def _say_faults(loaded: _Loaded) -> bool:
    for finding in loaded.faults:
        click.echo(str(finding), err=True)
    return bool(loaded.faults) and not loaded.wanted


def _answer_figures(loaded: _Loaded, speech: SpeechModel, as_json: bool) -> int:
    """Print figures; the exit code."""
    known = {flow.name: flow for flow in loaded.flows}
    rows = [row for flow in loaded.wanted for row in figures(flow, known, speech)]
    _say_faults(loaded)
    if as_json:
        _echo(
            {
                "words_per_minute": speech.words_per_minute,
                "figures": [dataclasses.asdict(row) for row in rows],
            }
        )
    else:
        for row in rows:
            for line in _figure_lines(row):
                click.echo(line)
        click.echo(
            f"speech is taken to have {speech.words_per_minute:g} words a minute, sound of unknown length "
            f"{speech.other:g} s; what lies in a loop counts once",
            err=True,
        )
    return EXIT_FAULTS if loaded.faults else 0


def _figure_lines(row: Figures) -> Iterable[str]:
    yield f"{row.flow} from {row.entry}:"
    if row.least is None or row.heard is None or row.longest is None:
        yield "  no way to a person"
    else:
        yield f"  to a person, at the least:     {_way(row.least)}"
        yield f"  to a person, hearing prompts:  {_way(row.heard)}"
        yield f"  to a person, at the longest:   {_way(row.longest)}"
    menus = f"{row.depth.amount:.0f} deep" if row.depth.amount else "none to pass"
    path = f"  ({' > '.join(row.depth.path)})" if row.depth.amount else ""
    yield f"  menus: {row.menus}, {menus}{path}"


def _way(way: Way) -> str:
    return f"{_time(way.amount):>8}  ({' > '.join(way.path)})"


def _time(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < MINUTE else f"{whole // MINUTE} m {whole % MINUTE:02} s"
