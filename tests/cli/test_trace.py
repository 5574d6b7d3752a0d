"""`ivr trace`: what a trace shows to people."""

from __future__ import annotations

from typing import Any

import pytest

from ivr.cli.trace import _print, _step_line

PROMPT = {"prompts": [{"kind": "text", "value": "Für Deutsch"}], "at": 0.0, "heard": 1.44, "reason": "stopped"}


def test_a_step_tells_what_was_heard_and_pressed() -> None:
    step = {
        "element": "menu",
        "type": "collect",
        "entered_at": 101.5,
        "branch": "2",
        "status": "collected",
        "digits": "2",
        "keys": [{"key": "2", "source": "info", "at": 1.25, "duration": 0.1}],
        "played": [PROMPT],
    }
    assert _step_line(step, 100.0).splitlines() == [
        '    1.50  menu                 collect              -> 2  status="collected"',
        '          0.00  "Für Deutsch"  1.4 s heard, stopped',
        "          1.25  key 2 (info, 0.10 s)",
    ]


@pytest.mark.parametrize(
    ("details", "line"),
    [
        (
            {
                "requests": [
                    {"method": "GET", "url": "/a", "connector": "crm", "at": 2.0, "status": 200, "elapsed": 0.31}
                ]
            },
            "          2.00  GET crm: /a -> 200 after 0.31 s",
        ),
        (
            {"requests": [{"method": "GET", "url": "http://x/", "at": 2.0, "error": "timeout", "text": "no answer"}]},
            "          2.00  GET http://x/ -> timeout (no answer)",
        ),
        (
            {"requests": [{"method": "GET", "url": "http://x/", "at": 2.0, "status": 200, "body": {"a": "ä"}}]},
            '          2.00  GET http://x/ -> 200  {"a": "ä"}',
        ),
        (
            {"requests": [{"method": "GET", "url": "http://x/", "at": 2.0, "status": 200, "body_cut": True}]},
            "          2.00  GET http://x/ -> 200  (the answer was too long to be kept)",
        ),
        ({"mails": [{"at": 3.0, "subject": "Hello"}]}, '          3.00  mail "Hello": sent'),
        ({"mails": [{"at": 3.0, "error": "refused"}]}, '          3.00  mail "(sensitive)": refused'),
        (
            {"events": [{"name": "paid", "at": 4.0, "properties": {"sum": 5}}]},
            '          4.00  event paid  {"sum": 5}',
        ),
        (
            {"timers": [{"for": "keys", "due": 5.0, "at": 5.001}]},
            "          5.00  time is up, waited for keys",
        ),
        (
            {"timers": [{"for": "keys", "due": 5.0, "at": 6.5}]},
            "          6.50  time is up, waited for keys, 1.50 s late",
        ),
        ({"notes": ["too many tags"]}, "                note: too many tags"),
    ],
)
def test_a_step_tells_what_else_happened(details: dict[str, Any], line: str) -> None:
    step = {"element": "a", "type": "t", "entered_at": 100.0, "branch": "next", **details}
    assert _step_line(step, 100.0).splitlines()[1:] == [line]


def test_a_call_tells_of_versions_signalling_and_media(capsys: pytest.CaptureFixture[str]) -> None:
    _print(
        {
            "id": "3f2a",
            "short_id": 1,
            "direction": "inbound",
            "started_at": 1_772_000_000.0,
            "caller": None,
            "called": "100",
            "flow": "reception",
            "flow_version": "9c1",
            "flow_number": 3,
            "cause": "system",
            "sip_status": 200,
            "sip_call_id": "x@y",
            "source": "192.0.2.1:5060",
            "path": [{"element": "start", "type": "start_incoming_call", "branch": "next", "flow": "reception"}],
            "hand_offs": [],
            "quality": {},
            "details": {
                "flows": {"reception": {"version": "9c1", "number": 3}, "language": {"version": "0ab", "number": None}},
                "media": {"codec": "pcmu"},
                "hidden": ["profile.pin"],
                "headers": {"user_agent": "phone"},
                "fault": "element a failed: ValueError",
                "trace": "full",
            },
        }
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:4] == ["flow reception (version 3, 9c1), system, SIP 200", "flow language (version 0ab)"]
    assert lines[4] == "fault: element a failed: ValueError"
    assert lines[6:] == [
        "more happened than a trace holds",
        "SIP: from 192.0.2.1:5060, Call-ID x@y",
        'headers: user_agent="phone"',
        'media: codec="pcmu"',
        "hidden: profile.pin",
    ]


def test_what_ran_inside_a_hand_off_stands_in_the_order_of_time() -> None:
    step = {
        "element": "people",
        "type": "transfer_to_agent",
        "entered_at": 100.0,
        "branch": "failed_over",
        "reason": "max_wait",
        "taken_by": "voicemail",
        "positions": [{"position": 2, "estimate": 60.0, "at": 0.0}],
        "offers": [{"agent": "anna", "at": 8.0}],
        "failover": [{"kind": "ai_agent", "agent": "front", "asked_at": 20.0, "reason": "not_started"}],
        "twiml": [{"verb": "Say", "at": 30.0, "ended": "completed", "played": [PROMPT]}],
        "instructions": [{"verb": "say", "at": 40.0, "fields": {"text": "Hello"}}],
    }
    assert _step_line(step, 100.0).splitlines() == [
        '    0.00  people               transfer_to_agent    -> failed_over  reason="max_wait", taken_by="voicemail"',
        "          0.00  place 2, 60 s to wait",
        "          8.00  rings at anna",
        '         20.00  failover: ai_agent  agent="front", reason="not_started"',
        '         30.00  document: Say  ended="completed"',
        '         40.00  asked for: say  fields={"text": "Hello"}',
    ]
