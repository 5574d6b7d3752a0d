"""Lines that register and are asked, between real stacks in virtual time."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Coroutine
from types import SimpleNamespace
from typing import Any

import pytest

from ivr.call.identity import LineTable
from ivr.errors import UnreachableError
from ivr.lines import Ground, Trunks
from ivr.net import Hop
from ivr.settings import Settings
from ivr.sip import Challenger, Flow, IncomingRequest, Registrar, RegistrarLimits, Verified, make_response
from tests.kit.house import Clock
from tests.kit.link import Link
from tests.kit.sip import make_stack

Make = Callable[[str], Settings]
US = ("192.0.2.2", 5060)
ONE, TWO = ("192.0.2.10", 5060), ("192.0.2.11", 5060)
PASSWORD = "geheim-4711"

PBX = """
lines:
  pbx:
    type: sip_trunk
    host: pbx.example.net
    register: {user: "4711", password: geheim-4711, expires: 10m}
"""
PROBED = "lines: {pbx: {type: sip_trunk, host: pbx.example.net, probe: {every: 30s, down_after: 2, up_after: 2}}}"


class Provider:
    """A registrar with a password."""

    def __init__(self, world: World, address: tuple[str, int], seed: int) -> None:
        self.world = world
        self.registrar = Registrar(RegistrarLimits(max_expires=300))
        self.challenger = Challenger("example.net", b"s" * 32, 60.0, algorithms=("SHA-256", "MD5"))
        self.stack = make_stack(seed)
        self.refuses: int | None = None
        world.link.join(self.stack, address, self._on_event)

    def _on_event(self, event: Any) -> None:
        if not isinstance(event, IncomingRequest):
            return
        request, now = event.request, self.world.link.now
        if self.refuses is not None:
            response = make_response(request, self.refuses)
        else:
            verdict = self.challenger.verify(
                request.get_all("Authorization"), "REGISTER", request.uri, lambda _: PASSWORD, b"", now
            )
            if isinstance(verdict, Verified):
                response = self.registrar.answer("4711", request, event.flow, now)
            else:
                headers = [("WWW-Authenticate", value) for value in self.challenger.challenge(now)]
                response = make_response(request, 401, headers=headers)
        self.stack.respond(event.transaction, response, now)

    @property
    def contacts(self) -> list[str]:
        return [str(binding.contact.uri) for binding in self.registrar.lookup("4711", self.world.link.now)]


class World:
    """Our lines, names, and a link."""

    def __init__(self, settings: Settings) -> None:
        self.link = Link()
        self.stack = make_stack(7)
        self.link.join(self.stack, US)
        self.hosts: dict[str, list[Hop]] = {"pbx.example.net": [hop(ONE)]}
        self.ways: set[str] = {"udp"}
        self.table = LineTable(settings)
        clock: Any = Clock(self.link)
        self.kept: list[tuple[float, Flow]] = []
        sockets: Any = SimpleNamespace(
            flow_to=self._flow_to,
            host_for=lambda _: US[0],
            flush=lambda: None,
            keep_alive=lambda flow: self.kept.append((self.link.now, flow)),
        )
        self.ground = Ground(
            clock, sockets, self.stack, self, self._spawn, lambda name: f"urn:uuid:{name}", lambda: 0.0, lambda: 0.5
        )
        self.trunks = Trunks(self.table.lines, self.ground, self.table.account, self.table.resolved)

    async def hops(
        self, host: str, port: int | None = None, transport: str | None = None, sips: bool = False
    ) -> list[Hop]:
        return self.hosts.get(host, [])

    def _flow_to(self, address: str, port: int, transport: str = "udp", name: str = "") -> Flow:
        if transport not in self.ways:
            raise UnreachableError("no way")
        return Flow(transport, US, (address, port), 0, name)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self.link.after(0.0, lambda: run(work))

    def start(self) -> None:
        run(self.trunks._resolve_all())
        self.trunks.begin()

    def run(self, seconds: float) -> None:
        self.link.run(seconds)

    def state(self) -> Any:
        return self.trunks.states()[0]

    def sent(self, method: str) -> list[str]:
        return [
            data.decode() for _, source, _, data in self.link.sent if source == US and data.startswith(method.encode())
        ]


def hop(address: tuple[str, int], transport: str = "udp") -> Hop:
    return Hop(transport, *address, "pbx.example.net")


def run(work: Coroutine[Any, Any, None]) -> None:
    """A coroutine that never waits, to its end."""
    try:
        work.send(None)
    except StopIteration:
        return
    raise AssertionError("work that waits")


def test_the_way_of_datagrams_to_a_registrar_stays_open(make_settings: Make) -> None:
    world = World(make_settings(PBX))
    Provider(world, ONE, 1)
    world.start()
    world.run(130)
    times = [at for at, _ in world.kept]
    assert len(times) == 5 and all(24 <= late - soon <= 29 for soon, late in itertools.pairwise(times))
    assert {flow.remote for _, flow in world.kept} == {ONE}
    registration = world.trunks._trunks["pbx"].registration
    assert registration is not None
    registration.stop()
    world.run(60)
    assert len(world.kept) == 5, "nothing after the end"


def test_a_line_that_is_not_registered_sends_no_signs_of_life(make_settings: Make) -> None:
    world = World(make_settings(PBX))
    Provider(world, ONE, 1).refuses = 403
    world.start()
    world.run(130)
    assert world.kept == []


def test_a_line_registers_and_stays_registered(make_settings: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world = World(make_settings(PBX))
    provider = Provider(world, ONE, 1)
    world.start()
    assert not world.trunks.usable("pbx")
    world.run(1)
    assert provider.contacts == ["sip:4711@192.0.2.2:5060"]
    assert world.trunks.usable("pbx") and world.state().registered
    assert world.table.at(ONE[0]) == "pbx"
    for _ in range(40):
        world.run(100)
        assert provider.contacts and world.state().registered, "it never lapses"
    assert [record.getMessage() for record in caplog.records if record.name == "ivr.lines"] == [
        "line pbx: not registered: not registered yet",
        "line pbx can be used, registered for 300 s",
    ]
    assert PASSWORD not in caplog.text and PASSWORD not in repr(world.trunks.states())
    registers = world.sent("REGISTER ")
    assert '+sip.instance="<urn:uuid:pbx>"' in registers[0]
    assert len({text.split("Call-ID: ")[1].split("\r\n")[0] for text in registers}) == 1


def test_a_line_that_is_down_at_the_start_is_taken_up_later(
    make_settings: Make, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(make_settings(PBX))
    world.start()
    world.run(300)
    assert world.state().reason == "not registered: no answer" and world.state().registered is False
    assert world.state().addresses == (ONE[0],)
    provider = Provider(world, ONE, 1)
    world.run(400)
    assert provider.contacts and world.trunks.usable("pbx")
    provider.refuses = 503
    world.run(700)
    assert not world.trunks.usable("pbx")
    assert world.state().reason == "not registered: 503 Service Unavailable"
    warned = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warned) < 8, "what does not change is not told again"


def test_several_registrars_are_tried_in_turn(make_settings: Make) -> None:
    text = PBX.replace("expires: 10m", "expires: 10m, registrars: [a.example.net, b.example.net], domain: example.org")
    world = World(make_settings(text))
    world.hosts |= {"a.example.net": [hop(ONE)], "b.example.net": [hop(TWO)]}
    provider = Provider(world, TWO, 2)
    world.start()
    world.run(60)
    assert provider.contacts
    assert world.sent("REGISTER ")[-1].startswith("REGISTER sip:example.org SIP/2.0")
    assert "To: <sip:4711@example.org>" in world.sent("REGISTER ")[-1]
    world.run(61)
    assert world.table.at(TWO[0]) == "pbx", "calls may come from any of them"


def test_calls_go_where_the_account_is_registered(make_settings: Make) -> None:
    world = World(make_settings(PBX))
    world.hosts["pbx.example.net"] = [hop(ONE), hop(TWO)]
    Provider(world, TWO, 2)
    world.start()
    found: list[list[Hop]] = []

    async def ask() -> None:
        found.append(await world.trunks.hops("pbx"))

    run(ask())
    world.run(60)
    run(ask())
    assert [hops[0].address for hops in found] == [ONE[0], TWO[0]]


def test_an_outbound_proxy_gets_everything(make_settings: Make) -> None:
    text = PBX + "    outbound_proxy: edge.example.net:5070\n    transport: tcp\n    probe: {}\n"
    world = World(make_settings(text))
    world.ways = {"tcp"}
    world.hosts["edge.example.net"] = [Hop("tcp", TWO[0], 5070, "edge.example.net")]
    world.start()
    world.run(1)
    for method in ("REGISTER ", "OPTIONS "):
        (first, *_) = world.sent(method)
        assert "Route: <sip:edge.example.net:5070;transport=tcp;lr>\r\n" in first
        assert first.startswith(f"{method}sip:pbx.example.net SIP/2.0")
    assert {target for _, source, target, _ in world.link.sent if source == US} == {(TWO[0], 5070)}
    assert "Contact: <sip:4711@192.0.2.2:5060;transport=tcp>" in world.sent("REGISTER ")[0]
    assert world.table.at(TWO[0]) == world.table.at(ONE[0]) == "pbx"


def test_a_way_that_is_not_there_is_passed_over(make_settings: Make) -> None:
    world = World(make_settings(PBX))
    world.hosts["pbx.example.net"] = [hop(TWO, "tls"), hop(ONE)]
    provider = Provider(world, ONE, 1)
    world.start()
    world.run(1)
    assert provider.contacts


def test_a_peer_is_asked_whether_it_is_there(make_settings: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    world = World(make_settings(PROBED))
    world.start()
    assert world.trunks.usable("pbx"), "nothing speaks against it yet"
    world.run(20)
    assert world.state().answers is False and not world.trunks.usable("pbx")
    assert world.state().reason == "the peer does not answer"
    Provider(world, ONE, 1)
    world.run(60)
    state = world.state()
    assert state.answers is True and state.usable and state.round_trip == pytest.approx(0.02)
    before = len(world.sent("OPTIONS "))
    world.run(300)
    assert 9 <= len(world.sent("OPTIONS ")) - before <= 11
    assert [record.getMessage() for record in caplog.records if record.name == "ivr.lines"] == [
        "line pbx can be used",
        "line pbx cannot be used: the peer does not answer",
        "line pbx can be used",
    ]


def test_a_line_is_there_while_one_of_its_hops_is(make_settings: Make) -> None:
    world = World(make_settings(PROBED))
    world.hosts["pbx.example.net"] = [hop(ONE), hop(TWO)]
    Provider(world, TWO, 2)
    world.start()
    world.run(100)
    assert world.state().answers is True
    found: list[list[Hop]] = []

    async def ask() -> None:
        found.append(await world.trunks.hops("pbx"))

    run(ask())
    assert found[0][0] == hop(TWO), "the one that answers goes first"
    assert world.trunks.usable("pbx")


def test_a_sign_of_life_ends_the_wait_for_the_registration(make_settings: Make) -> None:
    world = World(make_settings(PBX + "    probe: {every: 10s}\n"))
    world.start()
    world.run(1200)
    provider = Provider(world, ONE, 1)
    world.run(15)
    assert provider.contacts


def test_a_hop_that_asked_for_a_pause_makes_another_line_go_first(make_settings: Make) -> None:
    world = World(make_settings("lines: {pbx: {type: sip_trunk, host: pbx.example.net}}"))
    world.start()
    world.trunks.shun(hop(ONE), 60.0)
    assert not world.trunks.usable("pbx")
    assert world.state().reason == "the last call by it got no answer, or a request to wait"
    world.trunks.welcome(hop(ONE))
    assert world.trunks.usable("pbx") and world.state().reason == ""


def test_old_addresses_stand_while_a_name_has_none(make_settings: Make) -> None:
    world = World(make_settings("lines: {pbx: {type: sip_trunk, host: pbx.example.net}}"))
    world.start()
    world.hosts["pbx.example.net"] = [hop(TWO), Hop("udp", "2001:db8::10", 5060, "pbx.example.net")]
    world.run(100)
    assert (world.table.at(ONE[0]), world.table.at(TWO[0]), world.table.at("2001:db8::10")) == (None, "pbx", "pbx")
    world.hosts.clear()
    world.run(100)
    assert world.table.at(TWO[0]) == "pbx"
    assert world.state().reason == ""


def test_a_host_without_an_address_stops_nobody(make_settings: Make) -> None:
    world = World(make_settings("lines: {pbx: {type: sip_trunk, host: nowhere.example}}"))
    world.start()
    assert world.state().reason == "nowhere.example has no address" and not world.trunks.usable("pbx")


async def test_registrations_are_taken_back_at_the_end(make_settings: Make) -> None:
    world = World(make_settings(PBX))
    provider = Provider(world, ONE, 1)
    world.start()
    world.run(1)
    assert provider.contacts
    trunk = world.trunks._trunks["pbx"].registration
    assert trunk is not None
    gone: list[bool] = []
    trunk.when_stopped = lambda: gone.append(True)
    trunk.stop()
    world.run(1)
    assert gone and not provider.contacts
    await world.trunks.close()


def test_a_lost_connection_is_made_anew(make_settings: Make) -> None:
    world = World(make_settings(PBX + "    transport: tcp\n"))
    world.ways = {"tcp"}
    world.hosts["pbx.example.net"] = [hop(ONE, "tcp")]
    Provider(world, ONE, 1)
    world.start()
    world.run(1)
    before = len(world.sent("REGISTER "))
    world.trunks.connection_lost(Flow("udp", US, ONE))
    world.run(2)
    assert len(world.sent("REGISTER ")) == before
    world.trunks.connection_lost(Flow("tcp", US, ONE, 5))
    world.run(2)
    assert len(world.sent("REGISTER ")) == before + 1


def test_another_account_for_calls(make_settings: Make) -> None:
    world = World(make_settings(PBX + "    user: calls\n    password: other\n"))
    provider = Provider(world, ONE, 1)
    world.start()
    world.run(1)
    assert provider.contacts
    account = world.table.account("pbx")
    assert account is not None and account.user == "calls"


def test_a_fault_in_a_look_up_is_like_any_failure(make_settings: Make) -> None:
    world = World(make_settings(PBX + "    probe: {every: 10s}\n"))
    provider = Provider(world, ONE, 1)
    good, world.hosts = world.hosts, None  # type: ignore[assignment]
    world.start()
    world.run(60)
    assert world.state().reason == "not registered: the registrar has no address"
    world.hosts = good
    world.run(60)
    assert provider.contacts and world.state().answers is True
