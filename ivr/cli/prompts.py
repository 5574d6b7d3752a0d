"""`ivr prompts`: look after the folder of prompt files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from ivr.cli.options import config_option, json_option, settings_of
from ivr.cli.speech import prompt_store
from ivr.errors import PromptUnavailableError
from ivr.settings import Settings
from media import Edit, PromptError, edit_prompt

__all__ = ["command"]

F = TypeVar("F", bound=Callable[..., Any])

SPEECH_LEVEL = -20.0
"""dBFS (RMS of the whole file) that --normalise brings speech to: as loud as spoken prompts, with their pauses."""
SECONDS = click.FloatRange(0, 60)
INPUT = click.Path(exists=True, dir_okay=False, path_type=Path)
OUTPUT = click.Path(dir_okay=False, path_type=Path)


@click.group("prompts")
def command() -> None:
    """Check, convert and edit prompt files, and warm the cache."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is known of one prompt file."""

    name: str
    """Its path in the prompts folder, as flows write it."""
    bytes: int
    """On disk."""
    seconds: float | None
    """How long it plays; None when it cannot be used."""
    fault: str | None
    """Why not."""


@command.command("list")
@json_option
@config_option
@click.pass_context
def list_(ctx: click.Context, as_json: bool) -> None:
    """List the prompt files with their lengths."""
    _report(_examined(settings_of(ctx)), as_json, faults_only=False)


@command.command()
@click.argument("folder", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@json_option
@config_option
@click.pass_context
def check(ctx: click.Context, folder: Path | None, as_json: bool) -> None:
    """Check that every file of the prompts folder (or FOLDER) can be played."""
    settings = settings_of(ctx)
    if folder is not None:
        settings = settings.model_copy(update={"prompts": folder.absolute()})
    rows = _examined(settings)
    _report(rows, as_json, faults_only=True)
    if any(row.fault for row in rows):
        ctx.exit(1)


@command.command()
@click.option("--text", "-t", "texts", multiple=True, metavar="TEXT", help="A text to speak ahead; may be repeated.")
@click.option("--language", "-l", metavar="TAG", help="Language of the texts.")
@json_option
@config_option
@click.pass_context
def warm(ctx: click.Context, texts: tuple[str, ...], language: str | None, as_json: bool) -> None:
    """Convert all prompt files into the cache ahead of the first call."""
    rows = _examined(settings_of(ctx), texts, language)
    _report(rows, as_json, faults_only=True, done="ready")
    if any(row.fault for row in rows):
        ctx.exit(1)


def _shaping(function: F) -> F:
    """Options of both editing commands."""
    for option in (
        click.option("--force", is_flag=True, help="Replace OUTPUT when it exists."),
        click.option("--rate", type=click.IntRange(8000, 48000), default=8000, show_default=True, help="Hz of OUTPUT."),
        click.option("--fade-out", type=SECONDS, default=0.0, metavar="SECONDS", help="Fade at the end."),
        click.option("--fade-in", type=SECONDS, default=0.0, metavar="SECONDS", help="Fade at the start."),
        click.option("--level", type=click.FloatRange(-60, -3), metavar="DBFS", help="Level for --normalise."),
        click.option("--normalise", "--normalize", is_flag=True, help=f"Bring it to {SPEECH_LEVEL:g} dBFS."),
        click.option("--trim", is_flag=True, help="Drop the silence at both ends."),
    ):
        function = option(function)
    return function


@command.command()
@click.argument("source", type=INPUT)
@click.argument("output", type=OUTPUT)
@_shaping
def convert(source: Path, output: Path, **shape: Any) -> None:
    """Convert SOURCE to OUTPUT; its ending tells the kind (wav, flac, ogg, mp3, ulaw, alaw, raw)."""
    _edit((source,), output, 0.0, **shape)


@command.command()
@click.argument("sources", nargs=-1, required=True, type=INPUT)
@click.option("--output", "-o", required=True, type=OUTPUT, help="File to write; its ending tells the kind.")
@click.option("--gap", type=click.FloatRange(0, 10), default=0.2, show_default=True, help="Seconds between two files.")
@_shaping
def join(sources: tuple[Path, ...], output: Path, gap: float, **shape: Any) -> None:
    """Join SOURCES into one file, in their order."""
    _edit(sources, output, gap, **shape)


def _edit(
    sources: tuple[Path, ...],
    output: Path,
    gap: float,
    *,
    trim: bool,
    normalise: bool,
    level: float | None,
    fade_in: float,
    fade_out: float,
    rate: int,
    force: bool,
) -> None:
    if output.exists() and not force:
        raise click.UsageError(f"{output} exists (--force replaces it)")
    target = level if level is not None else SPEECH_LEVEL if normalise else None
    edit = Edit(sources, output, trim, target, gap, fade_in, fade_out, rate)
    try:
        edited = asyncio.run(edit_prompt(edit))
    except PromptError as error:
        raise PromptUnavailableError(str(error)) from None
    loudness = "silent" if edited.level is None else f"{edited.level:.1f} dBFS, peak {edited.peak:.1f} dBFS"
    click.echo(f"{output}  {edited.seconds:.2f} s  {loudness}")


def _examined(settings: Settings, texts: tuple[str, ...] = (), language: str | None = None) -> list[Row]:
    """Every file of the prompts folder (and texts), converted; what is not hidden counts as a prompt."""
    folder = settings.prompts
    if not folder.is_dir():
        raise PromptUnavailableError(f"there is no prompts folder {folder}")
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if not path.is_dir() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
    try:
        return asyncio.run(_convert_all(settings, names, texts, language))
    except PromptError as error:
        raise PromptUnavailableError(str(error)) from None


async def _convert_all(settings: Settings, names: list[str], texts: tuple[str, ...], language: str | None) -> list[Row]:
    rows = []
    async with prompt_store(settings) as store:
        for name in names:
            size = (await asyncio.to_thread((settings.prompts / name).lstat)).st_size
            try:
                rows.append(Row(name, size, round((await store.file(name)).seconds, 3), None))
            except PromptError as error:
                rows.append(Row(name, size, None, str(error)))
        for text in texts:
            label = f"text {text[:40]!r}"
            try:
                rows.append(
                    Row(label, len(text.encode()), round((await store.speech(text, language)).seconds, 3), None)
                )
            except PromptError as error:
                rows.append(Row(label, len(text.encode()), None, str(error)))
    return rows


def _report(rows: list[Row], as_json: bool, *, faults_only: bool, done: str = "can be played") -> None:
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    for row in rows:
        if row.fault is not None:
            click.echo(f"{row.name}: {row.fault.removeprefix(f'{row.name}: ')}", err=faults_only)
        elif not faults_only:
            click.echo(f"{row.seconds or 0.0:8.2f} s {row.bytes:10d} bytes  {row.name}")
    good = sum(row.fault is None for row in rows)
    click.echo(f"{good} of {len(rows)} prompts {done}")
