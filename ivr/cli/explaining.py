"""What findings mean: the table of codes, for people."""

from __future__ import annotations

import dataclasses
import json
import textwrap

import click

from ivr.flow.faults import near
from ivr.flow.lint import CODES, Code

__all__ = ["list_codes", "print_code"]

WIDTH = 100
"""Columns of explanations."""


def list_codes(as_json: bool) -> None:
    """Print all codes, one a line."""
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(code) for code in _sorted()], ensure_ascii=False, indent=2))
        return
    for code in _sorted():
        click.echo(f"{code.name}  {code.severity:<8} {code.title}")


def print_code(name: str, as_json: bool) -> None:
    """Print what a code means, with its examples."""
    code = CODES.get(name.upper())
    if code is None:
        meant = near(name.upper(), CODES)
        raise click.UsageError(f"there is no code {name}" + (f", did you mean {meant}?" if meant else ""))
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(code), ensure_ascii=False, indent=2))
        return
    click.echo(f"{code.name} ({code.severity}): {code.title}\n")
    click.echo(textwrap.fill(code.explanation, WIDTH))
    click.echo(f"\nWith the finding:\n\n{textwrap.indent(code.faulty, '    ')}")
    click.echo(f"Without it:\n\n{textwrap.indent(code.mended, '    ')}")
    if code.allowable:
        click.echo(f"To allow it in one place: # ivr: allow {code.name} the reason")


def _sorted() -> list[Code]:
    return [CODES[name] for name in sorted(CODES)]
