"""Two runtimes call each other: by a trunk, by two modems on an exchange, by two sound cards. Sound goes both ways, and
a key takes a branch at the other side.

    test's endpoint --SIP--> caller --line--> called: plays 600 Hz, hears a key, plays 900 Hz, records what it hears
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ivr.endpoint import Answered, Ended, Endpoint, EndpointCall, EndpointConfig
from ivr.settings import load_settings
from tests.interop.conftest import make_config
from tests.kit.daemon import Daemon
from tests.kit.fake_line import ToneDevice
from tests.kit.modem import Handset, Office
from tests.kit.pipewire import PipeWire, missing
from tests.kit.sound import read_wav, write_wav

pytestmark = [pytest.mark.interop]

WAIT = 25.0
"""Seconds for what takes rings, dialling and a modem's commands."""
LOOK_EVERY = 0.05
AGAIN = 5.0
"""Seconds until a key is pressed again: a loaded machine tears tones of sound cards."""
END = "the end"
TOLERANCE = 30.0
"""Hz by which a tone may seem another where frames are lost."""
HELLO, TAKEN, CALLER = 600.0, 900.0, 440.0
"""Hz: what the called runtime plays before and after the key, and what the caller sounds."""

LINES = {"trunk": "101", "modem": "102", "card": "103"}
"""Lines of both, and the numbers by which the first is called to call through them."""
CALLING = {
    f"by_{line}": f"""
        elements:
          start: {{type: start_incoming_call, numbers: ["{number}"], next: call}}
          call: {{type: forward_call, to: "4200", line: {line}, timeout: 40s,
                 branches: {{no_answer: done, busy: done, declined: done, call_not_forwarded: done}}}}
          done: {{type: hang_up}}
    """
    for line, number in LINES.items()
}
CALLED = {
    "in": """
        elements:
          start: {type: start_incoming_call, numbers: ["4200"], next: hello}
          hello: {type: play, file: hello.wav, interruptible: true, next: ask}
          ask: {type: collect, max_digits: 1, wait: 20s, responses: {"5": taken},
                branches: {no_match: wrong, no_input: wrong}}
          wrong: {type: hang_up}
          taken: {type: play, file: taken.wav, next: keep}
          keep: {type: record_voicemail, name: "{{ call.line }}", max_duration: 1500ms, beep: false,
                 branches: {voicemail_recorded: done}}
          done: {type: hang_up}
    """
}


def sine(frequency: float, seconds: float) -> NDArray[np.float64]:
    at = np.arange(round(8000 * seconds)) / 8000
    return 8000 * np.sin(2 * np.pi * frequency * at)


def loudest(sound: NDArray[np.float64]) -> float:
    """The strongest frequency, Hz."""
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
    return float(np.argmax(spectrum) * 8000 / len(sound))


class Telephone:
    """Somebody who calls the first runtime: an endpoint with a tone that can be switched on."""

    def __init__(self) -> None:
        self.device = ToneDevice(CALLER)
        self.call: EndpointCall
        self.pressed = 0.0
        self.told: list[Any] = []

    async def until(self, holds: Callable[[], bool], what: str, why: Callable[[], str]) -> None:
        end = time.monotonic() + WAIT
        while not holds():
            over = time.monotonic() > end or (self.has(Ended) and what != END)
            assert not over, f"{what}: not within {WAIT:g} s, or not before the end: {self.told}\n{why()}"
            await asyncio.sleep(LOOK_EVERY)

    def press(self, key: str) -> bool:
        """Press a key, and again after a while, as people do."""
        if time.monotonic() > self.pressed + AGAIN:
            self.pressed = time.monotonic()
            self.call.send_keys(key)
        return True

    def hears(self, frequency: float) -> bool:
        return abs(self.device.loudest() - frequency) < TOLERANCE

    def has(self, kind: type) -> bool:
        return any(isinstance(event, kind) for event in self.told)


