"""`ivr demo`: a real call to the daemon from this process, through the example front desk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ivr.cli.calls import completed_call
from ivr.cli.daemons import started
from ivr.cli.options import config_option, settings_of
from ivr.cli.probing import answers
from ivr.errors import IvrError
from ivr.settings import Settings, find_config

if TYPE_CHECKING:
    from ivr.call.caller import Caller
    from media import Sound

__all__ = ["command"]

PAUSE_SECONDS, LAST_PAUSE_SECONDS = 1.2, 4.0
"""Of silence before keys are pressed, and before we hang up: longer than the stops within a prompt."""
LISTEN_SECONDS = 40.0
"""Longest wait for such a silence."""
FIRST_PORT, PORTS, PORT_SETS = 34_002, 100, 60
"""Ports for the caller's sound, another set for each process: several may call at once."""
RECORD_SECONDS = 10.0
"""Until the call's record stands in the store: media figures, then the writer."""
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
KEYS = "0123456789*#ABCD"
MESSAGE = "Hello. This is the demonstration, leaving a message for the front desk. Thank you, and goodbye."

Say = Callable[[str], None]


@click.command("demo")
@click.option("--number", default="100", show_default=True, help="Number to call.")
@click.option(
    "--keep",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the sound of both sides is saved; else var/demo beside the configuration.",
)
@click.option(
    "--press",
    "keys",
    metavar="KEYS",
    multiple=True,
    help="Keys to press when the daemon pauses; several times in turn. Default: the way through the front desk.",
)
@click.option("--handoffs", is_flag=True, help="Show callers handed over to an agent, an AI agent and an application.")
@click.option("--stay", is_flag=True, help="With --handoffs: let the daemon run on until Ctrl-C.")
@config_option
@click.pass_context
def command(
    ctx: click.Context, number: str, keep: Path | None, keys: tuple[str, ...], handoffs: bool, stay: bool
) -> None:
    """Call the daemon for real and keep the sound of both sides.

    Walks through the example front desk, or presses the keys given: listens, presses keys, leaves a message, hangs up;
    then shows the way of the call as the daemon recorded it. Starts a daemon with this configuration when none answers.

    With --handoffs it has a daemon of its own with the example flows, and an agent's phone, a bot and a web application
    in processes of their own; callers are handed over to each of them.
    """
    from ivr.cli import trace
    from ivr.cli.handoffs import FOLDER, show_handoffs

    for pressed in keys:
        if not pressed or any(key not in KEYS for key in pressed):
            raise click.UsageError(f"--press {pressed}: keys are of {KEYS}")
    if stay and not handoffs:
        raise click.UsageError("--stay goes with --handoffs")
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    begun = time.monotonic()

    def say(text: str) -> None:
        click.echo(f"{time.monotonic() - begun:7.2f} s  {text}" if text else "")

    if handoffs:
        show_handoffs((keep or FOLDER) / "handoffs", say, stay=stay)
        return

    settings = settings_of(ctx, need_secrets=True)
    folder = keep or _beside(settings, ctx.obj) / "var" / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"demo-{time.strftime('%Y%m%d-%H%M%S')}.wav"
    with _daemon(settings, ctx.obj, say) as (host, port):
        call_id, short_id = asyncio.run(_call(settings, f"sip:{number}@{host}:{port}", path, say, keys))
    if short_id is None:
        raise IvrError(f"the record of the call (SIP Call-ID {call_id}) is not in the store")
    click.echo("\nThe way of the call, as the daemon recorded it (ivr trace):\n")
    ctx.invoke(trace.command, call_id=str(short_id), sip=False, pcap=None, as_json=False)
    click.echo(f"\nThe sound of both sides: {path}  (left: what the caller heard, right: what it said)")


def _beside(settings: Settings, config: str | None) -> Path:
    source = settings.source or (Path(config) if config else None)
    return source.parent if source is not None else Path()


