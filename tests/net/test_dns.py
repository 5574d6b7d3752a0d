from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from ivr.net import dns as module
from ivr.net.dns import Resolver, is_address
from tests.kit.dns import DnsServer

ZONE = {
    ("example.net", "NAPTR"): [
        '10 50 "s" "SIP+D2T" "" _sip._tcp.example.net.',
        '20 50 "s" "SIP+D2U" "" _sip._udp.example.net.',
    ],
    ("_sip._tcp.example.net", "SRV"): ["10 0 5070 one.example.net.", "20 0 5071 two.example.net."],
    ("_sip._udp.example.net", "SRV"): ["10 0 5062 one.example.net."],
    ("_sips._tcp.example.net", "SRV"): ["10 0 5063 one.example.net."],
    ("one.example.net", "A"): ["192.0.2.1"],
    ("one.example.net", "AAAA"): ["2001:db8::1"],
    ("two.example.net", "A"): ["192.0.2.2"],
    ("plain.example.net", "A"): ["192.0.2.4"],
    ("gone.example.net", "A"): ["192.0.2.5"],
    ("_sip._udp.gone.example.net", "SRV"): ["0 0 0 ."],
}


class Times:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


async def nobody(name: str) -> Sequence[str]:
    """A machine that knows no names."""
    raise OSError("unknown")


def resolver(
    server: DnsServer | None, tmp_path: Path, clock: Times | None = None, hosts: str = "", **more: object
) -> Resolver:
    file = tmp_path / "hosts"
    file.write_text(hosts)
    more.setdefault("system", nobody)
    return Resolver(
        nameservers=("127.0.0.1",),
        nameserver_port=server.port if server is not None else 9,
        hosts_file=file,
        clock=clock or Times(),
        fraction=lambda: 0.5,
        **more,  # type: ignore[arg-type]
    )


def short(hops: Sequence[module.Hop]) -> list[str]:
    return [f"{hop.transport}:{hop.address}:{hop.port}" for hop in hops]


@pytest.mark.parametrize(
    ("asked", "hops"),
    [
        (("192.0.2.9",), ["udp:192.0.2.9:5060"]),
        (("192.0.2.9", None, "tls"), ["tls:192.0.2.9:5061"]),
        (("2001:db8::9", 5080, "tcp"), ["tcp:2001:db8::9:5080"]),
        (("192.0.2.9", None, None, True), ["tls:192.0.2.9:5061"]),
        (("192.0.2.9", None, "udp", True), []),
        (("one.example.net", 5099), ["udp:192.0.2.1:5099", "udp:2001:db8::1:5099"]),
        (("plain.example.net",), ["udp:192.0.2.4:5060"]),
        (("plain.example.net", None, "tls"), ["tls:192.0.2.4:5061"]),
        (("missing.example.net",), []),
        (("gone.example.net", None, "udp"), []),
        ((f"{'x' * 70}.example.net",), []),
        (("two..dots.example.net",), []),
        (
            ("example.net",),
            [
                "tcp:192.0.2.1:5070",
                "tcp:2001:db8::1:5070",
                "tcp:192.0.2.2:5071",
                "udp:192.0.2.1:5062",
                "udp:2001:db8::1:5062",
            ],
        ),
        (("EXAMPLE.net.", None, "udp"), ["udp:192.0.2.1:5062", "udp:2001:db8::1:5062"]),
        (("example.net", None, None, True), ["tls:192.0.2.1:5063", "tls:2001:db8::1:5063"]),
    ],
)
async def test_where_a_host_is(asked: tuple[str, ...], hops: list[str], tmp_path: Path) -> None:
    async with DnsServer(ZONE) as server:
        found = await resolver(server, tmp_path).hops(*asked)  # type: ignore[arg-type]
    assert short(found) == hops
    assert {hop.name for hop in found} <= {asked[0].lower().rstrip(".")}


async def test_a_peer_is_asked_only_for_what_can_be_spoken(tmp_path: Path) -> None:
    async with DnsServer(ZONE) as server:
        found = await resolver(server, tmp_path, transports=("udp",)).hops("example.net")
    assert short(found) == ["udp:192.0.2.1:5062", "udp:2001:db8::1:5062"]


async def test_answers_are_kept_as_long_as_they_say(tmp_path: Path) -> None:
    clock = Times()
    async with DnsServer(ZONE, ttl=60) as server:
        names = resolver(server, tmp_path, clock)
        await asyncio.gather(*(names.hops("plain.example.net", 5060) for _ in range(5)))
        assert server.asked["plain.example.net", "A"] == 1, "askers at the same time share one question"
        clock.now += 59
        await names.hops("plain.example.net", 5060)
        assert server.asked["plain.example.net", "A"] == 1
        clock.now += 2
        await names.hops("plain.example.net", 5060)
        assert server.asked["plain.example.net", "A"] == 2


