"""`ivr graph`: a flow as a drawing."""

from __future__ import annotations

from pathlib import Path

import click

from ivr.cli.options import config_option, settings_of
from ivr.drawing import DrawingError, draw
from ivr.flow.custom import element_types
from ivr.flow.graph import dot_source
from ivr.flow.loader import FLOW_SUFFIXES, flow_files, load_flow

__all__ = ["command"]

FORMATS = ("svg", "png", "dot")


@click.command()
@click.argument("flow", metavar="FLOW")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to: .svg, .png or .dot; default: FLOW.svg in this folder.",
)
@click.option("--coverage", "-C", is_flag=True, help="Run the tests of the flow and show what they walk.")
@config_option
@click.pass_context
def command(ctx: click.Context, flow: str, output: Path | None, coverage: bool) -> None:
    """Draw a flow as SVG or PNG.

    FLOW is the name of a flow or a file. Needs the program dot (Debian: graphviz), except for .dot.
    """
    path = Path(flow)
    if path.suffix not in FLOW_SUFFIXES or not path.is_file():
        known = {file.stem: file for file in flow_files(settings_of(ctx).flows)}
        if flow not in known:
            raise click.UsageError(f"there is no flow {flow}; there are {', '.join(known) or 'none'}")
        path = known[flow]
    output = output or Path(f"{path.stem}.svg")
    kind = output.suffix.lstrip(".").lower()
    if kind not in FORMATS:
        raise click.UsageError(f"{output}: the drawing can be {', '.join('.' + name for name in FORMATS)}")
    source = _covered(ctx, path) if coverage else dot_source(load_flow(path, types=element_types(settings_of(ctx))))
    content = source.encode() if kind == "dot" else draw(source, kind)
    try:
        output.write_bytes(content)
    except OSError as error:
        raise DrawingError(f"{output} cannot be written: {error.strerror}") from None
    click.echo(f"{output}: {path.stem}, {len(content):,} bytes")


def _covered(ctx: click.Context, path: Path) -> str:
    """The drawing of a flow with what its tests walk; failures are told, and what was walked counts all the same."""
    from ivr.cli.test import run_tests

    run = run_tests(settings_of(ctx), (str(path),))
    for fault in run.faults:
        click.echo(str(fault), err=True)
    if run.failed:
        click.echo(f"{run.failed} of {len(run.outcomes)} cases failed: ivr test {path.stem} tells why", err=True)
    found = run.coverage[0][0].flows[path.stem]
    return dot_source(found.flow, found)
