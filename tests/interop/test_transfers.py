"""SIPp and baresip: reliable provisionals, session timers, transfers both ways, replaced calls, redirections."""

from __future__ import annotations

import asyncio
import itertools
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ivr.call.caller import Caller, CallerOptions
from tests.conftest import free_port
from tests.interop.conftest import make_config
from tests.kit import sipp
from tests.kit.baresip import Phone
from tests.kit.daemon import Daemon
from tests.kit.scenario import Scenario, called, caller
from tests.kit.sound import speechlike, write_wav

pytestmark = pytest.mark.interop

FLOWS = {
    "quiet": """
        elements:
          start: {type: start_incoming_call, numbers: ["101"], next: wait}
          wait: {type: collect, max_digits: 1, wait: 20s, responses: {"9": done}, branches: {no_match: done}}
          done: {type: hang_up}
    """,
    "short": """
        elements:
          start: {type: start_incoming_call, numbers: ["102"], next: wait}
          wait: {type: collect, max_digits: 1, wait: 1s, responses: {"9": done}, branches: {no_match: done}}
          done: {type: hang_up}
    """,
    "early": """
        elements:
          start: {type: start_incoming_call, numbers: ["107"], answer: early_media, next: sound}
          sound: {type: play, file: short.wav, next: take}
          take: {type: answer, next: done}
          done: {type: hang_up}
    """,
    "out": """
        elements:
          start: {type: start_incoming_call, numbers: ["110"], next: out}
          out: {type: forward_call, to: "tel:4711", timeout: 5s}
    """,
    "refer": """
        elements:
          start: {type: start_incoming_call, numbers: ["111"], next: out}
          out: {type: forward_call, to: "sip:4712@192.0.2.77", mode: refer,
                headers: {User-to-User: "6162;encoding=hex"}}
    """,
    "attended": """
        elements:
          start: {type: start_incoming_call, numbers: ["112"], next: out}
          out: {type: forward_call, to: "tel:4711", timeout: 5s, mode: attended}
    """,
}
FRAG = {"content_type": "message/sipfrag;version=2.0"}
ACTIVE = "Event: refer\nSubscription-State: active;expires=60"
OVER = "Event: refer\nSubscription-State: terminated;reason=noresource"
NEVER_100 = '  <recv response="100" optional="true"/>'


class Server:
    """SIPp as the line's other side."""

    def __init__(self, folder: Path, port: int, scenario: Scenario, calls: int = 1) -> None:
        self.folder = folder / "server"
        self.folder.mkdir()
        path = scenario.write(self.folder / "called.xml")
        command = [sipp.require("sipp"), "-sf", str(path), "-i", sipp.HOST, "-p", str(port), "-m", str(calls)]
        command += ["-mp", str(free_port() & ~1), "-nostdin", "-trace_err", "-timeout", "20s", "-timeout_error"]
        self.process = subprocess.Popen(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        time.sleep(0.2)

    def done(self) -> None:
        """Everything went as its scenario says."""
        out, _ = self.process.communicate(timeout=25)
        errors = "".join(path.read_text(errors="replace") for path in self.folder.glob("*_errors.log"))
        assert self.process.returncode == 0, f"{errors}\n{out[-2000:]}"

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


@pytest.fixture(scope="module")
def line_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, line_port: int) -> Iterator[Daemon]:
    """A daemon whose line is this machine."""
    folder = tmp_path_factory.mktemp("transfers")
    config = make_config(
        folder,
        FLOWS,
        extra=f"lines: {{pbx: {{type: sip_trunk, host: 127.0.0.1, port: {line_port}, redirects: true}}}}\n",
    )
    write_wav(folder / "prompts" / "short.wav", speechlike(0.4, 7))
    config.write_text(config.read_text().replace("sip: {", "sip: {transfers: {accept: all, to: ['*']}, ", 1))
    with Daemon(config) as daemon:
        yield daemon


