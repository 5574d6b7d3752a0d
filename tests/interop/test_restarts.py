"""Versions and waits with a real daemon: what is in force, and what is kept, when it dies and starts again."""

from __future__ import annotations

import json
import random
import socket
import sqlite3
import threading
import wave
from contextlib import ExitStack
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ivr.cli.main import cli
from ivr.flow import parse_flow
from ivr.flow.model import Candidate
from ivr.settings import load_settings
from ivr.store import People, RecordReader
from tests.conftest import free_port
from tests.interop.conftest import make_config
from tests.kit.caller import RawCaller
from tests.kit.daemon import Daemon
from tests.kit.waiting import wait_until
from tests.webhooks.test_kill import Receiver

pytestmark = pytest.mark.interop

SHIP = """
variables: {order: 0, status: none}
elements:
  start: {type: start_from_audience, event: order.paid, save: {order: order}, next: ask}
  ask: {type: wait_for_event, event: order.shipped, conditions: [{property: order, is: "{{ order }}"}],
        save: {status: status}, timeout: 30d, branches: {received: tell}}
  tell: {type: update_profile, fields: {status: "{{ status }}"}}
"""
AFTER = """
variables: {stars: 0}
elements:
  start: {type: start_incoming_call, numbers: ["101"], next: bye}
  bye: {type: hang_up, next: wait}
  wait: {type: wait_for_event, event: rated, save: {stars: stars}, next: tell}
  tell: {type: update_profile, fields: {stars: "{{ stars }}"}}
"""
HELD = """
elements:
  start: {type: start_incoming_call, numbers: ["102"], record_call: true, next: wait}
  wait: {type: wait_for_event, event: ready, hold_music: true, next: bye}
  bye: {type: hang_up}
"""
HOOK = """
webhooks: {{crm: {{url: "http://127.0.0.1:{port}/", secret: "0123456789abcdef", events: [call.ended]}}}}
"""
STAY = """
{head}
description: {text}
elements:
  start: {{type: start_incoming_call, numbers: ["100"], next: stay}}
  stay: {{type: collect, max_digits: 1, wait: 60s, responses: {{"9": bye}}, branches: {{no_match: bye}}}}
  bye: {{type: hang_up}}
"""


def stay(text: str, head: str = "") -> str:
    return STAY.format(text=text, head=head)


def profile(daemon: Daemon, number: str) -> dict[str, Any]:
    people = People.open(load_settings(daemon.config).store)
    try:
        return dict(people.profile(number).fields)
    finally:
        people.close()


def ivr(daemon: Daemon, *arguments: str) -> str:
    result = CliRunner().invoke(cli, ["--config", str(daemon.config), *arguments])
    assert result.exit_code == 0, result.output
    return result.output


# Waits


@pytest.mark.heavy
def test_a_flow_that_an_event_began_waits_through_a_kill(tmp_path: Path) -> None:
    config = make_config(tmp_path / "it", {"ship": SHIP})
    with Daemon(config) as daemon:
        daemon.post("/v1/events", {"name": "order.paid", "properties": {"number": "+15550199", "order": 7}})
        wait_until(lambda: ["order.shipped"] in waits(daemon), "the wait in the store")
        daemon.kill()
    with Daemon(config) as daemon:
        daemon.post("/v1/events", {"name": "order.shipped", "properties": {"order": 8, "status": "wrong"}})
        daemon.post("/v1/events", {"name": "order.shipped", "properties": {"order": 7, "status": "sent"}})
        wait_until(lambda: profile(daemon, "+15550199") == {"status": "sent"}, "the profile")
        [record] = daemon.records(1)
        assert (record["cause"], record["flow_number"]) == ("ended_by_flow", 1)
        assert [step["element"] for step in record["path"]] == ["start", "ask", "tell"]
        wait_until(lambda: waits(daemon) == [], "the end of the wait")


def test_an_event_that_was_answered_is_not_lost_by_a_kill(tmp_path: Path) -> None:
    config = make_config(tmp_path / "it", {"ship": SHIP})
    with Daemon(config) as daemon:
        for order in range(30):
            properties = {"number": f"+1555{order:02}", "order": order}
            daemon.post("/v1/events", {"name": "order.paid", "properties": properties, "id": f"p{order}"})
        daemon.kill()
    with Daemon(config) as daemon:
        for order in range(30):
            daemon.post("/v1/events", {"name": "order.shipped", "properties": {"order": order, "status": "sent"}})
        for order in range(30):
            number = f"+1555{order:02}"
            wait_until(lambda number=number: profile(daemon, number) == {"status": "sent"}, number)


