from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from ivr.center.rules.routing import examine, fact_of, needed_skills, route, tagged_skills
from tests.kit.center import configured

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)


def routes(conditions: str, more: str = "") -> Any:
    return configured(f"queues: {{q: {{}}}}\nroutes: [{{when: [{conditions}], queue: q{more}}}]\n").routes


FACTS = {
    "from": "+49301234",
    "tags": ["vip", "German"],
    "profile": {"tier": "Gold", "since": "2026-01-05", "age": 41},
    "collected.menu": {"digits": "2"},
    "metadata.plain": "x",
}


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ("{fact: profile.tier, is: gold}", True),
        ("{fact: profile.tier, is_not: gold}", False),
        ("{fact: profile.none, is_not: gold}", True),
        ("{fact: profile.none, is: gold}", False),
        ("{fact: profile.age, is: 41}", True),
        ("{fact: tags, contains: vip}", True),
        ("{fact: tags, contains: vi}", False),
        ("{fact: tags, does_not_contain: french}", True),
        ("{fact: metadata.none, does_not_contain: x}", True),
        ("{fact: from, contains: '301'}", True),
        ("{fact: from, starts_with: '+49'}", True),
        ("{fact: from, starts_with: '+43'}", False),
        ("{fact: collected.menu.digits, in_list: ['1', '2']}", True),
        ("{fact: collected.menu.digits, not_in_list: ['1', '2']}", False),
        ("{fact: metadata.none, not_in_list: ['1']}", True),
        ("{fact: profile.since, until: '2026-01-05'}", True),
        ("{fact: profile.since, until: '2026-01-04'}", False),
        ("{fact: profile.since, since: '2026-01-05'}", True),
        ("{fact: profile.since, since: '2026-01-06'}", False),
        ("{fact: profile.tier, since: '2026-01-06'}", False),
        ("{fact: metadata.none, until: '2026-01-06'}", False),
        ("{fact: profile.tier, is: gold, starts_with: s}", False),
        ("{fact: profile.tier, is: gold}, {fact: tags, contains: no}", False),
        ("{fact: profile.tier, is: gold}, {fact: tags, contains: vip}", True),
    ],
)
def test_operators(condition: str, holds: bool) -> None:
    rules = routes(condition)
    assert (route(rules, FACTS, NOW).route is not None) == holds
    assert examine(rules, FACTS, NOW)[-1].matched == holds


def test_any_condition_is_enough_where_the_rule_says_so() -> None:
    rules = routes("{fact: tags, contains: no}, {fact: tags, contains: vip}", ", match: any, name: r")
    verdict = examine(rules, FACTS, NOW)[0]
    assert (verdict.matched, verdict.why) == (True, "Holds: tags contains vip; it is vip, German.")
    assert examine(rules, {}, NOW)[0].why == "None of its conditions holds."


def test_the_first_match_wins_and_each_rule_says_why() -> None:
    rules = configured(
        """
queues: {a: {}, b: {}}
routes:
  - {name: unused, queue: a, enabled: false}
  - {name: gold, when: [{fact: profile.tier, is: platinum}], queue: a}
  - {when: [{fact: from, starts_with: "+49"}], queue: b, priority: 8}
  - {queue: a}
"""
    ).routes
    found = route(rules, FACTS, NOW)
    assert (found.name, found.route) == ("3", rules[2])
    assert [(each.name, each.matched, each.why) for each in examine(rules, FACTS, NOW)] == [
        ("unused", False, "It is not enabled."),
        ("gold", False, "Does not hold: profile.tier is platinum; it is Gold."),
        ("3", True, "All its conditions hold."),
    ]
    assert examine(rules, FACTS, NOW, secret=True)[1].why == "Does not hold: profile.tier is platinum; it is hidden."
    assert examine(rules[3:], {}, NOW)[0].why == "It has no conditions and matches every call."


def test_facts_are_found_by_their_names_with_dots() -> None:
    assert fact_of(FACTS, "metadata.plain") == "x"
    assert fact_of(FACTS, "collected.menu.digits") == "2"
    assert fact_of(FACTS, "collected.menu.none.deeper") is None
    assert fact_of(FACTS, "profile.tier.deeper") is None
    assert fact_of({"a": {"b.c": 1, "b": {"c": 2}}}, "a.b.c") == 2


def test_skills_that_are_needed() -> None:
    tags = ["skill:german", "skill:sales:7", "skill:sales:x", "vip", 3]
    assert tagged_skills(tags) == {"german": 1, "sales": 7}
    assert tagged_skills("skill:german") == {}
    assert needed_skills({"a": 3, "b": True}, {"a": 1, "c": 99}, None) == (("a", 3), ("b", 1), ("c", 10))
