"""Processes of lines: a real one with hardware by script, called by and calling an endpoint in the daemon's place."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from ivr.devices import supervisor
from ivr.devices.supervisor import Devices
from ivr.endpoint import Answered, Ended, Endpoint, EndpointCall, EndpointConfig, Key, Ringing
from ivr.settings import parse_settings
from ivr.sip import Capabilities
from tests.kit.fake_line import ToneDevice
from tests.kit.waiting import until

WAIT = 20.0
"""Seconds for a process that starts on a loaded machine."""
LOOK_EVERY = 0.02
HEARD = 10
"""Packets after which it is sure that the other side does not send."""

LINE = "lines: {old: {type: modem, port: /dev/ttyACM0, number: '4711', dial_prefix: '0,'}}"


class Far:
    """The other end of the hardware's connection: the test tells what happens on the line, and reads what is done."""

    def __init__(self) -> None:
        self.told: asyncio.Queue[str] = asyncio.Queue()
        self.came = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self.came.set()
        with contextlib.suppress(OSError):
            while line := await reader.readline():
                self.told.put_nowait(line.decode().strip())
        writer.close()

    def tell(self, text: str) -> None:
        assert self._writer is not None
        self._writer.write(f"{text}\n".encode())

    async def does(self, text: str) -> None:
        async with asyncio.timeout(WAIT):
            assert await self.told.get() == text

    async def hears(self) -> float:
        self.tell("hear")
        async with asyncio.timeout(WAIT):
            word, value = (await self.told.get()).split()
        assert word == "heard"
        return float(value)


class Desk:
    """The daemon's place: an endpoint, and what it was told."""

    def __init__(self, devices: Devices) -> None:
        self.device = ToneDevice(600)
        config = EndpointConfig(
            listen=None,
            inner=devices.addresses[0],
            capabilities=Capabilities(codecs=("pcmu",)),
            inband="off",
        )
        self.endpoint = Endpoint(config, lambda: self.device)
        self.endpoint.on_incoming = self._incoming
        self.calls: asyncio.Queue[EndpointCall] = asyncio.Queue()
        self.events: asyncio.Queue[Any] = asyncio.Queue()

    def _incoming(self, call: EndpointCall) -> None:
        call.on_event = self.events.put_nowait
        self.calls.put_nowait(call)

    def invite(self, number: str, devices: Devices) -> EndpointCall:
        host, port = devices.addresses[0]
        call = self.endpoint.invite(f"sip:{number}@{host}:{port}")
        call.on_event = self.events.put_nowait
        return call

    async def rung(self) -> EndpointCall:
        async with asyncio.timeout(WAIT):
            return await self.calls.get()

    async def told(self, kind: type) -> Any:
        async with asyncio.timeout(WAIT):
            while True:
                event = await self.events.get()
                if isinstance(event, kind):
                    return event


def near(frequency: float, wanted: float) -> bool:
    return abs(frequency - wanted) < 5


