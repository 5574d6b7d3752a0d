"""`ivr schema`: JSON Schemas, for editors that complete and check while a file is written."""

from __future__ import annotations

import json
from pathlib import Path

import click

from ivr.cli.options import config_option, settings_of
from ivr.errors import IvrError

__all__ = ["KINDS", "command"]

KINDS = ("flow", "config", "test", "packet", "openapi")


class SchemaError(IvrError):
    """The schema cannot be written."""


@click.command()
@click.argument("kind", metavar="KIND", type=click.Choice(KINDS))
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to; default: standard output.",
)
@config_option
@click.pass_context
def command(ctx: click.Context, kind: str, output: Path | None) -> None:
    """Print the JSON Schema of a kind of file: flow, config or test; of the packet that tells of a call that is handed
    over: packet; or the OpenAPI document of the HTTP API: openapi.

    Name a schema in the first line of a file, and VS Code with its YAML extension completes and checks there:

        # yaml-language-server: $schema=../schema/flow.json
    """
    from ivr.flow.custom import element_types
    from ivr.flow.schema import config_schema, flow_schema, packet_schema, test_schema

    match kind:
        case "flow":
            schema = flow_schema(element_types(settings_of(ctx)).models)
        case "config":
            schema = config_schema()
        case "packet":
            schema = packet_schema()
        case "openapi":
            from ivr.api.openapi import document
            from ivr.api.parts import all_endpoints

            schema = document(all_endpoints())
        case _:
            schema = test_schema()
    text = json.dumps(schema, ensure_ascii=False, indent=2) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SchemaError(f"{output} cannot be written: {error.strerror}") from None
    click.echo(f"{output}: {kind}, {len(text.encode()):,} bytes")