@contextlib.contextmanager
def _daemon(settings: Settings, config: str | None, say: Say) -> Iterator[tuple[str, int]]:
    """Address of the daemon's SIP over UDP; starts one where none answers, and stops it afterwards."""
    listener = next((entry for entry in settings.sip.listen if entry.transport == "udp"), None)
    if listener is None:
        raise IvrError("sip.listen names no UDP address to call")
    host = ANY_ADDRESS.get(listener.host, listener.host)
    if answers(host, listener.port):
        say(f"a daemon answers at {host}:{listener.port}")
        yield host, listener.port
        return
    say(f"no daemon answers at {host}:{listener.port}: starting one")
    with started(find_config(config, os.environ)):
        say("the daemon is ready")
        yield host, listener.port


async def _call(settings: Settings, target: str, path: Path, say: Say, keys: tuple[str, ...]) -> tuple[str, int | None]:
    """The call itself; its SIP Call-ID, and its short id once the record is in the store."""
    from ivr.call.caller import Caller, CallerOptions

    message = None if keys else await _message(settings)
    first = FIRST_PORT + os.getpid() % PORT_SETS * PORTS
    ports = (first, first + PORTS - 1)
    async with Caller(CallerOptions(user="demo", display="ivr demo", media_ports=ports)) as caller:
        say(f"calling {target}")
        await caller.call(target)
        caller.record(path)
        say("answered; listening")
        call_id = caller.call_id or ""
        if message is None:
            await _presses(caller, keys, say)
        else:
            await _front_desk(caller, message, say)
        await caller.hang_up()
        if caller.stats is not None:
            stats = caller.stats
            say(f"heard {stats.packets_in} packets, {stats.lost} lost, listening quality (MOS) {stats.mos:.1f}")
    record = await asyncio.to_thread(
        completed_call, settings.store, lambda call: call.sip_call_id == call_id, RECORD_SECONDS
    )
    return call_id, None if record is None else record.short_id


async def _message(settings: Settings) -> Sound:
    """What the demonstration says, spoken by the configured engine."""
    from media import PromptStore, SpeechConfig

    speech = settings.speech
    store = PromptStore(
        settings.cache,
        settings.prompts,
        SpeechConfig(engine=speech.engine, language=speech.language, voice=speech.voice, command=speech.command),
    )
    await store.start()
    try:
        return await store.speech(MESSAGE, "en")
    finally:
        await store.close()


async def _front_desk(caller: Caller, message: Sound, say: Say) -> None:
    """The way through config/flows: language, opening hours, voicemail. Ends early where the daemon hangs up."""

    async def press(after: float, keys: str, text: str) -> bool:
        if await caller.wait(after):
            say("the daemon has hung up")
            return False
        await caller.press(keys)
        say(f"pressed {keys}: {text}")
        return True

    if not await press(3.0, "1", "English"):
        return
    if not await press(5.0, "2", "opening hours, while the menu is being read"):
        return
    if not await press(4.0, "5", "voicemail, which the menu would have offered after the opening hours"):
        return
    say("listening until the tone")
    if not await caller.quiet(0.8, longest=20.0):
        say("the daemon has hung up" if caller.ended.is_set() else "no tone came")
        return
    say("speaking a message")
    await caller.say(message)
    if not await press(0.5, "#", "end of the message"):
        return
    if not await press(3.0, "3", "save it"):
        return
    await caller.quiet(1.0, longest=15.0)
    say("the daemon has said goodbye and hung up" if caller.ended.is_set() else "hanging up")


async def _presses(caller: Caller, keys: tuple[str, ...], say: Say) -> None:
    """Any other flow: keys, each when the daemon pauses; then listens until it pauses for long or hangs up."""
    for pressed in keys:
        await caller.quiet(PAUSE_SECONDS, longest=LISTEN_SECONDS)
        if caller.ended.is_set():
            break
        await caller.press(pressed)
        say(f"pressed {pressed}")
    await caller.quiet(LAST_PAUSE_SECONDS, longest=LISTEN_SECONDS)
    say("the daemon has hung up" if caller.ended.is_set() else "hanging up")
