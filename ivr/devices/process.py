"""The process of one line: its hardware and a SIP endpoint, joined as :class:`ivr.devices.line.Line` decides.

Configuration comes as one line of JSON on standard input, whose end is the end of the process. What it tells the daemon
is said in :mod:`ivr.devices.supervisor`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from pydantic import TypeAdapter

from ivr.devices import line as core
from ivr.devices.hardware import Back, Gone, Hardware, HardwareEvent, Key
from ivr.endpoint import (
    Answered,
    CallEvent,
    Ended,
    Endpoint,
    EndpointCall,
    EndpointConfig,
    EndpointError,
)
from ivr.endpoint import Key as CallKey
from ivr.settings import DeviceLine, Modem, SoundCard
from ivr.sip import Capabilities, NameAddr, Uri

__all__ = ["LineShell", "Setup", "hardware_of", "main", "read_setup"]

log = logging.getLogger("ivr.devices.line")

ALIVE_EVERY: Final = 1.0
"""Seconds between signs of life."""
END_SECONDS: Final = 4.0
"""For hanging up when the daemon ends; a driver that hangs longer is left to the kernel."""
MAX_NAME: Final = 64
"""Characters of a caller's name."""

_LINE: Final[TypeAdapter[Modem | SoundCard]] = TypeAdapter(Modem | SoundCard)
_DIALLABLE: Final = re.compile(r"[^0-9*#A-D+,]")
ANONYMOUS: Final = NameAddr(Uri("sip", "anonymous", "anonymous.invalid"), "Anonymous")
"""RFC 3323 §4.1.1.3."""


@dataclass(frozen=True, slots=True)
class Setup:
    """What a process is told."""

    name: str
    """Of the line."""
    line: Modem | SoundCard
    """Its settings."""
    socket: int
    """File descriptor of the UDP socket that its SIP has."""
    daemon: tuple[str, int]
    """Where the daemon hears it, and where alone calls are taken from."""
    level: str
    """Of the log."""


def read_setup(text: str) -> Setup:
    """The setup in a line of JSON; ValueError for any other."""
    data = json.loads(text)
    host, port = data["daemon"]
    return Setup(data["name"], _LINE.validate_python(data["line"]), data["socket"], (host, port), data["level"].upper())


def hardware_of(line: DeviceLine) -> Hardware:
    """What a line's settings describe. Its libraries are loaded here, in the line's own process alone."""
    if isinstance(line, Modem):
        from ivr.devices.modem import ModemHardware

        return ModemHardware(line)
    if isinstance(line, SoundCard):
        from ivr.devices.card import CardHardware

        return CardHardware(line)
    raise TypeError(type(line).__name__)


class LineShell:
    """Carries out what the state machine decides, and feeds it."""

    def __init__(self, setup: Setup, hardware: Hardware, endpoint: Endpoint, say: Callable[[str], None]) -> None:
        """`say` tells the daemon a line."""
        self._setup = setup
        self._hardware = hardware
        self._endpoint = endpoint
        self._say = say
        self._calls: dict[int, EndpointCall] = {}
        self.line = core.Line(early_media=hardware.early_media)
        hardware.on_event = self.on_hardware
        endpoint.on_incoming = self.on_incoming
        endpoint.out_of_service = self.line.trouble

    # Events

    def on_hardware(self, event: HardwareEvent) -> None:
        """The hardware tells something."""
        if isinstance(event, Back):
            self._say(f"back {event.what}")
        elif isinstance(event, Gone):
            self._say(f"gone {event.reason}")
        if not isinstance(event, Key):
            log.debug("hardware: %s", type(event).__name__)
        self._feed(event)
        self._endpoint.out_of_service = self.line.trouble or None

    def on_incoming(self, call: EndpointCall) -> None:
        """The daemon calls."""
        number = self.line.new_call()
        self._keep(number, call)
        called = call.called.uri.user if call.called is not None else ""
        self._feed(core.Offered(number, self._setup.line.dial_prefix + _DIALLABLE.sub("", called.upper())))

    def _on_call(self, number: int, event: CallEvent) -> None:
        call = self._calls.get(number)
        if call is None:
            return
        match event:
            case Answered() if call.direction == "out":
                self._feed(core.Taken(number))
            case CallKey(digit=digit):
                self._feed(core.Pressed(number, digit))
            case Ended(cause=cause, status=status, reason=reason):
                del self._calls[number]
                log.info("call over: %s%s%s", cause, f" {status}" if status else "", f" ({reason})" if reason else "")
                self._feed(core.Over(number, reason))

    def _feed(self, event: HardwareEvent | core.CallEvent) -> None:
        before = self.line.state
        for command in self.line.receive(event):
            self._do(command)
        if self.line.state is not before:
            log.info("%s, %s -> %s", type(event).__name__, before.value, self.line.state.value)

    # Commands

    def _do(self, command: core.Command) -> None:
        hardware = self._hardware
        match command:
            case core.TakeUp():
                hardware.answer()
            case core.Dial(number=number):
                hardware.dial(number)
            case core.HangUp():
                hardware.hang_up()
            case core.SoundKey(digit=digit):
                hardware.send_key(digit)
            case core.Place():
                self._place(command)
            case _:
                call = self._calls.get(command.call)
                if call is not None:
                    self._do_in_call(command, call)

    def _do_in_call(self, command: core.Command, call: EndpointCall) -> None:
        try:
            match command:
                case core.Connect():
                    call.paused = False
                case core.Progress(heard=True):
                    call.early_media()
                case core.Progress():
                    call.ring()
                case core.Accept():
                    call.answer()
                case core.SendKey(digit=digit):
                    call.send_keys(digit)
                case core.Reject(status=status, reason=reason):
                    call.reject(status, reason)
                case core.End(reason=reason):
                    call.hang_up(_reason_header(reason) if reason else None)
        except EndpointError as error:
            # A call that cannot go on has told its end, or does so at once.
            log.info("%s: %s", type(command).__name__, error)

    def _place(self, command: core.Place) -> None:
        setup = self._setup
        host, port = setup.daemon
        name = "".join(c for c in command.name if c.isprintable())[:MAX_NAME]
        caller = NameAddr(Uri("sip", command.caller, host), name) if command.caller else ANONYMOUS
        number = setup.line.number or setup.name
        try:
            call = self._endpoint.invite(Uri("sip", number, host, port), from_=caller)
        except EndpointError as error:
            log.warning("a call cannot be offered to the daemon: %s", error)
            self._feed(core.Over(command.call))
            return
        # Prompts begin with the first sound of the line: none is sent before the hardware is through.
        call.paused = True
        self._keep(command.call, call)

    def _keep(self, number: int, call: EndpointCall) -> None:
        self._calls[number] = call
        call.on_event = partial(self._on_call, number)