class Bench:
    """Devices, the hardware's other end, and the desk."""

    def __init__(self, devices: Devices, far: Far, desk: Desk) -> None:
        self.devices, self.far, self.desk = devices, far, desk
        self.changes: asyncio.Queue[str] = asyncio.Queue()
        devices.on_change = lambda name: self.changes.put_nowait(devices.trouble(name))

    async def trouble(self, text: str) -> None:
        async with asyncio.timeout(WAIT):
            while await self.changes.get() != text:
                pass


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    far = Far()
    server = await asyncio.start_server(far.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    settings = parse_settings(LINE, Path("ivr.yaml"), {})
    devices = Devices(settings, (sys.executable, "-m", "tests.kit.fake_line", str(port)))
    desk = Desk(devices)
    made = Bench(devices, far, desk)
    async with server, desk.endpoint:
        devices.start(desk.endpoint.inner_address)
        await made.trouble("its hardware is being looked for")
        async with asyncio.timeout(WAIT):
            await far.came.wait()
        try:
            yield made
        finally:
            await devices.close()


async def test_the_life_of_a_line(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    far, desk, devices = bench.far, bench.desk, bench.devices
    # Without hardware nobody can be called.
    desk.invite("100", devices)
    assert (await desk.told(Ended)).status == 503
    far.tell("back a fake modem")
    await bench.trouble("")
    assert devices.hardware("old") == "a fake modem"

    # A caller rings, talks, and hangs up.
    far.tell("ring 0301234567 Anna")
    call = await desk.rung()
    assert call.called is not None
    assert (call.number, call.remote.display, call.called.uri.user) == ("0301234567", "Anna", "4711")
    call.answer()
    await far.does("answer")
    await desk.told(Answered)
    # No prompt is to begin before the hardware is through: it is quiet until then.
    await until(lambda: call.statistics().packets_out > HEARD)
    assert call.statistics().packets_in == 0
    far.tell("answered")
    far.tell("key 5")
    assert (await desk.told(Key)) == Key("5", "events")
    call.send_keys("7")
    await far.does("send_key 7")
    await until(lambda: near(desk.device.loudest(), 440))
    while not near(await far.hears(), 600):
        pass
    far.tell("hung_up")
    assert (await desk.told(Ended)).cause == "bye"
    await far.does("hang_up")
    assert "line old: Ringing, idle -> ringing" in caplog.messages
    assert not any("0301234567" in message for message in caplog.messages)

    # The daemon calls; a second call goes another way.
    desk.invite("+49(30)1", devices)
    await far.does("dial 0,+49301")
    far.tell("alerting")
    assert (await desk.told(Ringing)).status == 180
    second = desk.invite("200", devices)
    assert ((await desk.told(Ended)).status, second.state) == (503, "ended")
    far.tell("answered")
    await desk.told(Answered)

    # The hardware goes in mid-call, and comes back.
    far.tell("gone unplugged")
    ended = await desk.told(Ended)
    assert (ended.cause, ended.reason) == ("bye", 'Q.850;cause=27;text="unplugged"')
    await bench.trouble("unplugged")
    desk.invite("100", devices)
    assert (await desk.told(Ended)).status == 503
    far.tell("back")
    await bench.trouble("")
    desk.invite("101", devices)
    await far.does("dial 0,101")
    far.tell("failed busy")
    assert (await desk.told(Ended)).status == 486
    await far.does("hang_up")
    call = desk.invite("102", devices)
    await far.does("dial 0,102")
    call.hang_up()
    await far.does("hang_up")

    # The daemon ends: what rings is let go of, and the hardware is closed.
    far.tell("ring")
    call = await desk.rung()
    assert call.remote.uri.host == "anonymous.invalid"
    await devices.close()
    await far.does("hang_up")
    await far.does("closed")


async def test_a_process_that_dies_is_replaced(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.05)
    far, devices, desk = bench.far, bench.devices, bench.desk
    devices.on_death = desk.endpoint._shell.peer_died
    far.tell("back a fake modem")
    await bench.trouble("")
    far.tell("ring 0301234567 Anna")
    (await desk.rung()).answer()
    await far.does("answer")
    await desk.told(Answered)
    far.came.clear()
    far.tell("crash")
    await bench.trouble("its process ended: it ended with exit code 3")
    # Nobody else would say that the call is over.
    assert (await desk.told(Ended)).cause == "error"
    assert "line old: last words of a library" in caplog.messages
    await far.came.wait()
    await bench.trouble("its hardware is being looked for")
    assert (devices.lines["old"].starts, devices.hardware("old")) == (2, "")


@pytest.mark.heavy
async def test_a_process_that_hangs_is_replaced(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.05)
    monkeypatch.setattr(supervisor, "SILENT_SECONDS", 1.5)
    monkeypatch.setattr(supervisor, "END_SECONDS", 0.1)
    bench.far.came.clear()
    bench.far.tell("hang 60")
    await bench.trouble("its process ended: it gave no sign of life for 1.5 s")
    await bench.far.came.wait()
    await bench.trouble("its hardware is being looked for")


async def test_a_process_that_cannot_be_killed_holds_up_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    kill = asyncio.subprocess.Process.kill
    kept: list[asyncio.subprocess.Process] = []
    monkeypatch.setattr(supervisor, "END_SECONDS", 0.05)
    monkeypatch.setattr(asyncio.subprocess.Process, "kill", lambda process: kept.append(process))
    devices = Devices(parse_settings(LINE, Path("ivr.yaml"), {}), ("sleep", "60"))
    devices.start(("127.0.0.1", 9))
    await until(lambda: devices.lines["old"].pid is not None)
    async with asyncio.timeout(WAIT):
        await devices.close()
    (process,) = kept
    assert f"line old: process {process.pid} cannot be ended" in caplog.messages
    kill(process)
    await process.wait()


async def test_a_command_that_cannot_be_run_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "FIRST_PAUSE", 0.01)
    devices = Devices(parse_settings(LINE, Path("ivr.yaml"), {}), ("/nonexistent",))
    troubles: asyncio.Queue[str] = asyncio.Queue()
    devices.on_change = lambda name: troubles.put_nowait(devices.trouble(name))
    devices.start(("127.0.0.1", 9))
    for _ in range(2):
        async with asyncio.timeout(WAIT):
            while not (await troubles.get()).startswith("its process ended: it cannot be started"):
                pass
    await devices.close()
    assert devices.lines["old"].starts > 1


async def test_there_is_nothing_to_do_without_lines_on_hardware() -> None:
    devices = Devices(parse_settings("", Path("ivr.yaml"), {}))
    devices.start(None)
    assert (devices.addresses, devices.ends, devices.trouble("pbx"), devices.hardware("pbx")) == ([], {}, "", None)
    await devices.close()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        '{"level": "INFO"}',
        '{"level": "NOTHING", "logger": "a", "message": "b"}',
        "[1]",
        "{broken",
        "ALSA lib",
    ],
)
def test_what_libraries_print_is_no_log_line(text: str) -> None:
    assert supervisor._record(text) is None