@pytest.fixture
def serve(tmp_path: Path, line_port: int) -> Iterator[Callable[..., Server]]:
    """Starts the line's other side."""
    servers: list[Server] = []

    def start(scenario: Scenario, calls: int = 1) -> Server:
        servers.append(Server(tmp_path, line_port, scenario, calls))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def play(house: Daemon, tmp_path: Path, number: str, scenario: Scenario, **more: object) -> None:
    """Run a caller's scenario to its end."""
    path = scenario.write(tmp_path / "caller.xml")
    result = sipp.run(path, house.sip_port, number, tmp_path, seconds=20.0, **more)  # type: ignore[arg-type]
    assert result.returncode == 0, sipp.explain(tmp_path, result)


def record_of(house: Daemon, call_id: str) -> dict[str, Any]:
    """The record of the call that came with this Call-ID."""
    for _ in range(50):
        for record in house.records(0):
            if record["sip_call_id"] == call_id:
                return record
        time.sleep(0.1)
    raise AssertionError(f"no record of {call_id}")


def answering() -> Scenario:
    """Rings, answers, is hung up."""
    return (
        called()
        .recv_request("INVITE")
        .answer(180)
        .answer(200, sdp=True)
        .recv_request("ACK")
        .recv_request("BYE")
        .reply(200)
    )


def test_early_media_is_acknowledged(house: Daemon, tmp_path: Path) -> None:
    scenario = (
        caller()
        .invite("Supported: 100rel")
        .raw(NEVER_100)
        .recv(183, find={"all,rseq": "RSeq: ([0-9]+)", "need": "Require: 100rel"})
        .request("PRACK", "RAck: [$rseq] 1 INVITE")
        .recv(200, find={"one": "CSeq: 2 PRACK"})
        .recv(200, find={"two": "CSeq: 1 INVITE"})
        .request("ACK", cseq=1)
        .recv_request("BYE")
        .reply(200)
    )
    play(house, tmp_path, "107", scenario)


def test_reliable_ringing_of_a_line_is_acknowledged(
    house: Daemon, tmp_path: Path, serve: Callable[..., Server]
) -> None:
    server = serve(
        called()
        .recv_request("INVITE", find={"can": "Supported: [^\r\n]*100rel"})
        .answer(183, "Require: 100rel\nRSeq: 5", sdp=True)
        .recv_request("PRACK", find={"rack": "RAck: 5 1 INVITE"})
        .reply(200)
        .answer(180, "Require: 100rel\nRSeq: 6")
        .recv_request("PRACK", find={"rack2": "RAck: 6 1 INVITE"})
        .reply(200)
        .answer(200)
        .recv_request("ACK")
        .recv_request("BYE")
        .reply(200)
    )
    play(house, tmp_path, "110", caller().invite().raw(NEVER_100).recv(200).ack().pause(500).bye())
    server.done()


def test_we_refresh_a_session(house: Daemon, tmp_path: Path, serve: Callable[..., Server]) -> None:
    terms = "Session-Expires: 3;refresher=uac"
    server = serve(
        called()
        .recv_request("INVITE")
        .answer(200, f"Require: timer\n{terms}\nAllow: INVITE, ACK, BYE, CANCEL, UPDATE", sdp=True)
        .recv_request("ACK")
        .recv_request("UPDATE", find={"terms": terms})
        .reply(200, f"Require: timer\n{terms}")
        .recv_request("BYE")
        .reply(200)
    )
    play(house, tmp_path, "110", caller().invite().raw(NEVER_100).recv(200).ack().pause(2000).bye())
    server.done()


def test_a_caller_refreshes_its_session(house: Daemon, tmp_path: Path) -> None:
    terms = "Session-Expires: 90;refresher=uac"
    scenario = (
        caller()
        .invite("Supported: timer\nSession-Expires: 60")
        .raw(NEVER_100)
        .recv(422, find={"least": "Min-SE: 90"})
        .ack_refusal()
        .invite(f"Supported: timer\n{terms}\nMin-SE: 90")
        .raw(NEVER_100)
        .recv(200, find={"terms": terms, "need": "Require: timer"})
        .ack()
        .request("UPDATE", f"Supported: timer\n{terms}")
        .recv(200, find={"again": terms})
        .bye()
    )
    play(house, tmp_path, "101", scenario)


