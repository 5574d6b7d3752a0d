"""A call that is placed over several hops and lines: what the caller and the flow notice of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ivr.call.placement import HOP_WAIT, MAX_TRIES
from ivr.call.policies import media_policies
from ivr.net import Hop
from ivr.sip import IncomingCall
from tests.kit.house import CELL, DESK, HOUSE, SHOP, TRUNK, House
from tests.kit.sip import sdp

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: out}
  out:
    type: forward_call
    to: "TARGET"
    timeout: 60s
    branches: {busy: busy, no_answer: quiet, call_not_forwarded: failed}
  busy: {type: play, text: busy, next: bye}
  quiet: {type: play, text: quiet, next: bye}
  failed: {type: play, text: failed, next: bye}
  bye: {type: hang_up}
"""
ONE, TWO = SHOP, CELL
LINES = """
lines:
  first: {type: sip_trunk, host: first.example, failover: [second]}
  second: {type: sip_trunk, host: 192.0.2.21, from: "+49302"}
  third: {type: sip_trunk, host: 192.0.2.10}
"""
SOLO = "lines: {first: {type: sip_trunk, host: first.example}}\n"


def hop(address: tuple[str, int], transport: str = "udp") -> Hop:
    return Hop(transport, *address, "first.example")


def make(tmp_path: Path, settings: str = LINES, target: str = "+4940123", hops: list[Hop] | None = None) -> House:
    house = House(tmp_path, {"main": FLOW.replace("TARGET", target)}, settings)
    house.names.table["first.example"] = [hop(ONE)] if hops is None else hops
    return house


def said(house: House) -> list[str]:
    return [text for port in house.pool.ports for text in port.heard()]


def test_another_line_takes_the_call_that_the_first_refuses_with_503(tmp_path: Path) -> None:
    house = make(tmp_path)
    one, two, caller = house.party(ONE), house.party(TWO), house.party()
    caller.call("100")
    assert str(one.calls[0].request.uri) == "sip:+4940123@first.example"
    one.refuse(503)
    assert str(two.calls[0].request.uri) == "sip:+4940123@192.0.2.21"
    assert two.calls[0].request.from_.uri.user == "+49302", "each line shows its own number"
    assert dict(house.services.load.calls) == {"first": 0, "second": 1}
    two.ring()
    two.answer()
    assert house.pool.used == 2 and said(house) == []
    caller.hang_up()
    assert two.calls[0].ended
    house.settled()
    assert dict(house.services.load.calls) == {"first": 0, "second": 0}


def test_a_hop_that_says_nothing_is_left_after_some_seconds(tmp_path: Path) -> None:
    house = make(tmp_path)
    two, caller = house.party(TWO), house.party()
    begin = house.now
    caller.call("100")
    house.run(HOP_WAIT)
    assert len(two.calls) == 1 and house.now - begin < HOP_WAIT + 1
    two.answer()
    caller.hang_up()
    again = house.party(DESK)
    before = house.now
    again.call("100")
    assert len(two.calls) == 2 and house.now - before < 1, "nobody waits for it again so soon"
    house.run(90)


def test_a_hop_that_answers_late_is_cancelled(tmp_path: Path) -> None:
    house = make(tmp_path)
    one, two, caller = house.party(ONE), house.party(TWO), house.party()
    house.link.impairment.drop = lambda data, _: house.now < 105 and data.startswith(b"INVITE sip:+4940123@first")
    one.on_call = lambda session: session.ring(house.now)
    caller.call("100")
    house.run(5)
    two.answer()
    house.run(30)
    assert one.calls and one.calls[0].ended, "it rang, and was cancelled"
    assert not two.calls[0].ended and house.pool.used == 2
    assert one.sent().count("487") == 1
    caller.hang_up()
    house.settled()


def test_what_the_called_party_says_counts(tmp_path: Path) -> None:
    for status, text in ((486, "busy"), (404, "failed"), (480, "quiet")):
        house = make(tmp_path)
        one, two, caller = house.party(ONE), house.party(TWO), house.party()
        caller.call("100")
        one.refuse(status)
        assert two.calls == [] and said(house) == [text]
        caller.hang_up()


def test_what_became_of_each_invite_is_counted(tmp_path: Path) -> None:
    house = make(tmp_path)
    one, two, caller = house.party(ONE), house.party(TWO), house.party()
    caller.call("100")
    one.refuse(503)
    two.ring()
    assert house.services.placed == {("first", "failed"): 1, ("second", "reached"): 1}
    caller.hang_up()


def test_after_ringing_there_is_no_other_way(tmp_path: Path) -> None:
    house = make(tmp_path)
    one, two, caller = house.party(ONE), house.party(TWO), house.party()
    caller.call("100")
    one.ring()
    one.refuse(503)
    assert two.calls == [] and said(house) == ["failed"]
    caller.hang_up()


