"""`ivr simulate`: a call to a flow without a phone, in the terminal or from a script."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ivr.cli.lengths import wav_seconds
from ivr.cli.options import config_option, json_option, settings_of
from ivr.cli.surroundings import surroundings_of

if TYPE_CHECKING:
    from ivr.flow.model import Flow, FlowSet
    from ivr.flow.sim import Script, SpeechModel
    from ivr.settings import Settings

__all__ = ["command"]

EXIT_FAULTS = 1
MAX_SCRIPT = 500_000
"""Bytes of a script: far more than its steps can take."""


def _moment(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> datetime | None:
    """Date and time; without a zone UTC is meant."""
    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("not a time, like 2026-03-02T10:00+01:00") from None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _assignments(
    _ctx: click.Context, _parameter: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """`NAME=VALUE`, several times."""
    pairs = [value.partition("=") for value in values]
    if any(not sign or not name for name, sign, _ in pairs):
        raise click.BadParameter("write NAME=VALUE")
    return tuple((name, text) for name, _, text in pairs)


@click.command("simulate")
@click.argument("flow", metavar="FLOW")
@click.option("--script", metavar="FILE", help="Steps to do, as under `when` in a test; `-`: standard input.")
@click.option("--caller", metavar="NUMBER", help="The caller's number; default +15550199.")
@click.option("--called", metavar="NUMBER", help="The number called; default: the first one of the flow.")
@click.option("--line", metavar="NAME", help="Line of the call.")
@click.option(
    "--time", "moment", callback=_moment, metavar="TIME", help="When it begins; default 2026-03-02T12:00+00:00."
)
@click.option("--from", "entry", metavar="ELEMENT", help="Element to begin at.")
@click.option(
    "--set", "variables", callback=_assignments, multiple=True, metavar="NAME=VALUE", help="A flow's variable."
)
@click.option(
    "--profile", callback=_assignments, multiple=True, metavar="NAME=VALUE", help="What is known of the caller."
)
@click.option(
    "--contact", callback=_assignments, multiple=True, metavar="NAME=VALUE", help="What came with the contact."
)
@click.option("--seed", type=int, default=0, help="Another one draws differently.")
@json_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    flow: str,
    script: str | None,
    caller: str | None,
    called: str | None,
    line: str | None,
    moment: datetime | None,
    entry: str | None,
    variables: tuple[tuple[str, str], ...],
    profile: tuple[tuple[str, str], ...],
    contact: tuple[tuple[str, str], ...],
    seed: int,
    as_json: bool,
) -> None:
    """Walk through a flow without a phone.

    FLOW is the name of a flow or a file. The same engine and elements as in live calls, in virtual time: nothing is
    spoken, called or sent. Without --script you are the caller and the world around him: `?` tells the commands. With
    it the steps are done and the transcript is printed; the exit code is 1 where the flow broke off, never ended, or
    steps could not be done.
    """
    from ivr.flow.sim import Given, MailAnswer, SimulatedCall, Stubs
    from ivr.flow.sim.report import data, faults, summary
    from ivr.flow.sim.transcript import tell

    settings = settings_of(ctx)
    chosen, flows = _flows(flow, settings)
    if entry is not None and entry not in chosen.elements:
        raise click.UsageError(f"there is no element {entry}; there are {', '.join(chosen.elements)}")
    given = Given(called=called, line=line, entry=entry, seed=seed)
    given = replace(given, variables=_variables(chosen, variables), profile={name: _value(v) for name, v in profile})
    if contact:
        given = replace(
            given, audience=True, properties=dict(contact), caller=dict(contact).get("number", given.caller)
        )
    if caller is not None:
        given = replace(given, caller=caller)
    if moment is not None:
        given = replace(given, time=moment)
    surroundings = surroundings_of(settings)
    if surroundings["languages"].choice:
        from ivr.call.languages import texts_of

        surroundings["languages"].learn(texts_of(flows.values()))
    speech = _speech(settings, flows)
    if script is None:
        if as_json:
            raise click.UsageError("--json goes with --script")
        from ivr.cli.dialogue import Dialogue

        call = SimulatedCall(
            chosen, flows, given, Stubs(mails=(MailAnswer(),), manual=True), speech=speech, **surroundings
        )
        sys.exit(Dialogue(call).run())
    steps = _script(script)
    call = steps.run(SimulatedCall(chosen, flows, given, speech=speech, **surroundings))
    if as_json:
        click.echo(json.dumps(data(call), ensure_ascii=False, indent=2))
    else:
        for told in tell(call):
            click.echo(str(told))
        click.echo()
        for text in summary(call):
            click.echo(text)
    ctx.exit(EXIT_FAULTS if faults(call) else 0)


def _flows(name: str, settings: Settings) -> tuple[Flow, FlowSet]:
    """The flow, and all flows of the folder with it in its place."""
    from ivr.flow.custom import element_types
    from ivr.flow.loader import FLOW_SUFFIXES, flow_files, join_flows, load_flow

    files = {path.stem: path for path in (flow_files(settings.flows) if settings.flows.is_dir() else [])}
    path = Path(name)
    if name not in files:
        if path.suffix not in FLOW_SUFFIXES or not path.is_file():
            raise click.UsageError(f"there is no flow {name}; there are {', '.join(files) or 'none'}")
        files[path.stem] = path
        name = path.stem
    types = element_types(settings)
    flows = {stem: load_flow(file, settings.limits, types) for stem, file in files.items()}
    return flows[name], join_flows(flows.values())


def _variables(flow: Flow, wanted: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Values of the kind that the flow declares: text stays text."""
    values: dict[str, Any] = {}
    for name, text in wanted:
        if name not in flow.variables:
            raise click.UsageError(f"the flow has no variable {name}; it has {', '.join(flow.variables) or 'none'}")
        values[name] = text if isinstance(flow.variables[name], str) else _value(text)
    return values


def _value(text: str) -> Any:
    """A JSON value where it is one (`true`, `3`, `["a"]`), else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _script(name: str) -> Script:
    """Steps from a file: a list, or a test with its steps under `when`."""
    from ivr.errors import IvrError
    from ivr.flow.positions import Places
    from ivr.flow.sim import Script, ScriptError, parse_script

    try:
        text = sys.stdin.read(MAX_SCRIPT) if name == "-" else Path(name).read_bytes()[:MAX_SCRIPT]
    except OSError as error:
        raise IvrError(f"{name} cannot be read: {error.strerror}") from None
    places = Places(text, name)
    if places.faults:
        raise ScriptError(places.faults)
    if places.data is None:
        return Script()
    if isinstance(places.data, dict):
        return parse_script(places.data.get("when", []), places, ("when",))
    return parse_script(places.data, places)


def _speech(settings: Settings, flows: FlowSet) -> SpeechModel:
    """How long prompts last: files of the folder as long as they are, where that is easily seen."""
    from ivr.flow.sim import SpeechModel

    folder = settings.prompts
    named = {prompt.value for prompt in flows.prompts() if prompt.kind == "file"}
    missing = frozenset(name for name in named if not (folder / name).is_file())
    return SpeechModel(files=wav_seconds(folder), missing=missing)