def test_we_ask_a_caller_to_call_somebody_else(house: Daemon, tmp_path: Path) -> None:
    scenario = (
        caller()
        .invite()
        .raw(NEVER_100)
        .recv(200)
        .ack()
        .recv_request("REFER", find={"to": "Refer-To: <sip:4712@192.0.2.77[?]User-to-User=6162%3Bencoding%3Dhex>"})
        .reply(202)
        .request("NOTIFY", ACTIVE, body="SIP/2.0 100 Trying", **FRAG)
        .recv(200)
        .request("NOTIFY", OVER, body="SIP/2.0 200 OK", **FRAG)
        .recv(200)
        .recv_request("BYE")
        .reply(200)
    )
    play(house, tmp_path, "111", scenario)
    # Records of earlier calls may be written meanwhile.
    for count in itertools.count(1):
        causes = [record["cause"] for record in house.records(count) if record["called"] == "111"]
        if causes:
            break
    assert causes == ["forwarded"]


def test_a_caller_that_knows_no_refer_is_bridged(house: Daemon, tmp_path: Path, serve: Callable[..., Server]) -> None:
    server = serve(answering())
    scenario = caller().invite().raw(NEVER_100).recv(200).ack().recv_request("REFER").reply(405).pause(500).bye()
    play(house, tmp_path, "112", scenario)
    server.done()


def test_we_join_two_calls_by_refer_with_replaces(house: Daemon, tmp_path: Path, serve: Callable[..., Server]) -> None:
    server = serve(answering())
    wanted = "Refer-To: <sip:sipp@127.0.0.1:[0-9]+[?]Replaces=[0-9a-f]+%3Bto-tag%3D[0-9]+r1%3Bfrom-tag%3D[0-9a-f]+>"
    scenario = (
        caller()
        .invite()
        .raw(NEVER_100)
        .recv(200)
        .ack()
        .recv_request("REFER", find={"to": wanted})
        .reply(202)
        .request("NOTIFY", OVER, body="SIP/2.0 200 OK", **FRAG)
        .recv(200)
        .recv_request("BYE")
        .reply(200)
    )
    play(house, tmp_path, "112", scenario)
    server.done()


def test_a_caller_has_us_called_by_somebody_else(house: Daemon, tmp_path: Path, serve: Callable[..., Server]) -> None:
    server = serve(answering())
    scenario = (
        caller()
        .invite()
        .raw(NEVER_100)
        .recv(200)
        .ack()
        .request("REFER", "Refer-To: <sip:4711@127.0.0.1>\nReferred-By: <sip:sipp@127.0.0.1>")
        .recv(202)
        .recv_request("NOTIFY", find={"a": "SIP/2.0 100", "b": "Subscription-State: active"})
        .reply(200)
        .recv_request("NOTIFY", find={"c": "SIP/2.0 180"})
        .reply(200)
        .recv_request("NOTIFY", find={"d": "SIP/2.0 200", "e": "Subscription-State: terminated"})
        .reply(200)
        .bye()
    )
    play(house, tmp_path, "102", scenario)
    server.done()


def test_a_call_takes_the_place_of_another(house: Daemon, tmp_path: Path) -> None:
    call_ids: list[str] = []

    async def run() -> None:
        async with Caller(CallerOptions()) as first:
            await first.call(f"sip:101@127.0.0.1:{house.sip_port}")
            call_ids.append(first.call_id or "")
            named = str(first._leg.session.as_replaced())  # type: ignore[union-attr]
            scenario = (
                caller()
                .invite("Replaces: [replaces]\nRequire: replaces")
                .raw(NEVER_100)
                .recv(200)
                .ack()
                .pause(200)
                .bye()
            )
            await asyncio.to_thread(play, house, tmp_path, "101", scenario, keys={"replaces": named})
            assert first.ended.is_set()

    asyncio.run(run())
    assert record_of(house, call_ids[0])["cause"] == "user_hung_up"
    scenario = caller().invite("Replaces: nobody;to-tag=a;from-tag=b").raw(NEVER_100).recv(481).ack_refusal()
    play(house, tmp_path, "101", scenario)


