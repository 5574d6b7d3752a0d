"""The guard at work: told by a stack, logged, kept over a restart."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from pathlib import Path
from typing import Any, cast

import pytest

from ivr.call.outbound import Outbound
from ivr.call.protection import Protection
from ivr.guard import Dialler
from ivr.settings import parse_settings
from ivr.sip import Flow, Stack, StackConfig

ROOT = Path(__file__).resolve().parents[2]
STRANGER = "192.0.2.66"
OURS = ("127.0.0.1", 5060)
OPTIONS = (
    "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {host};branch=z9hG4bK{n}\r\nMax-Forwards: 70\r\n"
    "From: <sip:x@{host}>;tag=1\r\nTo: <sip:a@127.0.0.1>\r\nCall-ID: {n}\r\nCSeq: 1 OPTIONS\r\n{more}"
    "Content-Length: 0\r\n\r\n"
)


class Shell:
    """Transports that only remember."""

    def __init__(self) -> None:
        self.guard: Any = None
        self.filtered: list[list[str]] = []
        self.told = asyncio.Event()

    def shut_out(self, sources: list[str]) -> None:
        self.filtered.append(list(sources))
        if sources:
            self.told.set()


class Bench:
    """A guard joined to a stack, with a file."""

    def __init__(self, path: Path, text: str = "") -> None:
        settings = parse_settings(text, Path("/etc/ivr/ivr.yaml"), {})
        self.protection = Protection(settings, path, lambda host: host == "198.51.100.1", lambda: 1e9)
        self.protection.load()
        self.stack, self.shell = Stack(StackConfig(), lambda count: bytes(count)), Shell()
        self.protection.join(self.stack, cast(Any, self.shell))
        self.outbound = Outbound(settings, lambda: 1e9, asyncio.get_running_loop().time)
        self.protection.keep(self.outbound)

    def receive(self, data: bytes, host: str = STRANGER) -> None:
        now = asyncio.get_running_loop().time()
        self.stack.receive(data, Flow("udp", OURS, (host, 5060)), now)

    def options(self, number: int, host: str = STRANGER, more: str = "") -> int:
        """Octets that came back."""
        self.receive(OPTIONS.format(host=host, n=number, more=more).encode(), host)
        answers = len(self.stack.outgoing)
        self.stack.outgoing.clear()
        return answers


async def test_malformed_messages_shut_out_with_a_line_for_fail2ban(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Bench(tmp_path / "guard.json")
    with caplog.at_level(logging.WARNING, "ivr.guard"):
        for _ in range(30):
            bench.receive(b"\xff" * 300)
        assert bench.protection.unban(STRANGER)
    first, second = (record.getMessage() for record in caplog.records)
    assert first == f"ban host={STRANGER} reason=malformed seconds=60 times=1 proven=no"
    assert second == f"unban host={STRANGER}"
    await bench.protection.close()


async def test_the_filter_of_fail2ban_finds_the_line() -> None:
    text = (ROOT / "deploy" / "fail2ban" / "filter.d" / "ivr.conf").read_text()
    pattern = re.search(r"^failregex = (.+)$", text, re.M)
    assert pattern is not None
    regex = re.compile(pattern[1].replace("<HOST>", r"(?P<host>[0-9a-f.:]+)"))
    for head in ("2026-11-21 15:05:23,648 WARNING ivr.guard: ", "ivr[7]: WARNING ivr.guard: "):
        found = regex.search(f"{head}ban host=192.0.2.7 reason=auth_failed seconds=600 times=1 proven=yes")
        assert found is not None
        forged = f"{head}ban host=192.0.2.7 reason=scanner seconds=60 times=1 proven=no"
        assert regex.search(forged) is None, "whoever forges an address must not lock it out of everything"
        assert found["host"] == "192.0.2.7"
    assert regex.search("WARNING ivr.guard: unban host=192.0.2.7") is None


async def test_programs_that_scan_get_no_answer(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "guard.json")
    assert bench.options(1) == 1
    assert bench.options(2, more="User-Agent: Friendly-Scanner\r\n") == 0
    assert [ban["reason"] for ban in bench.protection.bans()] == ["scanner"]
    assert bench.options(3, "127.0.0.1", more="User-Agent: sipvicious\r\n") == 1, "our own test of the house"
    await bench.protection.close()


async def test_a_sweep_of_options_is_a_probe(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "guard.json")
    for number in range(300):
        bench.options(number)
    assert [ban["reason"] for ban in bench.protection.bans()] == ["probe"]
    await bench.protection.close()


async def test_the_kernel_is_told_whom_to_drop(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "guard.json")
    assert bench.shell.filtered == [[]]
    assert bench.protection.ban(STRANGER, 60)
    assert not bench.protection.ban("198.51.100.1", 60)
    await asyncio.wait_for(bench.shell.told.wait(), 5)
    assert bench.shell.filtered[-1] == [STRANGER]
    await bench.protection.close()


async def test_the_filter_can_be_switched_off(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "guard.json", "security: {kernel_filter: false}\n")
    bench.protection.ban(STRANGER, 60)
    assert bench.shell.filtered == []
    assert not bench.shell.guard.message(STRANGER, asyncio.get_running_loop().time(), 100)
    await bench.protection.close()


async def test_bans_and_counts_outlive_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "guard.json"
    bench = Bench(path)
    bench.protection.ban(STRANGER, 600)
    verdict = bench.outbound.judge("+4930123", Dialler("flow", flow="sales"))
    bench.outbound.usage.take("call", verdict.limits, "2001-09-09", 0.0)
    await bench.protection.close()
    assert path.stat().st_mode & 0o077 == 0
    again = Bench(path)
    assert [ban["source"] for ban in again.protection.bans()] == [STRANGER]
    assert again.outbound.usage.used(("flow", "sales"), "2001-09-09")[1] == 1
    await again.protection.close()


@pytest.mark.parametrize("text", ["", "[]", "{", '{"bans": 7}', '{"bans": [7], "phones": {"a": 1}}', '{"outbound": 3}'])
async def test_a_file_that_does_not_hold_stops_nobody(tmp_path: Path, text: str) -> None:
    path = tmp_path / "guard.json"
    path.write_text(text)
    bench = Bench(path)
    assert bench.protection.bans() == []
    await bench.protection.close()
    assert json.loads(path.read_text())["bans"] == []


async def test_a_flood_of_bans_does_not_fill_the_log(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bench = Bench(tmp_path / "guard.json")
    with caplog.at_level(logging.WARNING, "ivr.guard"):
        for number in range(200):
            bench.options(1, f"10.0.0.{number}", more="User-Agent: pplsip\r\n")
    assert len(bench.protection.bans()) == 200
    assert len(caplog.records) <= 40
    await bench.protection.close()


async def test_strangers_leave_media_ports_to_the_others(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "guard.json", "media: {ports: '30000-30039'}\n")
    now = asyncio.get_running_loop().time()
    taken = sum(bench.protection.guard.admit_call(number, f"10.0.0.{number}", now) for number in range(50))
    assert taken == 5
    await bench.protection.close()
