"""Findings about hand-offs: where they stand, and where there is none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.kit.lint import WORLD, codes, lint

CHAIN = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: people}
  people:
    type: transfer_to_agent
    queue: HOST
    failover: [MEMBERS]
    branches: {call_not_forwarded: bye, failed_over: bye}
  bye: {type: hang_up}
"""


def chain(host: str, members: str) -> str:
    return CHAIN.replace("HOST", host).replace("MEMBERS", members)


@pytest.mark.parametrize(
    ("host", "members", "found"),
    [
        ("calm", "{queue: calm}", ["H003"]),
        ("calm", "{callback: calm}", []),
        ("calm", "{queue: keys, timeout: 1m}, {voicemail: true}, {queue: keys, timeout: 1m}", ["H003"]),
        ("keys", "{voicemail: true}", ["H004"]),
        ("calm", "{queue: keys}, {voicemail: true}", ["H004"]),
        ("calm", "{queue: keys}", []),
        ("calm", "{queue: empty}", ["H006"]),
        ("support", "{voicemail: true}", ["H001", "H004"]),
    ],
)
def test_chains(host: str, members: str, found: list[str]) -> None:
    assert sorted(codes(chain(host, members))) == found


def test_the_finding_stands_at_the_member() -> None:
    [finding] = [one for one in lint(chain("calm", "{voicemail: true}, {queue: calm}")) if one.code == "H003"]
    assert finding.field == "failover.1.queue"


def test_without_agents_nobody_knows_who_works_where() -> None:
    assert codes(chain("empty", "{voicemail: true}"), replace(WORLD, staffed=None)) == []


BOT = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: bot}
  bot: {type: transfer_to_ai_agent, agent: front, next: NEXT}
  people: {type: transfer_to_agent, queue: calm, branches: {call_not_forwarded: bye}}
  noted: {type: tag, tags: talked, next: why}
  why:
    type: branch
    conditions: [{when: "result.reason == 'WORD'", to: people}]
    branches: {otherwise: bye}
  bye: {type: hang_up}
"""


@pytest.mark.parametrize(("following", "found"), [("people", []), ("noted", []), ("why", []), ("bye", ["H005"])])
def test_wishes_that_are_heeded_later_are_heeded(following: str, found: list[str]) -> None:
    text = BOT.replace("NEXT", following).replace("WORD", "transfer_requested")
    assert [code for code in codes(text) if code != "G001"] == found


@pytest.mark.parametrize(
    ("word", "found"), [("caller_requested_human", []), ("key_exit", ["H007"]), ("humen", ["H007"])]
)
def test_reasons_are_those_of_the_element_before(word: str, found: list[str]) -> None:
    assert codes(BOT.replace("NEXT", "noted").replace("WORD", word)) == found