def test_two_calls_of_one_caller_are_joined(house: Daemon) -> None:
    """An attended transfer between two calls here: the daemon calls itself over its socket."""

    async def run() -> None:
        async with Caller(CallerOptions()) as one, Caller(CallerOptions(media_ports=(30_112, 30_141))) as two:
            await one.call(f"sip:101@127.0.0.1:{house.sip_port}")
            await two.call(f"sip:102@127.0.0.1:{house.sip_port}")
            call_ids.extend((one.call_id or "", two.call_id or ""))
            first, second = (caller._leg.session for caller in (one, two))  # type: ignore[union-attr]
            first.refer(f"sip:102@127.0.0.1:{house.sip_port}", one._loop.time(), replaces=second.as_replaced())
            one._shell.flush()
            async with asyncio.timeout(30):
                await asyncio.gather(one.ended.wait(), two.ended.wait())

    call_ids: list[str] = []
    asyncio.run(run())
    # The flow of the second call is over after a second, and with it the first, which talked to it.
    causes = [record_of(house, call_id)["cause"] for call_id in call_ids]
    assert causes == ["user_hung_up", "ended_by_flow"]


def test_a_line_sends_our_call_to_another_number(house: Daemon, tmp_path: Path, serve: Callable[..., Server]) -> None:
    scenario = (
        called()
        .recv_request("INVITE", find={"whole,number": "INVITE sip:(47[0-9]+)@"})
        .raw(
            '  <nop next="1" test="moved"><action><strcmp assign_to="same" variable="number" value="4711"/>'
            '<test assign_to="moved" variable="same" compare="equal" value="0"/></action></nop>'
        )
        .answer(200, sdp=True)
        .recv_request("ACK")
        .recv_request("BYE")
        .reply(200)
        .raw('  <nop next="2"/>\n  <label id="1"/>')
        .answer(302, contact="<sip:4799@127.0.0.1>")
        .recv_request("ACK")
        .raw('  <label id="2"/>')
    )
    server = serve(scenario, calls=2)
    play(house, tmp_path, "110", caller().invite().raw(NEVER_100).recv(200).ack().pause(500).bye())
    server.done()


@pytest.mark.heavy
def test_a_phone_hands_its_caller_to_another(tmp_path: Path) -> None:
    flows = {
        "desk": """
            elements:
              start: {type: start_incoming_call, numbers: ["106"], next: desk}
              desk: {type: forward_call, to: "phone:200", timeout: 10s}
        """
    }
    spoken = tmp_path / "spoken.wav"
    write_wav(spoken, speechlike(10.0, 11))
    with (
        Daemon(make_config(tmp_path / "daemon", flows)) as daemon,
        Phone(tmp_path / "desk", daemon.sip_port, "200", "secret-200", spoken, answer=True) as desk,
        Phone(tmp_path / "cell", daemon.sip_port, "201", "secret-201", spoken, answer=True) as cell,
        Phone(tmp_path / "caller", daemon.sip_port, "caller", None, spoken) as phone,
    ):
        desk.registered()
        cell.registered()
        phone.call("106")
        phone.wait_event("CALL_ESTABLISHED")
        desk.wait_event("CALL_ESTABLISHED")
        desk.command("transfer", f"sip:201@127.0.0.1:{daemon.sip_port}")
        cell.wait_event("CALL_ESTABLISHED")
        desk.wait_event("CALL_CLOSED")
        time.sleep(0.5)
        phone.hang_up()
        cell.wait_event("CALL_CLOSED")
        assert daemon.records(1)[-1]["cause"] == "forwarded"
