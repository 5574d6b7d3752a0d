"""What a flow calls sensitive stands in no record, where a call was forwarded by it too."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.house import DESK, House

FLOW = """
variables: {whom: "200"}
sensitive: [whom]
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: desk}
  desk: {type: forward_call, to: "phone:{{ whom }}", timeout: 10s, after: return, next: bye, branches: {returned: bye}}
  bye: {type: hang_up}
"""


@pytest.mark.parametrize("answered", [True, False])
@pytest.mark.parametrize("caller_leaves", [True, False])
def test_a_secret_target_is_not_named(tmp_path: Path, answered: bool, caller_leaves: bool) -> None:
    house = House(tmp_path, {"main": FLOW})
    caller, desk = house.party(), house.phone("200", DESK)
    caller.call("100")
    if answered:
        desk.answer()
    if caller_leaves:
        caller.hang_up()
    elif answered:
        desk.hang_up()
    house.settled()
    assert [row["target"] for row in house.record.hand_offs] == ["(sensitive)"]
    assert "phone:200" not in str(house.record)


def test_other_targets_are_named(tmp_path: Path) -> None:
    house = House(tmp_path, {"main": FLOW.replace("sensitive: [whom]", "")})
    caller = house.party()
    house.phone("200", DESK)
    caller.call("100")
    caller.hang_up()
    house.settled()
    assert [row["target"] for row in house.record.hand_offs] == ["phone:200"]
