"""`ivr bot`: talk to an AI agent without a telephone, through a daemon of its own for one call."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click
import yaml
from pydantic import SecretStr

from ivr.cli.calls import completed_call
from ivr.cli.daemons import started
from ivr.cli.options import config_option, settings_of
from ivr.errors import ConfigError, IvrError
from ivr.settings import Settings, load_settings

if TYPE_CHECKING:
    from ivr.store import CallRecord
    from media import Sound

__all__ = ["agent_of", "broke", "command", "outcome"]

NUMBER = "100"
KEYS = frozenset("0123456789*#ABCD")
PAUSE_SECONDS = 1.0
"""Of silence of the agent, before it is the caller's turn."""
LAST_PAUSE_SECONDS = 3.0
"""Of silence after which we hang up: it has nothing more to say."""
LISTEN_SECONDS = 30.0
"""Longest wait for such a silence."""
RECORD_SECONDS = 10.0
"""Until the call's record stands in the store."""
USUAL_HTTP = ("127.0.0.1", 8080)
"""Where bots that hang up by HTTP look for the daemon, as documented."""
FIRST_PORT, PORT_SETS, PORTS_OF_CALLER = 34_002, 60, 100
"""Ports for the caller's sound, another set for each process."""
BROKEN = frozenset({"not_started", "endpoint_error", "endpoint_closed"})
"""What became of agents that were not there, or did not hold out."""
EXAMPLE = 'ivr bot AGENT "Good day" 1'
DAEMON_PORTS = "40002-40021"
FLOW = {
    "elements": {
        "start": {"type": "start_incoming_call", "numbers": [NUMBER], "next": "talk"},
        "talk": {"type": "transfer_to_ai_agent", "agent": "bot", "filler": "none", "next": "over"},
        "over": {"type": "hang_up"},
    }
}

Say = Callable[[str], None]


@click.command("bot")
@click.argument("agent")
@click.argument("turns", nargs=-1)
@click.option("--set", "keys", multiple=True, metavar="KEY=VALUE", help="Of ai_agents: protocol=audiosocket, voice=…")
@click.option("--record", type=click.Path(dir_okay=False, path_type=Path), help="WAV, stereo: left what is heard.")
@click.option(
    "--play", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="File in place of your voice."
)
@click.option("--silent", is_flag=True, help="Neither microphone nor speaker.")
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    agent: str,
    turns: tuple[str, ...],
    keys: tuple[str, ...],
    record: Path | None,
    play: Path | None,
    silent: bool,
) -> None:
    """Talk to an AI agent without a telephone.

    AGENT is a URL (ws://…, wss://…, tcp://…) or the name of an agent of ivr.yaml. You speak and hear by microphone and
    speaker, on a screen with keys. Or you say beforehand what you will: each of TURNS is spoken, or pressed where it is
    made of keys, whenever the agent pauses. A daemon of its own runs while this lasts. Shows how the agent gave the
    call back, and what it found out. The exit code is 1 where it was not there, or broke off.

    \b
      ivr bot ws://127.0.0.1:8765/ws
      ivr bot ws://127.0.0.1:8765/ws 1 "I would like to talk to somebody" 2
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    named = "://" not in agent
    try:
        settings = settings_of(ctx, need_secrets=named)
    except ConfigError:
        if named or ctx.obj is not None:
            raise
        settings = Settings()  # a bot is tried before there is a configuration
    fields = agent_of(settings, agent, keys)
    begun = time.monotonic()

    def say(text: str) -> None:
        click.echo(f"{time.monotonic() - begun:7.2f} s  {text}")

    with tempfile.TemporaryDirectory(prefix="ivr-bot-") as name:
        folder = Path(name)
        config = _written(folder, settings, fields)
        say("starting a daemon")
        with started(config) as ready:
            if "auth_token" in fields:
                say(f"the calls resource is http://{ready['http']}/2010-04-01")
            target = f"sip:{NUMBER}@{ready['sip'].partition(',')[0].partition(':')[2]}"
            if turns:
                asyncio.run(_converse(settings, target, turns, record or folder / "sound.wav", say))
            else:
                _telephone(target, play, silent, record)
            call = completed_call(load_settings(config).store, lambda call: bool(call.hand_offs), RECORD_SECONDS)
    if call is None:
        raise IvrError("the agent had no call")
    for line in outcome(call):
        click.echo(line)
    if record is not None:
        click.echo(f"sound         {record}")
    if broke(call):
        raise click.exceptions.Exit(1)


# The agent, and a daemon for it


def agent_of(settings: Settings, agent: str, keys: Iterable[str]) -> dict[str, Any]:
    """What `ai_agents` says of an agent: one of the configuration, or one made of a URL; with the keys of `--set`."""
    if "://" in agent:
        found: dict[str, Any] = {"url": agent}
        if agent.startswith("tcp://"):
            found["protocol"] = "audiosocket"
    elif agent in settings.ai_agents:
        found = _plain(settings.ai_agents[agent].model_dump(exclude_unset=True))
        found["account"] = settings.ai_agents[agent].account_sid(agent)
    else:
        names = ", ".join(settings.ai_agents) or "none"
        raise click.UsageError(f"ivr.yaml has no AI agent {agent!r}; it has {names}. A URL begins with ws:// or wss://")
    for one in keys:
        key, equals, text = one.partition("=")
        try:
            found[key] = yaml.safe_load(text)
        except yaml.YAMLError:
            equals = ""
        if not key or not equals:
            raise click.BadParameter(f"{one!r} is not KEY=VALUE", param_hint="--set")
    return found


def _plain(value: Any) -> Any:
    """A setting as the configuration file has it, secrets too."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def _written(folder: Path, settings: Settings, agent: Mapping[str, Any]) -> Path:
    """The configuration of a daemon with this agent behind a number, in a folder that nobody else reads."""
    for part in ("flows", "prompts"):
        (folder / part).mkdir()
    (folder / "flows" / "bot.yaml").write_text(yaml.safe_dump(FLOW, sort_keys=False))
    config = folder / "ivr.yaml"
    config.write_text(
        yaml.safe_dump(
            {
                "sip": {"listen": [f"udp:127.0.0.1:{_free(socket.SOCK_DGRAM)}"]},
                "http": {"listen": _http(), "allow": _allowed(agent)},
                "media": {"ports": DAEMON_PORTS, "workers": 1},
                "speech": _plain(settings.speech.model_dump(exclude_unset=True)),
                "ai_agents": {"bot": dict(agent)},
            },
            sort_keys=False,
        )
    )
    return config