def _reason_header(reason: str) -> str:
    """A Reason header (RFC 3326): Q.850 cause 27, destination out of order."""
    text = "".join(c for c in reason if c.isprintable() and c not in '"\\')
    return f'Q.850;cause=27;text="{text}"'


# The process


def _capabilities(line: DeviceLine) -> Capabilities:
    wide = isinstance(line, SoundCard) and line.wideband
    return Capabilities(codecs=("g722", "pcmu", "pcma") if wide else ("pcmu", "pcma"))


async def run(setup: Setup, hardware: Hardware, stopping: threading.Event, say: Callable[[str], None]) -> None:
    """Serve the line until `stopping` is set, by whatever thread."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    bound = socket.socket(fileno=setup.socket)
    bound.setblocking(False)
    _empty(bound)
    config = EndpointConfig(
        listen=None,
        user=setup.name,
        capabilities=_capabilities(setup.line),
        inband="off",
        # A call that the line cannot take is told so by the line itself.
        max_calls=8,
        inner=setup.daemon,
        inner_socket=bound,
        user_agent="ivr line",
        media_timeout=0.0,
    )
    endpoint = Endpoint(config, lambda: hardware.device)
    shell = LineShell(setup, hardware, endpoint, say)

    def watch() -> None:
        stopping.wait()
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=watch, name="watch", daemon=True).start()
    await endpoint.start()
    try:
        host, port = bound.getsockname()
        say(f"ready sip=udp:{host}:{port}")
        await hardware.start()
        while not stop.is_set():
            say("alive")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ALIVE_EVERY):
                    await stop.wait()
    finally:
        await endpoint.close()
        await hardware.close()
        del shell


def _empty(bound: socket.socket) -> None:
    """Read away what came for the process before: whoever sent it has given up, or sends it again."""
    with contextlib.suppress(BlockingIOError):
        while True:
            bound.recv(1)


def main(hardware: Callable[[DeviceLine], Hardware] = hardware_of) -> int:
    """Run one line; the exit code. `hardware` makes what its settings describe."""
    # The daemon is told to end, and lets calls come to their end; this process ends with its standard input.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        setup = read_setup(sys.stdin.readline())
    except (ValueError, KeyError, TypeError) as error:
        print(f"ivr.devices is started by the daemon: {error}", file=sys.stderr)
        return 2
    _set_up_logging(setup.level)
    stopping = threading.Event()
    threading.Thread(target=_end_with_input, args=(stopping,), name="stdin", daemon=True).start()
    try:
        asyncio.run(run(setup, hardware(setup.line), stopping, _say))
    except Exception:
        log.exception("the line cannot go on")
        return 1
    return 0


def _end_with_input(stopping: threading.Event) -> None:
    """Wait for the end of standard input; should the loop hang then, end all the same."""
    sys.stdin.read()
    stopping.set()
    threading.Event().wait(END_SECONDS)
    os._exit(1)


def _say(text: str) -> None:
    with contextlib.suppress(OSError):  # the daemon has died: the end of standard input tells the same
        print(" ".join(text.split()), flush=True)


class _Lines(logging.Formatter):
    """JSON objects that the daemon puts into its own log."""

    def format(self, record: logging.LogRecord) -> str:
        message = record.getMessage()
        if record.exc_info:
            message += "\n" + self.formatException(record.exc_info)
        return json.dumps({"level": record.levelname, "logger": record.name, "message": message})


def _set_up_logging(level: str) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
