"""The last calls that each agent did not take."""

from __future__ import annotations

from typing import Any

from ivr.center.missed import MOST, MissedCalls
from ivr.center.rules.decisions import Missed


def missed(agent: str, call: str, reason: Any = "no_answer") -> Missed:
    return Missed(agent, call, "sales", 1, reason, 1)


def test_the_last_ones_of_each_agent_are_known() -> None:
    calls = MissedCalls(lambda: 1000.0)
    for number in range(MOST + 5):
        calls.add(missed("anna", f"c{number}"), number)
    calls.add(missed("ben", "c3", "declined"), None)
    assert [row["call"] for row in calls.of("anna")] == [f"c{number}" for number in range(MOST + 4, 4, -1)]
    assert calls.of("ben") == [{"at": 1000.0, "call": "c3", "short_id": None, "queue": "sales", "reason": "declined"}]
    assert calls.of("nobody") == []


def test_they_are_kept_over_a_restart() -> None:
    rows: dict[str, Any] = {}
    first = MissedCalls(lambda: 1000.0, {}, rows.__setitem__)
    first.add(missed("anna", "c1"), 7)
    first.add(missed("ben", "c2"), 8)
    first.forget("ben")
    first.forget("ben")
    assert rows["ben"] is None
    again = MissedCalls(lambda: 2000.0, {"anna": rows["anna"], "eve": None, "max": [1, {"at": 1}]}, rows.__setitem__)
    assert [row["call"] for row in again.of("anna")] == ["c1"]
    assert again.of("eve") == again.of("max") == []
    again.add(missed("anna", "c4"), 9)
    assert [row["short_id"] for row in rows["anna"]] == [9, 7]
