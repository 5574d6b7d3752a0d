"""Two runtimes call each other: by a trunk, by two modems on an exchange, by two sound cards. Sound goes both ways, and
a key takes a branch at the other side.

    test's endpoint --SIP--> caller --line--> called: plays 600 Hz, hears a key, plays 900 Hz, records what it hears
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
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
from tests.kit.modem import Office
from tests.kit.pipewire import PipeWire, missing
from tests.kit.sound import read_wav, write_wav

pytestmark = [pytest.mark.interop]

WAIT = 25.0
"""Seconds for what takes rings, dialling and a modem's commands."""
LOOK_EVERY = 0.05
END = "the end"
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
          keep: {type: record_voicemail, max_duration: 1500ms, beep: false, branches: {voicemail_recorded: done}}
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
        self.told: list[Any] = []

    async def until(self, holds: Callable[[], bool], what: str, why: Callable[[], str]) -> None:
        end = time.monotonic() + WAIT
        while not holds():
            over = time.monotonic() > end or (self.has(Ended) and what != END)
            assert not over, f"{what}: not within {WAIT:g} s, or not before the end: {self.told}\n{why()}"
            await asyncio.sleep(LOOK_EVERY)

    def hears(self, frequency: float) -> bool:
        return abs(self.device.loudest() - frequency) < 8

    def has(self, kind: type) -> bool:
        return any(isinstance(event, kind) for event in self.told)


@dataclasses.dataclass
class Pair:
    """Two runtimes with three lines between them."""

    calling: Daemon
    called: Daemon
    taken: int = 0
    """Calls that were made."""

    def why(self) -> str:
        return f"calling:\n{self.calling.log()}\ncalled:\n{self.called.log()}"

    async def converse(self, line: str) -> None:
        """A call from one end to the other."""
        phone, why = Telephone(), self.why
        for daemon in (self.calling, self.called):
            await phone.until(lambda daemon=daemon: usable(daemon, line), f"a {line} that can be used", why)  # type: ignore[misc]
        async with Endpoint(EndpointConfig(), lambda: phone.device) as endpoint:
            phone.call = call = endpoint.invite(f"sip:{LINES[line]}@127.0.0.1:{self.calling.sip_port}")
            call.on_event = phone.told.append
            call.muted = True
            await phone.until(lambda: phone.has(Answered), "the answer", why)
            await phone.until(lambda: phone.hears(HELLO), "the prompt of the other runtime", why)
            call.send_keys("5")
            await phone.until(lambda: phone.hears(TAKEN), "the branch of the key", why)
            call.muted = False
            await phone.until(call.finished.is_set, END, why)
        self.taken += 1
        record = self.called.records(self.taken)[-1]
        assert (record["line"], record["cause"]) == (line, "ended_by_flow"), why()
        recorded = max(
            load_settings(self.called.config).recordings.rglob("*.wav"), key=lambda path: path.stat().st_mtime
        )
        sound = read_wav(recorded)[:, 0]
        heard = loudest(sound[len(sound) // 2 :])
        assert abs(heard - CALLER) < 8, f"{heard} Hz was recorded\n{why()}"
        record = self.calling.records(self.taken)[-1]
        assert record["cause"] == "forwarded", why()


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


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """Both daemons, with the exchange of the modems and, where there is PipeWire, the cards."""
    folder = tmp_path_factory.mktemp("pair")
    with contextlib.ExitStack() as exits:
        office = exits.enter_context(Office(ring=(1.0, 1.0)))
        environment: dict[str, str] | None = None
        cards = ["", ""]
        if not missing():
            sound = exits.enter_context(PipeWire(folder / "sound", ("there", "back")))
            sound.add("there")
            sound.add("back")
            environment = sound.environment
            common = "  card: {type: sound_card, hid: off, echo: off, number: '4200',"
            cards = [
                f"{common} output: there, input: back, dial: tones, answer: ring}}\n",
                f"{common} output: back, input: there, answer: voice}}\n",
            ]
        configs = []
        for number, flows, card in (("4100", CALLING, cards[0]), ("4200", CALLED, cards[1])):
            lines = (
                "lines:\n  trunk: {type: sip_trunk, host: 127.0.0.1, port: PORT}\n"
                f"  modem: {{type: modem, port: {office.modem('cx93010', number).port}, profile: cx93010,"
                f" answer_after_rings: 1, number: '{number}', ring_back_gone: 2s}}\n{card}"
            )
            configs.append(make_config(folder / number, flows, extra=lines))
        for own, other in (configs, configs[::-1]):
            port = other.read_text().split("'udp:127.0.0.1:")[1].split("'")[0]
            own.write_text(own.read_text().replace("PORT", port))
        prompts = configs[1].parent / "prompts"
        write_wav(prompts / "hello.wav", sine(HELLO, 8.0))
        write_wav(prompts / "taken.wav", sine(TAKEN, 1.5))
        yield Pair(*(exits.enter_context(Daemon(config, environment)) for config in configs))


async def test_by_a_trunk(pair: Pair) -> None:
    await pair.converse("trunk")


async def test_by_two_modems_on_an_exchange(pair: Pair) -> None:
    await pair.converse("modem")


@pytest.mark.skipif(bool(missing()), reason=missing())
async def test_by_two_sound_cards(pair: Pair) -> None:
    await pair.converse("card")


@pytest.mark.heavy
def test_a_daemon_that_is_killed_leaves_its_modem_on_hook(tmp_path: Path) -> None:
    with Office(ring=(1.0, 1.0)) as office:
        phone = office.phone("4900")
        line = f"{{type: modem, port: {office.modem('cx93010', '4200').port}, answer_after_rings: 1, number: '4200'}}"
        config = make_config(tmp_path / "called", CALLED, extra=f"lines:\n  modem: {line}\n")
        write_wav(config.parent / "prompts" / "hello.wav", sine(HELLO, 8.0))
        write_wav(config.parent / "prompts" / "taken.wav", sine(TAKEN, 1.5))
        with Daemon(config) as daemon:
            office.until(lambda: usable(daemon, "modem"), WAIT)
            phone.call("4200")
            office.until(lambda: phone.tone == "voice", WAIT)
            pids = [pid for pid in children(daemon.process.pid) if "ivr.devices" in command(pid)]
            assert len(pids) == 1
            daemon.kill()
            office.until(lambda: phone.tone == "busy", WAIT)
            office.until(lambda: not command(pids[0]), WAIT)