async def test_what_is_not_there_is_remembered_for_a_short_time(tmp_path: Path) -> None:
    clock = Times()
    async with DnsServer(dict(ZONE)) as server:
        names = resolver(server, tmp_path, clock)
        assert await names.hops("new.example.net", 5060) == []
        server.zone["new.example.net", "A"] = ["192.0.2.7"]
        assert await names.hops("new.example.net", 5060) == []
        clock.now += module.NEGATIVE_TTL + 1
        assert short(await names.hops("new.example.net", 5060)) == ["udp:192.0.2.7:5060"]


@pytest.mark.parametrize("outage", ["silent", "failing"])
async def test_what_the_dns_said_before_is_used_while_it_does_not_answer(
    outage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LOOKUP_WAIT", 0.2)
    monkeypatch.setattr(module, "ANSWER_WAIT", 0.1)
    clock = Times()
    async with DnsServer(ZONE) as server:
        names = resolver(server, tmp_path, clock)
        before = await names.hops("example.net")
        setattr(server, outage, True)
        clock.now += 100
        assert await names.hops("example.net") == before
        assert await names.hops("plain.example.net", 5060) == [], "of this one it had said nothing"
        asked = server.asked.total()
        assert await names.hops("example.net") == before
        assert server.asked.total() == asked, "a server that does not answer is not asked for each call"
        setattr(server, outage, False)
        clock.now += module.FAILURE_TTL + 1
        assert short(await names.hops("plain.example.net", 5060)) == ["udp:192.0.2.4:5060"]
        setattr(server, outage, True)
        clock.now += module.MAX_TTL + module.STALE_FOR + 1
        assert await names.hops("example.net") == [], "an answer of the day before yesterday is none"


async def test_a_dead_dns_costs_no_more_than_the_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TOTAL_WAIT", 0.2)
    async with DnsServer(ZONE) as server:
        server.silent = True
        names = resolver(server, tmp_path)
        loop = asyncio.get_running_loop()
        begin = loop.time()
        assert await names.hops("example.net") == []
        assert loop.time() - begin < 3.0
        await names.close()


async def test_the_hosts_file_goes_before_the_dns_and_is_read_again(tmp_path: Path) -> None:
    hosts = "127.0.0.1 localhost\n192.0.2.50 pbx.example.net PBX  # ours\n2001:db8::50 pbx\nnonsense pbx\n\n"
    async with DnsServer(ZONE) as server:
        names = resolver(server, tmp_path, hosts=hosts)
        assert short(await names.hops("pbx")) == ["udp:192.0.2.50:5060", "udp:2001:db8::50:5060"]
        assert short(await names.hops("pbx.example.net", None, "tcp")) == ["tcp:192.0.2.50:5060"]
        assert not server.asked
        file = tmp_path / "hosts"
        file.write_text("192.0.2.51 pbx\n")
        os.utime(file, (1, 1))
        assert short(await names.hops("pbx")) == ["udp:192.0.2.51:5060"]


async def test_names_without_a_dot_are_the_machines(tmp_path: Path) -> None:
    async def system(name: str) -> Sequence[str]:
        if name in ("asterisk", "pbx.office"):
            return ["192.0.2.60"]
        raise OSError("unknown")

    async with DnsServer(ZONE) as server:
        names = resolver(server, tmp_path, system=system)
        assert short(await names.hops("asterisk")) == ["udp:192.0.2.60:5060"]
        assert await names.hops("nobody") == []
        assert short(await names.hops("pbx.office", 5060)) == ["udp:192.0.2.60:5060"], "by a search domain"
        assert await names.hops("printer.local") == []
        assert {name for name, _ in server.asked} == {
            "pbx.office",
            "_sip._udp.printer.local",
            "_sip._tcp.printer.local",
            "_sips._tcp.printer.local",
            "printer.local",
        }


async def test_the_system_knows_this_host(tmp_path: Path) -> None:
    assert "127.0.0.1" in await module._system_addresses("localhost")


async def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RECORDS", 4)
    async with DnsServer(ZONE) as server:
        names = resolver(server, tmp_path)
        for n in range(10):
            await names.hops(f"n{n}.example.net", 5060)
        assert len(names._kept) == 4


async def test_without_a_configuration_of_the_machine(tmp_path: Path) -> None:
    names = Resolver(resolv_conf=tmp_path / "none", hosts_file=tmp_path / "none", system=nobody)
    assert await names.hops("example.net") == []


def test_addresses() -> None:
    assert is_address("::1") and is_address("192.0.2.1") and not is_address("a.example")