def test_a_hop_that_has_said_100_is_waited_for(tmp_path: Path) -> None:
    house = make(tmp_path)
    one, two, caller = house.party(ONE), house.party(TWO), house.party()
    caller.call("100")
    assert "100" in one.sent()
    house.run(HOP_WAIT + 5)
    assert two.calls == []
    one.ring()
    one.answer()
    assert house.pool.used == 2
    caller.hang_up()
    house.settled()


def test_hops_are_tried_before_other_lines(tmp_path: Path) -> None:
    house = make(tmp_path, hops=[hop(ONE), hop(DESK), hop(TRUNK, "tls")])
    house.no_way.add("tls")
    one, desk, two, caller = house.party(ONE), house.party(DESK), house.party(TWO), house.party()
    caller.call("100")
    one.refuse(503)
    desk.refuse(503, headers=(("Retry-After", "60"),))
    assert len(two.calls) == 1
    two.refuse(503)
    assert said(house) == ["failed"]
    caller.hang_up()
    house.run(1)
    later = house.party(("192.0.2.40", 5060))
    later.call("100")
    assert (len(one.calls), len(desk.calls)) == (2, 1), "the one that asked for a pause gets it"
    later.hang_up()


def test_without_another_way_the_refusal_is_what_it_is(tmp_path: Path) -> None:
    house = make(tmp_path, SOLO)
    one, caller = house.party(ONE), house.party()
    caller.call("100")
    one.refuse(503)
    assert said(house) == ["failed"] and "503" in one.sent()
    caller.hang_up()
    house.settled()
    house = make(tmp_path, SOLO)
    caller = house.party()
    caller.call("100")
    house.run(31)
    assert said(house) == ["ringback"], "nobody answers: there is no other hop, so that there is time"
    house.run(5)
    assert said(house)[-1] == "quiet"
    caller.hang_up()


def test_a_host_without_an_address(tmp_path: Path) -> None:
    house = make(tmp_path, hops=[])
    two, caller = house.party(TWO), house.party()
    caller.call("100")
    assert len(two.calls) == 1
    caller.hang_up()
    house.run(60)
    house = make(tmp_path, SOLO, hops=[])
    caller = house.party()
    caller.call("100")
    assert said(house) == ["failed"]
    caller.hang_up()
    house.settled()


def test_a_line_that_is_full_passes_calls_on(tmp_path: Path) -> None:
    house = make(tmp_path, LINES.replace("failover", "max_calls: 1, failover"))
    one, two = house.party(ONE), house.party(TWO)
    callers = [house.party(("192.0.2.4" + str(n), 5060)) for n in range(2)]
    for caller in callers:
        caller.call("100")
    assert (len(one.calls), len(two.calls)) == (1, 1)
    for caller in callers:
        caller.hang_up()
    house.settled()


def test_an_ordered_group_of_lines(tmp_path: Path) -> None:
    settings = LINES + "outbound_policy: {line: [third, first]}\n"
    house = make(tmp_path, settings)
    third, one, two, caller = house.party(TRUNK), house.party(ONE), house.party(TWO), house.party()
    caller.call("100")
    third.refuse(503)
    one.refuse(503)
    assert len(two.calls) == 1, "first the group, then what its lines name"
    caller.hang_up()
    house.run(60)


def test_a_line_that_is_not_registered_is_the_last_resort(tmp_path: Path) -> None:
    settings = LINES.replace("failover", "register: {user: a, password: b}, failover")
    house = make(tmp_path, settings)
    one, two, caller = house.party(ONE), house.party(TWO), house.party()
    house.trunks.begin()
    caller.call("100")
    assert (len(one.calls), len(two.calls)) == (0, 1)
    two.refuse(503)
    assert len(one.calls) == 1
    caller.hang_up()
    house.run(60)


@pytest.mark.parametrize("when", ["looking", "waiting"])
def test_a_caller_who_gives_up_meanwhile_leaves_nothing(tmp_path: Path, when: str) -> None:
    house = make(tmp_path, SOLO if when == "waiting" else LINES)
    caller = house.party()
    caller.call("100")
    house.run(0.0 if when == "looking" else 2.0)
    caller.hang_up()
    house.settled()
    assert not any(house.services.load.calls.values())


