"""Numbers of lines with a country, from the call to the flow."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.sip import NameAddr, Uri
from tests.kit.house import TRUNK, House

FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["NUMBER"], next: hi}
  hi: {type: play, text: "{{ call.from }}", next: bye}
  bye: {type: hang_up}
"""
OTHER = """
elements:
  start: {type: start_incoming_call, numbers: ["*"], next: bye}
  bye: {type: hang_up}
"""
LINE = "lines: {pbx: {type: sip_trunk, host: 192.0.2.10, country: DE}}\n"


@pytest.mark.parametrize("served", ["030 123456", "+49 30 123456", "4930123456"])
@pytest.mark.parametrize("called", ["030123456", "+4930123456", "4930123456"])
def test_a_number_is_found_in_any_spelling(tmp_path: Path, served: str, called: str) -> None:
    house = House(tmp_path, {"main": FLOW.replace("NUMBER", served), "other": OTHER}, LINE)
    trunk = house.party(TRUNK)
    trunk.call(called, from_=NameAddr(Uri("sip", "040987654", TRUNK[0])))
    assert house.port.heard() == ["+4940987654"]
    trunk.hang_up()
    assert (house.record.caller, house.record.called, house.record.flow) == ("+4940987654", called, "main")


def test_two_accounts_at_one_provider(tmp_path: Path) -> None:
    lines = "".join(
        f"  {name}: {{type: sip_trunk, host: 192.0.2.10, register: {{user: '{user}', password: p}}}}\n"
        for name, user in (("one", "4711"), ("two", "4712"))
    )
    flow = FLOW.replace('"NUMBER"', '"*"').replace("call.from", "call.line")
    house = House(tmp_path, {"main": flow}, f"lines:\n{lines}")
    trunk = house.party(TRUNK)
    trunk.call("4712")
    assert house.port.heard() == ["two"]
    trunk.hang_up()