@pytest.mark.heavy
def test_no_flow_is_lost_however_often_the_daemon_dies(tmp_path: Path) -> None:
    config = make_config(tmp_path / "it", {"ship": SHIP})
    chance, orders = random.Random(5), range(200)
    paid = [("order.paid", {"number": f"+1555{order:03}", "order": order}, f"p{order}") for order in orders]
    shipped = [("order.shipped", {"order": order, "status": "sent"}, f"s{order}") for order in orders]
    todo = paid + shipped

    def post(daemon: Daemon) -> None:
        """Post until the daemon is gone; what it did not answer is posted again later, under its id."""
        while todo:
            name, properties, key = todo[0]
            try:
                daemon.post("/v1/events", {"name": name, "properties": properties, "id": key})
            except (OSError, HTTPException):
                return
            del todo[0]

    deaths = 0
    while todo or deaths < 6:
        with Daemon(config) as daemon:
            killer = threading.Timer(chance.uniform(0.2, 0.6), daemon.kill)
            killer.start()
            post(daemon)
            killer.join()
            deaths += 1
    with Daemon(config) as daemon:
        wait_until(lambda: waits(daemon) == [], "the end of all waits", 60)
        for order in orders:
            assert profile(daemon, f"+1555{order:03}") == {"status": "sent"}
        records = daemon.records(len(orders))
        assert {(record["cause"], len(record["path"])) for record in records} == {("ended_by_flow", 3)}


def waits(daemon: Daemon) -> list[list[str]]:
    """Events that each flow in the store waits for."""
    path = load_settings(daemon.config).store.removeprefix("sqlite:///")
    connection = sqlite3.connect(path)
    try:
        return [json.loads(row[0]) for row in connection.execute("SELECT events FROM waits")]
    finally:
        connection.close()


def test_a_flow_goes_on_after_its_call_and_a_kill_that_another_call_does_not_outlive(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_STREAM)
    config = make_config(tmp_path / "it", {"after": AFTER, "held": HELD}, extra=HOOK.format(port=port))
    config.write_text(config.read_text().replace("http: {listen", "http: {allow: [127.0.0.1], listen"))
    receiver = Receiver(port)
    with ExitStack() as later, Daemon(config) as daemon:
        up = later.enter_context(RawCaller(daemon.sip_port, user="4712"))
        up.call("102")
        with RawCaller(daemon.sip_port, user="4711") as caller:
            caller.call("101")
            assert caller.ended.wait(10)
        daemon.records(1)
        wait_until(lambda: ["rated"] in waits(daemon), "the wait in the store")
        up.speak(bytes(8000))
        daemon.kill()
        up.ended.set()  # nobody is there to hang up to
    with Daemon(config) as daemon:
        cut_off(daemon, receiver)
        daemon.post("/v1/events", {"name": "rated", "properties": {"stars": 5}})
        wait_until(lambda: profile(daemon, "4711") == {"stars": 5}, "the profile")
        wait_until(lambda: len(record_of(daemon, "4711")["path"]) == 4, "the whole way in the record")
        record = record_of(daemon, "4711")
        assert [step["element"] for step in record["path"]] == ["start", "bye", "wait", "tell"]
        assert record["quality"]
    receiver.close()


def record_of(daemon: Daemon, caller: str) -> dict[str, Any]:
    return next(record for record in daemon.records(2) if record["caller"] == caller)


def cut_off(daemon: Daemon, receiver: Receiver) -> None:
    """The record, the recording and the event of the call that was up when the daemon was killed."""
    record = record_of(daemon, "4712")
    assert (record["cause"], record["flow"], record["sip_status"]) == ("system", "held", 200)
    assert [step["element"] for step in record["path"]] == ["start", "wait"]
    assert record["answered_at"] < record["ended_at"] == record["details"]["cut_off"]["at"]
    reader = RecordReader.open(load_settings(daemon.config).store)
    [recording] = reader.recordings(record["id"])
    reader.close()
    assert recording.seconds is not None and recording.seconds > 0.5
    with wave.open(recording.path) as file:
        assert (file.getnchannels(), file.getnframes() / 8000) == (2, recording.seconds)
    told = wait_until(lambda: [e["data"] for e in receiver.got if e["call"] == record["id"]], "the event")
    assert [data["cause"] for data in told] == ["system"]