def test_by_an_outbound_proxy_with_the_lines_headers(tmp_path: Path) -> None:
    settings = (
        "lines: {first: {type: sip_trunk, host: first.example, outbound_proxy: 'edge.example:5070', country: DE,\n"
        "  dial_format: e164, caller_id: {format: e164, p_asserted_identity: true, diversion: diversion}}}\n"
    )
    house = make(tmp_path, settings, target="040 123456")
    house.names.table["edge.example"] = [Hop("udp", *ONE, "edge.example")]
    one, caller = house.party(ONE), house.party()
    caller.call("100")
    request = one.calls[0].request
    assert str(request.uri) == "sip:+4940123456@first.example"
    assert request.get("Route") == "<sip:edge.example:5070;lr>"
    assert request.get("P-Asserted-Identity") == "<sip:caller@192.0.2.2>"
    assert request.get("Diversion") == "<sip:100@192.0.2.2>;reason=unconditional;counter=1"
    caller.hang_up()


def test_headers_of_the_flow_go_before_those_of_the_line(tmp_path: Path) -> None:
    settings = "lines: {first: {type: sip_trunk, host: first.example, caller_id: {p_asserted_identity: true}}}\n"
    flow = FLOW.replace('to: "TARGET"', 'to: "0401"\n    headers: {P-Asserted-Identity: "<sip:1@h>"}')
    house = House(tmp_path, {"main": flow}, settings)
    house.names.table["first.example"] = [hop(ONE)]
    one, caller = house.party(ONE), house.party()
    caller.call("100")
    assert one.calls[0].request.get_all("P-Asserted-Identity") == ["<sip:1@h>"]
    caller.hang_up()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(("answer", "ring", "busy", "503", "408", "later", "silent", "no way")), min_size=1, max_size=10
    ),
    st.integers(0, 3),
    st.one_of(st.none(), st.floats(0.0, 20.0)),
)
def test_whatever_hops_do_one_takes_the_call_or_none(
    tmp_path: Path, what: list[str], lines: int, leaves: float | None
) -> None:
    addresses = [(f"192.0.2.{100 + n}", 5060) for n in range(len(what))]
    names = [f"line{n}" for n in range(lines + 1)]
    text = "".join(f"  {name}: {{type: sip_trunk, host: {name}.example, max_calls: 3}}\n" for name in names)
    house = House(
        tmp_path,
        {"main": FLOW.replace("TARGET", "0401")},
        f"lines:\n{text}outbound_policy: {{line: [{', '.join(names)}]}}\n",
    )
    house.no_way.add("tls")
    for n, name in enumerate(names):
        house.names.table[f"{name}.example"] = [
            Hop("tls" if behaviour == "no way" else "udp", *address, name)
            for address, behaviour in list(zip(addresses, what, strict=True))[n :: lines + 1]
        ]
    peers = {}
    for address, behaviour in zip(addresses, what, strict=True):
        if behaviour in ("silent", "no way"):
            continue
        peer = peers[address] = house.party(address)

        def take(session: Any, behaviour: str = behaviour) -> None:
            now = house.now
            if behaviour == "answer":
                session.answer(sdp("192.0.2.100"), now)
            elif behaviour == "ring":
                session.ring(now)
            elif behaviour == "later":
                house.link.after(3.0, lambda: session.reject(503, house.now))
            else:
                session.reject({"busy": 486, "503": 503, "408": 408}[behaviour], now)

        peer.on_call = take
    caller = house.party()
    caller.call("100")
    house.run(40.0 if leaves is None else leaves)
    standing = [call for peer in peers.values() for call in peer.calls if not call.ended]
    assert len(standing) <= 1, "it rings at two places"
    invited = {target for _, source, target, data in house.link.sent if source == HOUSE and data.startswith(b"INVITE")}
    assert len(invited) <= MAX_TRIES
    one_line = lines == 0 and len(what) <= MAX_TRIES
    if leaves is None and one_line and "answer" in what and not {"ring", "busy"} & set(what):
        assert standing, "one of them would have taken it"
    caller.hang_up()
    house.settled()
    assert not any(house.services.load.calls.values())


def test_each_hop_gets_a_description_and_a_port_of_its_kind(tmp_path: Path) -> None:
    six = ("2001:db8::20", 5060)
    house = make(tmp_path, SOLO, hops=[hop(six), hop(ONE)])
    ours = {True: "2001:db8::2", False: HOUSE[0]}
    house.services.policies = media_policies(house.settings, house.services.lines, lambda peer: ours[":" in peer])
    far, near, caller = house.party(six), house.party(ONE), house.party()
    caller.call("100")
    first = house.pool.ports[-1]
    assert first.local[0] == "::1"
    offer = far.got(IncomingCall)[0].session.remote_sdp
    assert (offer.host, offer.media[0].port) == ("2001:db8::2", first.local[1])
    far.refuse(503)
    second = house.pool.ports[-1]
    assert first.released and not second.released and second.local[0] == "127.0.0.1"
    offer = near.got(IncomingCall)[0].session.remote_sdp
    assert (offer.host, offer.media[0].port) == (HOUSE[0], second.local[1])
    near.answer()
    assert house.port.bridged is second
    caller.hang_up()
    house.settled()
