"""What calls out cost their line, and how far a call is passed on."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.house import CELL, DESK, HOUSE, SHOP, TRUNK, House
from tests.kit.sip import request, sdp

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: out}
  out: {type: forward_call, to: "TARGET", branches: {call_not_forwarded: failed}}
  failed: {type: play, text: failed, next: bye}
  bye: {type: hang_up}
"""


def test_calls_out_count_for_their_line_and_are_given_back(tmp_path: Path) -> None:
    settings = "lines:\n  pbx: {type: sip_trunk, host: 192.0.2.10, max_calls: 1}\n"
    house = House(tmp_path, {"main": FLOW.replace("TARGET", "+4940123")}, settings)
    trunk, first, second = house.party(TRUNK), house.party(), house.party(SHOP)
    first.call("100")
    assert len(trunk.calls) == 1
    second.call("100")
    assert len(trunk.calls) == 1
    assert ["failed"] in [port.heard() for port in house.pool.ports]
    first.hang_up()
    house.run(1.0)
    house.party(CELL).call("100")
    assert len(trunk.calls) == 2


@pytest.mark.parametrize(("came", "goes"), [(70, 69), (200, 69), (1, 0), (0, None)])
def test_a_call_that_is_passed_on_has_one_hop_less(tmp_path: Path, came: int, goes: int | None) -> None:
    house = House(tmp_path, {"main": FLOW.replace("TARGET", "phone:200")})
    desk, caller = house.phone("200", DESK), house.party()
    text = request(body=sdp(caller.address[0])).replace(b"Max-Forwards: 70", f"Max-Forwards: {came}".encode())
    assert f"Max-Forwards: {came}\r\n".encode() in text
    house.link.inject(text, caller.address, HOUSE)
    house.run(0.2)
    if goes is None:
        assert desk.calls == []
    else:
        assert desk.session.request.max_forwards == goes


def test_a_call_that_cannot_begin_gives_its_line_back_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    monkeypatch.setattr("ivr.flow.machine.Machine.start", broken)
    settings = "lines:\n  pbx: {type: sip_trunk, host: 192.0.2.10, max_calls: 1}\n"
    house = House(tmp_path, {"main": FLOW.replace("TARGET", "phone:200")}, settings)
    house.party(TRUNK).call("100")
    house.run(1.0)
    assert house.services.load.calls["pbx"] == 0
