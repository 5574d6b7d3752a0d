"""The command `ivr phone`: what it is told, and what it runs."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import json
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import click

from ivr.cli.options import config_option, settings_of
from ivr.cli.phone.engine import Engine, PhoneError, PhoneEvent
from ivr.cli.phone.script import COMMANDS, KEYS, Step, StepFailed, Witness, parse_line, parse_script, perform
from ivr.errors import ConfigError, IvrError
from ivr.settings import Settings
from ivr.units import parse_duration

__all__ = ["Options", "Plain", "command", "make_engine", "run"]

EXIT_FAULTS = 1
ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def _duration(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    try:
        return None if value is None else float(parse_duration(value))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def _listen(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> tuple[str, str, int] | None:
    if value is None:
        return None
    kind, _, rest = value.partition(":")
    host, _, port = rest.rpartition(":")
    if kind not in ("udp", "tcp", "tls") or not host or not port.isdigit() or int(port) > 65535:
        raise click.BadParameter("like udp:192.0.2.7:5060, port 0 for a free one")
    return kind, host.strip("[]"), int(port)


def _keys(_ctx: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and KEYS.fullmatch(value) is None:
        raise click.BadParameter("keys are of 0123456789*#ABCD")
    return value


def _playable(_ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> Path | None:
    if value is not None:
        import soundfile

        try:
            soundfile.info(str(value))
        except (OSError, RuntimeError) as error:
            raise click.BadParameter(f"{value} cannot be played: {error}") from None
    return value


def _recordable(_ctx: click.Context, _parameter: click.Parameter, value: Path | None) -> Path | None:
    if value is not None and not value.parent.is_dir():
        raise click.BadParameter(f"there is no folder {value.parent}")
    return value


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says."""

    target: str | None
    user: str
    password: str
    name: str
    registrar: str
    home: str
    """Where numbers are called that name no host, registered or not."""
    listen: tuple[str, str, int] | None
    input: str | None
    output: str | None
    play: Path | None
    record: Path | None
    silent: bool
    loop: bool
    answer: bool
    keys: str | None
    dtmf: str | None
    duration: float | None
    codecs: tuple[str, ...]
    srtp: Literal["off", "optional", "required"]
    ca: Path | None
    transfers: bool
    engine: str


