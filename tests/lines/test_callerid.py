from __future__ import annotations

from collections.abc import Callable

import pytest

from ivr.lines import Showing, identity_of
from ivr.settings import Settings, SipLine
from ivr.sip import Uri

Make = Callable[[str], Settings]
TARGET = Uri("sip", "0401", "192.0.2.10")
CALLER = Showing(number="+4930123456", display="Anna", diverted_from="0301000")


def line(make: Make, **keys: str) -> SipLine:
    text = "".join(f"    {key}: {value}\n" for key, value in keys.items())
    found = make(f"lines:\n  pbx:\n    type: sip_trunk\n    host: pbx.example.net\n{text}").lines["pbx"]
    assert isinstance(found, SipLine)
    return found


def say(found: SipLine | None, showing: Showing) -> list[str]:
    identity = identity_of(found, showing, "192.0.2.2", TARGET)
    return [str(identity.from_), *(f"{name}: {value}" for name, value in identity.headers)]


def test_without_rules_the_caller_is_shown(make_settings: Make) -> None:
    assert say(None, CALLER) == ['"Anna" <sip:+4930123456@192.0.2.2>']
    assert say(line(make_settings), CALLER) == ['"Anna" <sip:+4930123456@192.0.2.2>']
    assert say(line(make_settings, **{"from": '"+49301000"'}), CALLER) == ["<sip:+49301000@192.0.2.2>"]
    assert say(line(make_settings), Showing(own="+4911", number="1", display="x")) == ["<sip:+4911@192.0.2.2>"]
    assert say(line(make_settings), Showing()) == ["<sip:anonymous@192.0.2.2>"]


def test_a_registered_account_is_known_by_its_providers_domain(make_settings: Make) -> None:
    register = "{user: '4711', password: p}"
    assert say(line(make_settings, register=register), CALLER) == ['"Anna" <sip:+4930123456@pbx.example.net>']
    register = "{user: '4711', password: p, domain: example.org}"
    assert say(line(make_settings, register=register), CALLER) == ['"Anna" <sip:+4930123456@example.org>']


def test_the_identity_headers(make_settings: Make) -> None:
    rules = "{p_asserted_identity: true, p_preferred_identity: true, remote_party_id: true, identity: '+49301000'}"
    assert say(line(make_settings, caller_id=rules), CALLER) == [
        '"Anna" <sip:+4930123456@192.0.2.2>',
        'P-Asserted-Identity: "Anna" <sip:+49301000@192.0.2.2>',
        'P-Preferred-Identity: "Anna" <sip:+49301000@192.0.2.2>',
        'Remote-Party-ID: "Anna" <sip:+49301000@192.0.2.2>;party=calling;screen=yes;privacy=off',
    ]


@pytest.mark.parametrize("rules", ["{}", "{p_asserted_identity: true}"])
def test_a_caller_who_withholds_the_number_stays_withheld(make_settings: Make, rules: str) -> None:
    """Nothing is known of him, so that nothing is asserted."""
    assert say(line(make_settings, caller_id=rules), Showing(display="Anonymous", withheld=True)) == [
        '"Anonymous" <sip:anonymous@anonymous.invalid>',
        "Privacy: id",
    ]
    assert say(None, Showing(withheld=True)) == ['"Anonymous" <sip:anonymous@anonymous.invalid>']


def test_the_own_number_is_shown_although_the_caller_withholds_his(make_settings: Make) -> None:
    found = line(make_settings, **{"from": '"+49301000"'}, caller_id="{display: Desk}")
    assert say(found, Showing(withheld=True)) == ['"Desk" <sip:+49301000@192.0.2.2>']


def test_a_line_that_always_withholds(make_settings: Make) -> None:
    found = line(make_settings, caller_id="{privacy: always, p_asserted_identity: true, remote_party_id: true}")
    said = say(found, CALLER)
    assert said == [
        '"Anonymous" <sip:anonymous@anonymous.invalid>',
        "P-Asserted-Identity: <sip:+4930123456@192.0.2.2>",
        "Remote-Party-ID: <sip:+4930123456@192.0.2.2>;party=calling;screen=yes;privacy=full",
        "Privacy: id",
    ]


def test_numbers_are_written_as_the_line_wants(make_settings: Make) -> None:
    forms = {"as_is": "+4930123456", "e164": "+4930123456", "e164_no_plus": "4930123456", "national": "030123456"}
    for form, number in forms.items():
        found = line(make_settings, country="DE", caller_id=f"{{format: {form}}}")
        assert say(found, CALLER) == [f'"Anna" <sip:{number}@192.0.2.2>']


def test_whom_a_forwarded_call_was_for(make_settings: Make) -> None:
    diversion = "Diversion: <sip:+49301000@192.0.2.2>;reason=unconditional;counter=1"
    history = "History-Info: <sip:+49301000@192.0.2.2>;index=1, <sip:0401@192.0.2.10;cause=302>;index=1.1;mp=1"
    for kind, headers in {"diversion": [diversion], "history_info": [history], "both": [diversion, history]}.items():
        found = line(make_settings, country="DE", caller_id=f"{{format: e164, diversion: {kind}}}")
        assert say(found, CALLER)[1:] == headers
        assert say(found, Showing(number="+4930123456"))[1:] == []


def test_a_call_that_was_diverted_before_says_so(make_settings: Make) -> None:
    earlier = tuple(f"<sip:{n}@h>;reason=no-answer" for n in range(8))
    showing = Showing(number="1", diverted_from="100", diversions=earlier)
    said = say(line(make_settings, caller_id="{diversion: diversion}"), showing)[1:]
    assert said == [
        "Diversion: <sip:100@192.0.2.2>;reason=unconditional;counter=1",
        *(f"Diversion: {value}" for value in earlier[:5]),
    ]
    assert say(line(make_settings), showing)[1:] == []


def test_what_others_wrote_cannot_break_a_header(make_settings: Make) -> None:
    nasty = Showing(number='1">;x=', display='A"\\b', diverted_from="a@b>c")
    rules = "{p_asserted_identity: true, diversion: both, remote_party_id: true}"
    for text in say(line(make_settings, caller_id=rules), nasty):
        assert "\r" not in text and "\n" not in text
    assert say(line(make_settings, caller_id=rules), nasty)[0] == '"A\\"\\\\b" <sip:1%22%3E;x=@192.0.2.2>'