def test_an_event_reaches_a_caller_who_holds(tmp_path: Path) -> None:
    with Daemon(make_config(tmp_path / "it", {"held": HELD})) as daemon, RawCaller(daemon.sip_port) as caller:
        caller.call("102")
        wait_until(lambda: [c["element"] for c in daemon.get("/v1/calls")["calls"]] == ["wait"], "the wait")
        token = ivr(daemon, "token", "create", "--name", "kitchen", "--scope", "events").strip()
        daemon.post("/v1/events", {"name": "ready"}, token)
        assert caller.ended.wait(10)
        assert daemon.records(1)[0]["cause"] == "ended_by_flow"


# Versions


def versions_of_calls(daemon: Daemon) -> list[int]:
    return [call["flow_number"] for call in daemon.get("/v1/calls")["calls"]]


def test_versions_change_under_calls_in_progress(tmp_path: Path) -> None:
    config = make_config(tmp_path / "it", {"desk": stay("one")})
    file = config.parent / "flows" / "desk.yaml"
    with Daemon(config) as daemon:
        with (
            RawCaller(daemon.sip_port) as first,
            RawCaller(daemon.sip_port) as second,
            RawCaller(daemon.sip_port) as third,
        ):
            first.call("100")
            file.write_text(stay("two"))
            assert ivr(daemon, "flows", "reload") == "desk: version 2 is active\n"
            second.call("100")
            assert versions_of_calls(daemon) == [1, 2]
            file.write_text("elements: {a: {type: ply}}")
            refused = CliRunner().invoke(cli, ["--config", str(config), "flows", "reload"])
            assert (refused.exit_code, "did you mean play?" in refused.output) == (1, True)
            assert ivr(daemon, "flows", "rollback", "desk") == "desk: version 1 is active\n"
            third.call("100")
            assert versions_of_calls(daemon) == [1, 2, 1]
            assert "1 on 2" in ivr(daemon, "flows")
        assert [record["flow_number"] for record in daemon.records(3)].count(2) == 1
        daemon.kill()
    # The folder does not hold, and the last word was to go back: both are so after a restart.
    with Daemon(config) as daemon:
        assert "the flows folder does not hold" in daemon.log()
        with RawCaller(daemon.sip_port) as caller:
            caller.call("100")
            assert versions_of_calls(daemon) == [1]
        file.write_text(stay("two"))
        ivr(daemon, "flows", "reload")
        with RawCaller(daemon.sip_port) as caller:
            caller.call("100")
            assert versions_of_calls(daemon) == [1]  # the file is as it was when it was rolled back


def test_a_share_of_the_callers_tries_a_candidate(tmp_path: Path) -> None:
    config = make_config(tmp_path / "it", {"desk": stay("one")}, extra="watch_flows: true\n")
    file = config.parent / "flows" / "desk.yaml"
    text = stay("two", "canary: 30%")
    candidate = Candidate(parse_flow(text, "desk"), 0.3)
    numbers = [str(number) for number in range(500, 600)]
    trying = next(number for number in numbers if candidate.takes(number))
    staying = next(number for number in numbers if not candidate.takes(number))
    with Daemon(config) as daemon:
        file.write_text(text)
        wait_until(lambda: daemon.get("/v1/flows")["flows"][0]["candidate"] == 2, "the folder to be taken up")
        for _ in range(2):
            with RawCaller(daemon.sip_port, user=trying) as one, RawCaller(daemon.sip_port, user=staying) as other:
                one.call("100")
                other.call("100")
                assert versions_of_calls(daemon) == [2, 1]
            wait_until(lambda: versions_of_calls(daemon) == [], "the ends of the calls")
        assert ivr(daemon, "flows", "activate", "desk@2") == "desk: version 2 is active\n"
        with RawCaller(daemon.sip_port, user=staying) as caller:
            caller.call("100")
            assert versions_of_calls(daemon) == [2]