@click.command("phone", epilog="Commands of scripts:\n\n\b\n" + "\n".join(f"{c:42} {t}" for c, t in COMMANDS.items()))
@click.argument("uri", required=False)
@click.option("--user", "-u", metavar="NAME", help="Our account, and what others call.  [default: phone]")
@click.option("--password", "-p", metavar="TEXT", envvar="IVR_PHONE_PASSWORD", help="Of the account.")
@click.option("--registrar", "-r", metavar="HOST", help="Register there: HOST, HOST:PORT, sip:HOST;transport=tls.")
@click.option("--as", "phone", metavar="PHONE", help="Be this phone of ivr.yaml: its name, its password, our daemon.")
@click.option("--name", metavar="TEXT", default="", help="Name shown to who is called.")
@click.option("--listen", callback=_listen, metavar="ADDRESS", help="Where calls come to: udp:192.0.2.7:5060.")
@click.option("--input", "-i", "input_", metavar="DEVICE", help="Microphone, by a part of its name.")
@click.option("--output", "-o", metavar="DEVICE", help="Speaker, by a part of its name.")
@click.option(
    "--play",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    callback=_playable,
    help="File in place of both.",
)
@click.option("--loop", is_flag=True, help="Play it again and again.")
@click.option("--silent", is_flag=True, help="Neither microphone nor speaker.")
@click.option(
    "--record",
    type=click.Path(dir_okay=False, path_type=Path),
    callback=_recordable,
    help="WAV, stereo: left what is heard.",
)
@click.option("--answer", type=click.Choice(["ask", "auto"]), default="ask", show_default=True, help="Incoming calls.")
@click.option("--keys", callback=_keys, metavar="KEYS", help="Press these once the call stands.")
@click.option("--dtmf", type=click.Choice(["events", "info", "tones"]), help="How.  [default: as agreed]")
@click.option("--duration", callback=_duration, metavar="DURATION", help="Hang up so long after the answer.")
@click.option("--codecs", metavar="LIST", default="pcma,pcmu", show_default=True, help="Of pcma, pcmu, g722, opus.")
@click.option("--srtp", type=click.Choice(["off", "optional", "required"]), default="off", show_default=True)
@click.option("--ca", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="PEM to verify TLS servers.")
@click.option("--no-transfers", is_flag=True, help="Do not call whom the other side says.")
@click.option("--script", metavar="FILE", help="Do what it says, line by line, and end; - reads standard input.")
@click.option("--json", "as_json", is_flag=True, help="Print events as JSON, a line each.")
@click.option("--plain", is_flag=True, help="Print events as text, without a screen.")
@click.option("--engine", type=click.Choice(["own", "pyvoip"]), default="own", show_default=True, help="SIP stack.")
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    /,
    uri: str | None,
    user: str | None,
    password: str | None,
    registrar: str | None,
    phone: str | None,
    listen: tuple[str, str, int] | None,
    input_: str | None,
    output: str | None,
    codecs: str,
    answer: str,
    no_transfers: bool,
    script: str | None,
    as_json: bool,
    plain: bool,
    **rest: Any,
) -> None:
    """Call URI, or wait for calls where none is given.

    URI is sip:NAME@HOST, NAME@HOST, or a number of the registrar; without one, of the daemon of ivr.yaml. Exit code 0:
    there was a call, or the script came to its end; 1: the call failed, or a step did; 2: the command line or the
    script is wrong.
    """
    home = registrar or ""
    if phone is not None:
        settings = settings_of(ctx, need_secrets=True)
        entry = settings.phones.get(phone)
        if entry is None:
            raise click.UsageError(f"ivr.yaml has no phone {phone!r}; it has {', '.join(settings.phones) or 'none'}")
        user, password = user or phone, password or entry.password.get_secret_value()
        home = registrar = registrar or _daemon(settings)
    elif not home and (script is not None if uri is None else _is_number(uri)):
        with contextlib.suppress(IvrError):
            home = _daemon(settings_of(ctx))
    chosen = tuple(part.strip().lower() for part in codecs.split(",") if part.strip())
    if not chosen or set(chosen) - {"pcma", "pcmu", "g722", "opus"}:
        raise click.BadParameter("of pcma, pcmu, g722, opus", param_hint="--codecs")
    options = Options(
        target=uri,
        user=user or "phone",
        password=password or "",
        registrar=registrar or "",
        home=home,
        listen=listen,
        input=input_,
        output=output,
        codecs=chosen,
        answer=answer == "auto",
        transfers=not no_transfers,
        **rest,
    )
    steps = _steps(script)
    code = run(options, steps, as_json=as_json, plain=plain)
    ctx.exit(code)


def _is_number(uri: str) -> bool:
    return "@" not in uri and not uri.lower().startswith(("sip:", "sips:"))


def _daemon(settings: Settings) -> str:
    """Where the daemon of a configuration takes calls, as a registrar."""
    for listener in settings.sip.listen:
        if listener.transport in ("udp", "tcp"):
            host = ANY.get(listener.host, listener.host)
            host = f"[{host}]" if ":" in host else host
            way = ";transport=tcp" if listener.transport == "tcp" else ""
            return f"sip:{host}:{listener.port}{way}"
    raise PhoneError("sip.listen has no listener for phones on this machine (udp or tcp)")


def _steps(script: str | None) -> list[Step] | Iterator[Step] | None:
    if script is None:
        return None
    try:
        text = sys.stdin.read() if script == "-" else Path(script).read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"the script cannot be read: {error}") from error
    try:
        return parse_script(text, "" if script == "-" else script)
    except ConfigError as error:
        raise click.UsageError("\n".join(str(fault) for fault in error.faults)) from None


def run(options: Options, steps: list[Step] | Iterator[Step] | None, *, as_json: bool, plain: bool) -> int:
    """Telephone; the exit code."""
    sys.setswitchinterval(0.001)  # the sound has a thread of its own, which must not wait for the screen
    engine = make_engine(options)
    person = sys.stdout.isatty() and sys.stdin.isatty()
    if as_json or plain or steps is not None or not person:
        return asyncio.run(Plain(options, engine, as_json=as_json).run(steps))
    if importlib.util.find_spec("textual") is None:
        click.echo("ivr: without a screen, which needs Textual: pip install 'ivr[phone]'", err=True)
        return asyncio.run(Plain(options, engine, as_json=as_json).run(steps))
    from ivr.cli.phone.screen import PhoneApp

    return PhoneApp(engine, options.target, keys=options.keys, duration=options.duration).telephone()


