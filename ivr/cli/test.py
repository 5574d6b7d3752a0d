"""`ivr test`: the cases beside the flows."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivr.cli.options import config_option, json_option, settings_of
from ivr.cli.surroundings import surroundings_of
from ivr.errors import Fault

if TYPE_CHECKING:
    from ivr.flow.model import FlowSet
    from ivr.flow.sim import Configured
    from ivr.flow.spoken import Languages
    from ivr.flow.testing import Case, Coverage, Outcome
    from ivr.settings import Settings

__all__ = ["Run", "command", "languages_of", "run_tests"]

EXIT_FAULTS = 1


@dataclass(slots=True)
class Run:
    """What was run, and what came of it."""

    outcomes: list[tuple[Outcome, float]] = field(default_factory=list)
    """Cases with the seconds they took."""
    faults: list[Fault] = field(default_factory=list)
    """What is wrong with files of cases."""
    coverage: list[tuple[Coverage, list[str]]] = field(default_factory=list)
    """What was walked of the flows of a folder, and the flows that were asked for."""

    @property
    def failed(self) -> int:
        """Cases that did not pass."""
        return sum(not outcome.passed for outcome, _ in self.outcomes)

    @property
    def percent(self) -> float:
        """Share of the branches that were taken, of all flows asked for."""
        from ivr.flow.testing.coverage import share

        chosen = [coverage.flows[name] for coverage, names in self.coverage for name in names]
        return share(sum(flow.hit for flow in chosen), sum(len(flow.branches) for flow in chosen))


@click.command("test")
@click.argument("what", metavar="[FLOW|FILE|FOLDER]...", nargs=-1)
@click.option("-k", "names", metavar="NAME", multiple=True, help="Only cases with this in their name.")
@click.option("--coverage", "-C", is_flag=True, help="Tell how many branches of each flow were taken.")
@click.option("--missing", "-m", is_flag=True, help="With the branches that were not.")
@click.option(
    "--fail-under",
    metavar="PERCENT",
    type=click.FloatRange(0, 100),
    help="Exit code 1 where fewer branches were taken, of all flows together.",
)
@click.option(
    "--junit",
    "junit_file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the outcomes as JUnit XML, too.",
)
@click.option("--explore", is_flag=True, help="Walk the flows through all they can do, instead of running cases.")
@click.option("--seconds", type=click.FloatRange(min=0.1), metavar="N", help="With --explore: time for each flow.")
@click.option("--verbose", "-v", is_flag=True, help="Name the cases that pass, and tell the calls of those that fail.")
@json_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    what: tuple[str, ...],
    names: tuple[str, ...],
    coverage: bool,
    missing: bool,
    fail_under: float | None,
    junit_file: Path | None,
    explore: bool,
    seconds: float | None,
    verbose: bool,
    as_json: bool,
) -> None:
    """Run the test cases of flows: simulated calls, in no time and without a sound.

    The cases of the flow reception are in reception.test.yaml beside it. Without an argument those of all flows of the
    folder are run; FLOW is the name of a flow, FILE one of flows or of cases, FOLDER one with both.

    With --explore no cases are needed: every branch, silence and hang-up at every element is tried, and what breaks,
    goes round for ever, leaves a caller in silence or loses him is told with the shortest script that shows it.
    """
    from ivr.cli import cases as report

    settings = settings_of(ctx)
    if explore:
        ctx.exit(_explore(settings, what, seconds, as_json))
    began = time.perf_counter()
    run = run_tests(settings, what, names)
    elapsed = time.perf_counter() - began
    if junit_file is not None:
        report.write_junit(run, junit_file)
    if as_json:
        report.print_json(run, elapsed)
    else:
        report.print_cases(run, elapsed, verbose)
        if coverage or missing or fail_under is not None:
            report.print_coverage(run, missing)
    enough = fail_under is None or run.percent >= fail_under
    if not enough:
        click.echo(f"only {run.percent:.1f} % of the branches were taken, {fail_under:g} % are asked for", err=True)
    if not run.outcomes and not run.faults:
        click.echo("no case was run", err=True)
    ctx.exit(0 if run.outcomes and not run.failed and not run.faults and enough else EXIT_FAULTS)


def _explore(settings: Settings, what: tuple[str, ...], seconds: float | None, as_json: bool) -> int:
    """Walk flows by the explorer; the exit code."""
    from ivr.cli.exploring import DEFAULT_SECONDS, explore_flows

    code = 0
    for folder in _folders(settings, what, [], tests=False):
        flows, surroundings = _loaded(settings, folder.path)
        names = folder.flows or [*flows]
        code |= explore_flows(flows, names, surroundings, seconds=seconds or DEFAULT_SECONDS, as_json=as_json)
    return code


# What to run


@dataclass(slots=True)
class _Folder:
    """A folder of flows, and which of its tests to run."""

    path: Path
    files: list[Path] = field(default_factory=list)
    flows: list[str] = field(default_factory=list)


def run_tests(settings: Settings, what: tuple[str, ...] = (), names: tuple[str, ...] = ()) -> Run:
    """Run the cases of what is named on the command line; FlowLoadError where their flows cannot be loaded."""
    from ivr.flow.testing import Coverage

    run = Run()
    for folder in _folders(settings, what, run.faults):
        flows, surroundings = _loaded(settings, folder.path)
        found = Coverage(flows)
        for file in folder.files:
            for case in _cases(file, flows, run.faults):
                if not names or any(name.lower() in case.name.lower() for name in names):
                    run.outcomes.append(_timed(case, flows, surroundings))
                    found.add(run.outcomes[-1][0].call.steps)
        run.coverage.append((found, folder.flows or [*flows]))
    return run


def _loaded(settings: Settings, folder: Path) -> tuple[FlowSet, Configured]:
    """The flows of a folder, and what calls take from the configuration."""
    from ivr.flow.loader import load_folder

    flows = load_folder(folder, settings)
    surroundings = surroundings_of(settings)
    surroundings["languages"] = languages_of(settings, flows)
    return flows, surroundings


def _timed(case: Case, flows: FlowSet, surroundings: Configured) -> tuple[Outcome, float]:
    from ivr.flow.testing import run_case

    began = time.perf_counter()
    outcome = run_case(case, flows[case.flow], flows, surroundings)
    return outcome, time.perf_counter() - began


def _cases(file: Path, flows: FlowSet, faults: list[Fault]) -> Iterator[Case]:
    """Cases of a file, except those that name what their flow does not have."""
    from ivr.flow.testing import CaseError, case_faults, load_cases

    try:
        cases = load_cases(file)
    except CaseError as error:
        faults.extend(error.faults)
        return
    for case in cases:
        wrong = case_faults(case, flows[case.flow], flows)
        faults.extend(wrong)
        if not wrong:
            yield case


def _folders(settings: Settings, what: tuple[str, ...], faults: list[Fault], *, tests: bool = True) -> list[_Folder]:
    """What is named, by folder; what cannot be found is a mistake in the call of the command. With `tests` false flows
    need none."""
    from ivr.flow.testing import case_files, lone_tests

    folders: dict[Path, _Folder] = {}

    def folder(path: Path) -> _Folder:
        return folders.setdefault(path.resolve(), _Folder(_short(path)))

    for name in what or [None]:
        path = settings.flows if name is None else Path(name)
        flow = None if name is None else _known(name, settings.flows)
        if flow is not None:
            _add(folder(settings.flows), flow, tests)
        elif path.is_dir() or name is None:
            lone = lone_tests(path)
            faults.extend(lone)
            for file in case_files(path):
                if str(file) not in {fault.file for fault in lone}:
                    folder(path).files.append(_short(file))
            folder(path)
        elif path.is_file():
            _add(folder(path.parent), path, tests)
        else:
            raise click.UsageError(f"there is no flow, file or folder {name}")
    return [*folders.values()]


def _known(name: str, folder: Path) -> Path | None:
    """The file of a flow that is called so."""
    from ivr.flow.loader import flow_files

    if not folder.is_dir():
        return None
    return next((path for path in flow_files(folder) if path.stem == name), None)


def _add(folder: _Folder, path: Path, tests: bool) -> None:
    """Have the tests of one flow run; `path` is its file or that of its cases."""
    from ivr.flow.loader import FLOW_SUFFIXES
    from ivr.flow.testing import case_files

    flow = path.stem.removesuffix(".test")
    files = [file for file in case_files(path.parent) if file.stem == f"{flow}.test"]
    if path.suffix not in FLOW_SUFFIXES or (tests and not files):
        raise click.UsageError(f"there are no tests of {path.stem}: they stand in {path.parent / flow}.test.yaml")
    if not any(path.with_name(flow + suffix).is_file() for suffix in FLOW_SUFFIXES):
        raise click.UsageError(f"there is no flow {flow} beside {path}")
    folder.flows.append(flow)
    folder.files.extend(_short(file) for file in files if _short(file) not in folder.files)


def _short(path: Path) -> Path:
    """A path as a person in this folder writes it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def languages_of(settings: Settings, flows: FlowSet) -> Languages:
    """The languages of this system, with those of the flows' texts found out where several are configured."""
    from ivr.flow.spoken import Languages

    languages = Languages(settings.speech.language, settings.speech.languages)
    if settings.speech.languages:
        import asyncio

        from ivr.call.languages import learn_languages, texts_of

        if languages.open(texts_of(flows.values())):
            asyncio.run(learn_languages(languages, flows.values()))
    return languages