def _allowed(agent: Mapping[str, Any]) -> list[str]:
    """The address of the agent, which may be a private one: it is named on the command line."""
    try:
        parts = urlsplit(str(agent.get("url", "")))
        port = parts.port or (443 if parts.scheme == "wss" else 80)
    except ValueError:
        return []  # the daemon says what is wrong with it
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    return [f"{host}:{port}"] if host else []


def _http() -> str:
    """Where bots that hang up by HTTP look for the daemon unless they are told otherwise, where that is free."""
    with socket.socket() as found:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind(USUAL_HTTP)
        except OSError:
            return f"127.0.0.1:{_free(socket.SOCK_STREAM)}"
    return f"{USUAL_HTTP[0]}:{USUAL_HTTP[1]}"


def _free(kind: int) -> int:
    with socket.socket(socket.AF_INET, kind) as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


# The caller


def _telephone(target: str, play: Path | None, silent: bool, record: Path | None) -> None:
    """Somebody at this terminal talks to the agent."""
    from ivr.cli.phone.command import Options, run
    from ivr.cli.phone.engine import PhoneError

    options = Options(
        target=target,
        user="caller",
        password="",
        name="",
        registrar="",
        home="",
        listen=None,
        input=None,
        output=None,
        play=play,
        record=record,
        silent=silent,
        loop=False,
        answer=False,
        keys=None,
        dtmf=None,
        duration=None,
        codecs=("pcmu", "pcma"),
        srtp="off",
        ca=None,
        transfers=False,
        engine="own",
    )
    try:
        run(options, None, as_json=False, plain=False)
    except PhoneError as error:
        raise PhoneError(f"{error}; or say beforehand what you will: {EXAMPLE}") from error


async def _converse(settings: Settings, target: str, turns: Iterable[str], path: Path, say: Say) -> None:
    """Say what is to be said, each time that the agent pauses."""
    from ivr.call.caller import Caller, CallerOptions

    spoken = await _spoken(settings, [turn for turn in turns if not KEYS.issuperset(turn)])
    first = FIRST_PORT + os.getpid() % PORT_SETS * PORTS_OF_CALLER
    async with Caller(CallerOptions(media_ports=(first, first + PORTS_OF_CALLER - 1))) as caller:
        await caller.call(target)
        caller.record(path)
        say("on the line; listening")
        for turn in turns:
            await caller.quiet(PAUSE_SECONDS, longest=LISTEN_SECONDS)
            if caller.ended.is_set():
                break
            if turn in spoken:
                say(f"you say: {turn}")
                await caller.say(spoken[turn])
            else:
                say(f"you press {turn}")
                await caller.press(turn)
        await caller.quiet(LAST_PAUSE_SECONDS, longest=LISTEN_SECONDS)
        say("the call is over" if caller.ended.is_set() else "you hang up")
        await caller.hang_up()


async def _spoken(settings: Settings, texts: list[str]) -> dict[str, Sound]:
    """Texts as the configured engine says them."""
    from media import PromptStore, SpeechConfig

    if not texts:
        return {}
    speech = settings.speech
    config = SpeechConfig(speech.engine, speech.language, speech.voice, speech.command, speech.options)
    store = PromptStore(settings.cache, settings.prompts, config)
    await store.start()
    try:
        return {text: await store.speech(text, speech.language) for text in texts}
    finally:
        await store.close()


# What came of it


def broke(call: CallRecord) -> bool:
    """Whether the agent was not there, or did not hold out to the end."""
    return call.hand_offs[-1]["outcome"] in BROKEN


def outcome(call: CallRecord) -> list[str]:
    """What the record says of the talk, a line each."""
    entry = call.hand_offs[-1]
    step: Mapping[str, Any] = next((step for step in call.path if step["element"] == "talk"), {})
    text = f" ({entry['text']})" if entry.get("text") else ""
    rows: list[tuple[str, object]] = [
        ("given back", f"{entry['outcome']}{text}"),
        ("target", step.get("target")),
        ("summary", step.get("summary")),
        ("variables", step.get("variables")),
        ("connected", _seconds(entry.get("connect_seconds"))),
        ("first heard", _seconds(entry.get("first_sound_seconds"))),
        ("talked", _seconds(entry.get("talk_time"))),
        ("interrupted", f"{entry['clears']} times" if entry.get("clears") else None),
        ("marks, keys", f"{entry.get('marks', 0)}, {entry.get('keys', 0)}"),
        ("left out", entry.get("odd")),
    ]
    return [f"{name:13} {value}" for name, value in rows if value]


def _seconds(value: object) -> str | None:
    return None if value is None else f"{value} s"