@dataclasses.dataclass
class Pair:
    """Two runtimes with lines between them."""

    calling: Daemon
    called: Daemon

    def why(self) -> str:
        return f"calling:\n{self.calling.log()}\ncalled:\n{self.called.log()}"

    async def converse(self, line: str) -> None:
        """A call from one end to the other by a line."""
        phone, why = Telephone(), self.why
        for daemon in (self.calling, self.called):
            await phone.until(lambda daemon=daemon: usable(daemon, line), f"a {line} that can be used", why)  # type: ignore[misc]
        async with Endpoint(EndpointConfig(), lambda: phone.device) as endpoint:
            phone.call = call = endpoint.invite(f"sip:{LINES[line]}@127.0.0.1:{self.calling.sip_port}")
            call.on_event = phone.told.append
            call.muted = True
            await phone.until(lambda: phone.has(Answered), f"the answer by {line}", why)
            await phone.until(lambda: phone.hears(HELLO), f"the prompt of the other runtime by {line}", why)
            await phone.until(lambda: phone.press("5") and phone.hears(TAKEN), f"the branch of the key by {line}", why)
            call.muted = False
            await asyncio.to_thread(self.record, self.called, "line", line)
            call.muted = True
            if line == "card":
                # A line of a card hears the end by three turns of a busy tone, which a loaded machine may tear.
                call.hang_up()
            await phone.until(call.finished.is_set, END, why)

    def record(self, daemon: Daemon, name: str, value: str) -> dict[str, Any]:
        """The record of a call, once it is there."""
        end = time.monotonic() + WAIT
        while not (found := [record for record in daemon.records(0) if record[name] == value]):
            assert time.monotonic() < end, f"no record of {name} {value}\n{self.why()}"
            time.sleep(LOOK_EVERY)
        return found[0]

    def judge(self, line: str) -> None:
        """Look at what both have kept of it."""
        assert self.record(self.called, "line", line)["cause"] == "ended_by_flow", self.why()
        assert self.record(self.calling, "called", LINES[line])["cause"] == "forwarded", self.why()
        (recorded,) = load_settings(self.called.config).recordings.rglob(f"*{line}*.wav")
        sound = read_wav(recorded)[:, 0]
        heard = loudest(sound[len(sound) // 2 :])
        assert abs(heard - CALLER) < TOLERANCE, f"{line}: {heard} Hz was recorded\n{self.why()}"


def children(pid: int) -> list[int]:
    """Processes that one has started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def command(pid: int) -> str:
    """The command line of a process; empty: it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def usable(daemon: Daemon, line: str) -> bool:
    """Whether calls go out by a line, as the HTTP interface has it."""
    (found,) = (one for one in daemon.get("/v1/lines")["lines"] if one["name"] == line)
    return bool(found["usable"])


async def call_by(folder: Path, lines: dict[str, tuple[str, str]], environment: dict[str, str] | None = None) -> None:
    """Two runtimes with these lines between them, the first's and the second's, have a call by each at once."""
    configs = []
    for place, flows in enumerate((CALLING, CALLED)):
        text = "".join(f"  {line}: {settings[place]}\n" for line, settings in lines.items())
        known = {name: flow for name, flow in flows.items() if name.removeprefix("by_") in (*lines, "in")}
        configs.append(make_config(folder / f"{place}", known, extra=f"lines:\n{text}"))
    for own, other in (configs, configs[::-1]):
        port = other.read_text().split("'udp:127.0.0.1:")[1].split("'")[0]
        own.write_text(own.read_text().replace("PORT", port))
    prompts = configs[1].parent / "prompts"
    write_wav(prompts / "hello.wav", sine(HELLO, 12.0))
    write_wav(prompts / "taken.wav", sine(TAKEN, 1.5))
    both = [Daemon(config, environment) for config in configs]
    pair = Pair(*both)
    try:
        await asyncio.gather(*(asyncio.to_thread(daemon.__enter__) for daemon in both))
        await asyncio.gather(*(pair.converse(line) for line in lines))
        for line in lines:
            pair.judge(line)
    finally:
        await asyncio.gather(*(asyncio.to_thread(daemon.__exit__) for daemon in both))


async def test_by_a_trunk_and_by_two_modems_on_an_exchange(tmp_path: Path) -> None:
    with Office(ring=(0.3, 0.4), id_first=True, quick=True) as office:
        modems = [
            f"{{type: modem, port: {office.modem('cx93010', number).port}, profile: cx93010, answer_after_rings: 1,"
            f" number: '{number}', ring_back_gone: 1s}}"
            for number in ("4100", "4200")
        ]
        trunk = "{type: sip_trunk, host: 127.0.0.1, port: PORT}"
        await call_by(tmp_path, {"trunk": (trunk, trunk), "modem": (modems[0], modems[1])})


@pytest.mark.heavy
@pytest.mark.skipif(bool(missing()), reason=missing())
async def test_by_two_sound_cards(tmp_path: Path) -> None:
    with PipeWire(tmp_path / "sound", ("there", "back")) as sound:
        sound.add("there")
        sound.add("back")
        common = "type: sound_card, hid: off, echo: off, number: '4200'"
        calling = f"{{{common}, output: there, input: back, dial: tones, answer: ring}}"
        called = f"{{{common}, output: back, input: there, answer: voice}}"
        await call_by(tmp_path, {"card": (calling, called)}, sound.environment)


@contextlib.contextmanager
def modem_in_a_call(folder: Path) -> Iterator[tuple[Daemon, Office, Handset, int]]:
    """A daemon whose modem has answered a telephone, the exchange, that telephone, and the line's process."""
    with Office(ring=(0.3, 0.4), id_first=True, quick=True) as office:
        phone = office.phone("4900")
        line = f"{{type: modem, port: {office.modem('cx93010', '4200').port}, answer_after_rings: 1, number: '4200'}}"
        config = make_config(folder / "called", CALLED, extra=f"lines:\n  modem: {line}\n")
        write_wav(config.parent / "prompts" / "hello.wav", sine(HELLO, 12.0))
        write_wav(config.parent / "prompts" / "taken.wav", sine(TAKEN, 1.5))
        with Daemon(config) as daemon:
            office.until(lambda: usable(daemon, "modem"), WAIT)
            phone.call("4200")
            office.until(lambda: phone.tone == "voice", WAIT)
            (pid,) = (pid for pid in children(daemon.process.pid) if "ivr.devices" in command(pid))
            yield daemon, office, phone, pid


@pytest.mark.heavy
def test_a_daemon_that_is_killed_leaves_its_modem_on_hook(tmp_path: Path) -> None:
    with modem_in_a_call(tmp_path) as (daemon, office, phone, pid):
        daemon.kill()
        office.until(lambda: phone.tone == "busy", WAIT)
        office.until(lambda: not command(pid), WAIT)


@pytest.mark.heavy
def test_a_line_whose_process_is_killed_ends_its_call_and_comes_back(tmp_path: Path) -> None:
    with modem_in_a_call(tmp_path) as (daemon, office, phone, pid):
        os.kill(pid, signal.SIGKILL)
        (record,) = daemon.records(1)
        assert record["cause"] == "network"
        office.until(lambda: phone.tone == "busy", WAIT)
        office.until(lambda: usable(daemon, "modem"), WAIT)
