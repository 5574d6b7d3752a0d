"""The transaction tables as tables; what is done by them is tested with the transactions."""

from __future__ import annotations

import pytest

from ivr.sip.tables import CLIENT, INVITE_CLIENT, INVITE_SERVER, SERVER, Action, Input, State

TABLES = {"INVITE client": INVITE_CLIENT, "client": CLIENT, "INVITE server": INVITE_SERVER, "server": SERVER}
FIRST = {
    "INVITE client": State.CALLING,
    "client": State.TRYING,
    "INVITE server": State.PROCEEDING,
    "server": State.TRYING,
}


@pytest.mark.parametrize("name", TABLES)
def test_every_state_that_is_entered_can_be_left(name: str) -> None:
    table = TABLES[name]
    reachable, todo = {FIRST[name]}, [FIRST[name]]
    while todo:
        state = todo.pop()
        for (origin, _), (_, target) in table.items():
            if origin is state and target not in reachable:
                reachable.add(target)
                todo.append(target)
    assert State.TERMINATED in reachable
    assert {state for state, _ in table} | {State.TERMINATED} == reachable
    for state in reachable - {State.TERMINATED}:
        assert any(origin is state and target is not state for (origin, _), (_, target) in table.items())


@pytest.mark.parametrize("name", TABLES)
def test_what_waits_for_the_past_has_a_lifetime(name: str) -> None:
    """Completed, Accepted and Confirmed are entered with a timer that ends them."""
    lasting = {Action.HOLD, Action.HOLD_UNLESS_RELIABLE, Action.LINGER}
    for (origin, _), (actions, target) in TABLES[name].items():
        if target is not origin and target in (State.COMPLETED, State.ACCEPTED, State.CONFIRMED):
            assert lasting & set(actions)
            assert TABLES[name][target, Input.EXPIRE][1] is State.TERMINATED
