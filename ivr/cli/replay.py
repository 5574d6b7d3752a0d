"""`ivr replay`: a call run again, against the version it had or another one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ivr.cli.options import config_option, json_option, settings_of
from ivr.cli.surroundings import surroundings_of
from ivr.cli.trace import find_call
from ivr.errors import IvrError

if TYPE_CHECKING:
    from ivr.flow.model import Flow
    from ivr.flow.replay import Recorded, Replay
    from ivr.settings import Settings

__all__ = ["command"]

EXIT_DIVERGED = 1


@click.command("replay")
@click.argument("call_id", metavar="ID")
@click.option(
    "--flow-file",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Run against the flow in this file instead.",
)
@click.option("--version", "number", metavar="N", type=click.IntRange(1), help="Run against this version instead.")
@click.option("--present", is_flag=True, help="Run against the flows as they are in the folder now.")
@json_option
@config_option
@click.pass_context
def command(
    ctx: click.Context, call_id: str, flow_file: Path | None, number: int | None, present: bool, as_json: bool
) -> None:
    """Run a call again in the simulator, and show where it goes another way.

    Without an option it is run against the versions of the flows that it had. Keys, answers of other systems and times
    come from its trace; inputs that `reporting` hides are replaced by the branch that they led to. The exit code is 0
    where the path is the same, 1 where it is not. ID is the call's id or its short id.
    """
    from ivr.flow.model import FlowSet
    from ivr.flow.replay import read_record, replay

    if sum((flow_file is not None, number is not None, present)) > 1:
        raise click.UsageError("one of --flow-file, --version and --present")
    settings = settings_of(ctx)
    recorded = read_record(find_call(settings, call_id), settings.zone)
    flows, against = _flows(settings, recorded, flow_file, number, present)
    surroundings = surroundings_of(settings)
    found = replay(recorded, flows[recorded.flow], FlowSet(flows), surroundings)
    if as_json:
        click.echo(json.dumps(_data(found, against), indent=2))
    else:
        _print(found, against)
    ctx.exit(0 if found.divergence is None else EXIT_DIVERGED)


# Flows


def _flows(
    settings: Settings, recorded: Recorded, file: Path | None, number: int | None, present: bool
) -> tuple[dict[str, Flow], str]:
    """The flows to run against, and how they are called in what is printed."""
    from ivr.flow.loader import load_flow, load_folder

    if recorded.flow[:1] == "(":
        raise IvrError("the call began in a flow made for it alone, which is kept nowhere: it cannot be run again")
    if present:
        folder = load_folder(settings.flows, settings)
        if recorded.flow not in folder:
            raise IvrError(f"there is no flow {recorded.flow} in {settings.flows} any more")
        return {flow.name: flow for flow in folder.values()}, f"the flows in {settings.flows}"
    other = None if file is None else load_flow(file, settings.limits)
    replaced = set() if other is None else {other.name}
    if number is not None:
        replaced = {recorded.flow}
    flows = _recorded_flows(settings, recorded, replaced)
    if other is not None:
        if other.name != recorded.flow and other.name not in recorded.versions:
            raise IvrError(f"the call did not go through a flow {other.name}; it began in {recorded.flow}")
        flows[other.name] = other
        return flows, str(file)
    if number is not None:
        flows[recorded.flow] = _stored(settings, recorded.flow, number)
        return flows, f"version {number}"
    return flows, f"version {_named(recorded.versions.get(recorded.flow) or {'version': recorded.version})}"


def _recorded_flows(settings: Settings, recorded: Recorded, replaced: set[str]) -> dict[str, Flow]:
    """The versions that the call went through, but for those replaced."""
    versions = {recorded.flow: {"version": recorded.version}, **recorded.versions}
    present = None
    flows: dict[str, Flow] = {}
    for name, version in versions.items():
        if name in replaced or name[:1] == "(":  # made for one call: the record has what it was made of
            continue
        number = version.get("number")
        if number:
            flows[name] = _stored(settings, name, int(number))
            continue
        present = _present(settings) if present is None else present
        found = present.get(name)
        if found is None or found.version != version.get("version"):
            raise IvrError(
                f"version {_named(version)} of flow {name}, which the call ran, is not kept: "
                "run it against another one by --present, --version or --flow-file"
            )
        flows[name] = found
    return flows


def _present(settings: Settings) -> dict[str, Flow]:
    """The flows in the folder that can be loaded one by one."""
    from ivr.flow.loader import flow_files, load_flow

    found: dict[str, Flow] = {}
    for path in flow_files(settings.flows):
        try:
            flow = load_flow(path, settings.limits)
        except IvrError:
            continue
        found[flow.name] = flow
    return found


def _stored(settings: Settings, name: str, number: int) -> Flow:
    """A version out of the store."""
    from dataclasses import replace

    from ivr.flow.loader import parse_flow
    from ivr.store import FlowVersions

    store = FlowVersions.open(settings.store)
    try:
        version = store.version(name, number)
    finally:
        store.close()
    if version is None:
        raise IvrError(f"there is no version {number} of flow {name} in the store")
    return replace(parse_flow(version.text, name, version.source, settings.limits), number=number)


def _named(version: Mapping[str, Any]) -> str:
    number, text = version.get("number"), version.get("version") or "?"
    return f"{number} ({text})" if number else str(text)


# Printing


def _print(found: Replay, against: str) -> None:
    recorded, divergence = found.recorded, found.divergence
    click.echo(f"call {recorded.given.seed + 1}  {recorded.id}, flow {recorded.flow}, against {against}")
    if divergence is None:
        click.echo(f"the same path: {' -> '.join(found.path)}")
    else:
        shown = [step.element for step in recorded.steps[: divergence.index]]
        if shown:
            click.echo(f"the same until {shown[-1]}: {' -> '.join(shown)}")
        click.echo(f"first divergence at {divergence.flow}/{divergence.element}: {divergence.why}")
        click.echo(f"  recorded  {divergence.expected}")
        click.echo(f"  now       {divergence.actual}")
    for note in found.notes:
        click.echo(f"note: {note}")


def _data(found: Replay, against: str) -> dict[str, Any]:
    divergence = found.divergence
    return {
        "call": found.recorded.id,
        "flow": found.recorded.flow,
        "against": against,
        "same": divergence is None,
        "recorded": [step.element for step in found.recorded.steps],
        "path": list(found.path),
        "divergence": None
        if divergence is None
        else {name: getattr(divergence, name) for name in type(divergence).__slots__},
        "notes": list(found.notes),
    }