def make_engine(options: Options) -> Engine:
    """The engine that the options ask for."""
    if options.engine == "pyvoip":
        from ivr.cli.phone.pyvoip import make_pyvoip

        return make_pyvoip(options)
    from ivr.cli.phone.making import make_own

    return make_own(options)


class Plain:
    """The phone without a screen: prints what happens."""

    def __init__(self, options: Options, engine: Engine, *, as_json: bool) -> None:
        self._options = options
        self._engine = engine
        self._json = as_json
        self._begun = time.monotonic()
        self._witness = Witness()
        self._answered = False
        self._failed = False
        self._over = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        engine.on_event = self._on_event

    def _on_event(self, event: PhoneEvent) -> None:
        self._print(event)
        self._witness.note(event)
        if event.kind == "answered":
            self._answered = True
            self._on_answer()
        elif event.kind == "ended":
            self._over.set()

    def _print(self, event: PhoneEvent) -> None:
        at = time.monotonic() - self._begun
        if self._json:
            fields = {name: value for name, value in event.fields.items() if value is not None}
            click.echo(json.dumps({"event": event.kind, "at": round(at, 3), "text": event.text, **fields}))
        else:
            click.echo(f"{at:7.2f}  {event.text}")

    def _on_answer(self) -> None:
        options = self._options
        try:
            if options.keys:
                self._engine.keys(options.keys, options.dtmf)
        except IvrError as error:
            self._tell_error(error)
        if options.duration is not None and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(options.duration, self._hang_up)

    def _hang_up(self) -> None:
        self._timer = None
        with contextlib.suppress(IvrError):
            self._engine.hang_up()

    def _tell_error(self, error: IvrError) -> None:
        self._failed = True
        self._on_event(PhoneEvent("error", str(error)))

    async def run(self, steps: list[Step] | Iterator[Step] | None) -> int:
        """Telephone; the exit code."""
        engine, options = self._engine, self._options
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        if task is not None:
            # As asyncio.run does with SIGINT: who is told to stop hangs up and takes its registration back.
            loop.add_signal_handler(signal.SIGTERM, task.cancel)
        try:
            await engine.start()
            self._tell_where()
            if options.target is not None:
                engine.dial(options.target)
            if steps is not None:
                await perform(steps, engine, self._witness)
            elif options.target is not None:
                await self._until_over()
            else:
                await self._serve()
        except StepFailed as error:
            click.echo(f"ivr: {error}", err=True)
            self._failed = True
        except (KeyboardInterrupt, asyncio.CancelledError):
            pass
        finally:
            loop.remove_signal_handler(signal.SIGTERM)
            if self._timer is not None:
                self._timer.cancel()
            await engine.close()
        if steps is not None:
            return EXIT_FAULTS if self._failed else 0
        return 0 if (self._answered or options.target is None) and not self._failed else EXIT_FAULTS

    def _tell_where(self) -> None:
        addresses = getattr(self._engine, "addresses", [])
        if self._options.target is None and addresses:
            transport, host, port = addresses[0]
            self._print(
                PhoneEvent(
                    "ready",
                    f"calls come to {self._options.user} at {transport}:{host}:{port}",
                    {"transport": transport, "host": host, "port": port},
                )
            )

    async def _until_over(self) -> None:
        """Until the call is over; lines of a terminal are commands."""
        typed = asyncio.ensure_future(self._typed())
        try:
            await self._over.wait()
        finally:
            typed.cancel()

    async def _serve(self) -> None:
        """Take calls until told to stop; with --duration and --answer auto one call is all."""
        typed = asyncio.ensure_future(self._typed())
        try:
            while True:
                await self._over.wait()
                self._over.clear()
                if self._options.duration is not None:
                    return
        finally:
            typed.cancel()

    async def _typed(self) -> None:
        """Do what is typed."""
        if not sys.stdin.isatty():
            return
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            try:
                step = parse_line(line.decode(errors="replace"))
                if step is not None:
                    await perform([step], self._engine, self._witness)
            except (ValueError, StepFailed) as error:
                click.echo(f"ivr: {error}", err=True)
