"""`ivr say`: hear a text as a caller would."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import wave
from pathlib import Path

import click

from ivr.cli.options import config_option, json_option, settings_of
from ivr.cli.speech import prompt_store
from ivr.errors import PromptUnavailableError
from ivr.settings import Settings
from media import PromptError, Sound

__all__ = ["command"]

PLAYERS = (("aplay", "-q"), ("play", "-q"))
"""Programs of ALSA and sox that play a WAV file on the sound card."""


@click.command("say")
@click.argument("text")
@click.option("--output", "-o", type=click.Path(dir_okay=False, path_type=Path), help="WAV file to write.")
@click.option("--language", "-l", metavar="TAG", help="Language of the text: en, de, pt-BR...")
@click.option("--voice", "-v", metavar="VOICE", help="female, male, or the name of a voice of the engine.")
@click.option("--rate", "-r", type=float, default=1.0, show_default=True, help="Speech rate factor.")
@click.option("--engine", "-e", type=click.Choice(["pyttsx3", "espeak-ng", "command"]), help="Speech engine.")
@click.option("--play", is_flag=True, help="Play it on this machine's sound card.")
@json_option
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    text: str,
    output: Path | None,
    language: str | None,
    voice: str | None,
    rate: float,
    engine: str | None,
    play: bool,
    as_json: bool,
) -> None:
    """Speak TEXT into a sound file, as callers hear it: 8 kHz, mono, 16 bits. "-" reads standard input."""
    if output is None and not play:
        raise click.UsageError("say where to: --output FILE, or --play")
    if text == "-":
        text = sys.stdin.read()
    try:
        sound = asyncio.run(_speak(settings_of(ctx), text, language, voice, rate, engine))
        place = output or sound.path.with_suffix(".wav")
        _write_wav(sound, place)
    except PromptError as error:
        raise PromptUnavailableError(str(error)) from None
    except OSError as error:
        raise PromptUnavailableError(f"{output} cannot be written: {error.strerror}") from None
    if as_json:
        click.echo(json.dumps({"path": str(place) if output else None, "seconds": round(sound.seconds, 3)}))
    elif output is not None:
        click.echo(f"{output}  {sound.seconds:.2f} s")
    try:
        if play:
            _play(place)
    finally:
        if output is None:
            place.unlink(missing_ok=True)


async def _speak(
    settings: Settings, text: str, language: str | None, voice: str | None, rate: float, engine: str | None
) -> Sound:
    # An engine that was named on the command line is the one to be heard, or an error.
    async with prompt_store(settings, engine=engine, fall_back=engine is None) as store:
        return await store.speech(text, language, voice, rate)


def _write_wav(sound: Sound, path: Path) -> None:
    with path.open("wb") as output, wave.open(output, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(sound.path.read_bytes())


def _play(path: Path) -> None:
    for program, option in PLAYERS:
        found = shutil.which(program)
        if found is not None:
            status = subprocess.run([found, option, str(path)], check=False, stdin=subprocess.DEVNULL).returncode
            if status:
                raise PromptUnavailableError(f"{program} cannot play it (status {status})")
            return
    raise PromptUnavailableError("no program to play it (install alsa-utils or sox)")
