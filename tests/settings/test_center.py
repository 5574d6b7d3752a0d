from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from ivr.errors import ConfigError
from ivr.settings import Settings, WaitingStrategy

Make = Callable[[str], Settings]

WHOLE = """
phones: {"200": {password: x}, "201": {password: x}}
calendars: {office: {time_zone: Europe/Berlin}}
waiting:
  calm:
    greeting: Please wait.
    music: {file: hold.wav}
    announcements: [{every: 45s, text: Thank you.}]
    position: off
    keys: {leave: "0", callback: "2"}
    max_wait: 10m
agents:
  anna: {name: Anna Berg, phones: ["200", "tel:+49 30-1234", "sip:anna@example.com"], queues: [sales],
         skills: {german: 9}, wrap_up: 20s, code: "1234", channels: {chat: 4}}
  ben: {phones: "201"}
queues:
  sales: {order: by_skill, hours: office, waiting: calm, sticky: 30d, service_level: {answer_within: 30s, percent: 90},
          voicemail: {email: sales@example.com}, skills: {german: 3}}
  inline: {waiting: {music: false, position: ordinal}}
statuses: {lunch: away, training: {group: busy, code: "41"}}
dispositions: {sold: Sold, again: {name: Call again, code: "2", queues: [sales]}}
routes:
  - {name: vip, when: [{fact: profile.tier, is: gold}, {fact: tags, contains: vip}], match: any, queue: sales,
     priority: 9}
  - {when: [{fact: variables.since, since: 2026-01-01}], queue: inline}
"""


def test_a_whole_centre(make_settings: Make) -> None:
    settings = make_settings(WHOLE)
    assert settings.agents["anna"].phones == ("200", "tel:+49301234", "sip:anna@example.com")
    assert settings.agents["ben"].phones == ("201",)
    assert "1234" not in repr(settings.agents["anna"].code)
    assert settings.statuses["lunch"].group == "away"
    assert settings.dispositions["sold"].name == "Sold"
    assert settings.waiting["calm"].position == "off"
    assert isinstance(settings.queues["inline"].waiting, WaitingStrategy)
    assert settings.routes[0].when[0].operators == (("is", "gold"),)
    assert settings.routes[1].when[0].operators == (("since", date(2026, 1, 1)),)


def test_the_default_queue_is_always_there_and_has_all_agents(make_settings: Make) -> None:
    assert make_settings("").queues["default"].all
    assert make_settings("queues: {default: {order: round_robin, all: false}}").queues["default"].all
    assert make_settings("queues: {default: {order: round_robin}}").queues["default"].order == "round_robin"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("agents: {a: {queues: [nope]}}", "agents.a.queues.0: there is no such queue (found nope; expected default)"),
        ("agents: {a: {phones: ['200']}}", "agents.a.phones.0: there is no such phone (found 200; expected none is"),
        (
            "phones: {'200': {password: x}}\nagents: {a: {phones: ['200']}, b: {phones: ['200']}}",
            "agents.b.phones.0: a has this already (found 200; expected each has his own)",
        ),
        (
            "agents: {a: {code: '1234'}, b: {code: '1234'}}",
            "agents.b.code: somebody else has this already (expected each has his own)",
        ),
        ("agents: {a: {code: 'secret'}}", "agents.a.code: not a code (expected 1 to 12 digits)"),
        ("agents: {a: {phones: 'a b'}}", "agents.a.phones.0: not a phone"),
        ("agents: {a: {skills: {german: 11}}}", "agents.a.skills.german: input should be less than or equal to 10"),
        ("queues: {q: {hours: nope}}", "queues.q.hours: there is no such calendar (found nope; expected none is"),
        ("queues: {q: {waiting: nope}}", "queues.q.waiting: there is no such waiting strategy (found nope"),
        ("queues: {q: {order: best}}", "queues.q.order: not one of the values allowed"),
        ("routes: [{queue: nope}]", "routes.0.queue: there is no such queue (found nope; expected default)"),
        (
            "routes: [{when: [{fact: tags}], queue: default}]",
            "routes.0.when.0: a condition needs an operator (expected one of is, is_not, contains,",
        ),
        (
            "routes: [{when: [{fact: tags, isnt: x}], queue: default}]",
            "routes.0.when.0.isnt: unknown key, did you mean is_not?",
        ),
        ("routes: [{when: [{fact: a b, is: x}], queue: default}]", "routes.0.when.0.fact: not a fact of a call"),
        (
            "routes: [{when: [{fact: tag, contains: vip}], queue: default}]",
            "routes.0.when.0.fact: not a fact of a call (found tag; expected one of from, to, line,",
        ),
        ("routes: [{when: [{fact: tags.vip, is: x}], queue: default}]", "routes.0.when.0.fact: not a fact of a call"),
        ("routes: [{when: [{fact: profile, is: x}], queue: default}]", "routes.0.when.0.fact: not a fact of a call"),
        ("routes: [{when: [{fact: profiles.x, is: x}], queue: default}]", "routes.0.when.0.fact: not a fact of a call"),
        ("routes: [{when: [{fact: tags, until: soon}], queue: default}]", "routes.0.when.0.until: not a date"),
        ("statuses: {away: busy}", "statuses.away: this status is there already (found away; expected another name)"),
        ("statuses: {a: {group: away, code: '1'}, b: {group: away, code: '1'}}", "statuses.b.code: a has this already"),
        ("dispositions: {x: {queues: [nope]}}", "dispositions.x.queues.0: there is no such queue (found nope"),
        ("waiting: {w: {keys: {leave: '1', callback: '1'}}}", "waiting.w.keys: one key cannot mean two things"),
        ("waiting: {w: {greeting: {}}}", "waiting.w.greeting: exactly one of text and file"),
        ("waiting: {w: {keys: {leave: '12'}}}", "waiting.w.keys.leave: not a key"),
    ],
)
def test_what_does_not_fit_is_said_where(make_settings: Make, text: str, fault: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make_settings(text)
    assert any(fault in str(each) for each in caught.value.faults), [str(each) for each in caught.value.faults]


def test_codes_stand_in_no_fault(make_settings: Make) -> None:
    with pytest.raises(ConfigError) as caught:
        make_settings("agents: {a: {code: [98765]}, b: {code: 43210}}")
    assert all(code not in str(caught.value) for code in ("98765", "43210"))
