"""Who may dial what through a line."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.guard import Dialler, DialPolicy
from ivr.guard.policy import international_form
from ivr.settings import DialLimits, OutboundPolicy

PHONE = Dialler("phone", phone="200")
FLOW = Dialler("flow", flow="sales")
GUEST = Dialler("guest", flow="sales")
GUEST_CHOSE = Dialler("guest", flow="sales", written=False)


def rule(number: str, dialler: Dialler, *, is_open: bool = True, **policy: Any) -> str:
    """Which rule decided: `+rule` allows, `-rule` refuses."""
    verdict = DialPolicy(OutboundPolicy(**policy)).judge(number, dialler, is_open=is_open)
    return f"{'+' if verdict.allowed else '-'}{verdict.rule}"


def test_phones_dial_what_is_listed_and_flows_what_nothing_forbids() -> None:
    assert rule("+4930123", PHONE) == "-phones"
    assert rule("+4930123", PHONE, phones=("+49*",)) == "+"
    assert rule("030123456", PHONE, phones=("+49*",), country="DE") == "+"
    assert rule("+4930123", FLOW) == "+"
    assert rule("+4930123", FLOW, deny=("+49*",)) == "-deny"
    assert rule("0306543210", FLOW, deny=("+4930*",), country="DE") == "-deny"


def test_a_guest_has_a_flow_dial_what_the_flow_names_alone() -> None:
    assert rule("+4930123", GUEST) == "+"
    assert rule("+4930123", GUEST_CHOSE) == "-guests"
    assert rule("+4930123", GUEST_CHOSE, guests=("+4930*",)) == "+"
    assert rule("112", GUEST_CHOSE) == "-guests"


def test_a_flow_may_have_a_list_of_its_own() -> None:
    assert rule("+4930123", FLOW, flows={"sales": ("+4930*",)}) == "+"
    assert rule("+4940123", FLOW, flows={"sales": ("+4930*",)}) == "-flows.sales"
    assert rule("+4940123", FLOW, flows={"other": ()}) == "+"
    assert rule("+4940123", FLOW, flows={"sales": ()}) == "-flows.sales"


def test_the_longest_prefix_counts() -> None:
    prefixes = {"+49": "allow", "+4990": "deny", "+49901": "allow", "+1": "deny"}
    assert rule("+4930123", FLOW, prefixes=prefixes) == "+prefixes.+49"
    assert rule("+499001", FLOW, prefixes=prefixes) == "-prefixes.+4990"
    assert rule("+499012", FLOW, prefixes=prefixes) == "+prefixes.+49901"
    assert rule("+12125550100", FLOW, prefixes=prefixes) == "-prefixes.+1"
    assert rule("+33123", FLOW, prefixes=prefixes) == "+"


@pytest.mark.parametrize("number", ["+499003123456", "09003123456", "+19005550100", "+882123456", "+979123456789"])
def test_premium_rates_are_refused_unless_a_prefix_or_a_word_allows_them(number: str) -> None:
    assert rule(number, FLOW, country="DE") == "-premium"
    assert rule(number, FLOW, country="DE", premium="allow") == "+"
    assert rule(number, FLOW, country="DE", prefixes={number[:4]: "allow"}) == f"+prefixes.{number[:4]}"


def test_other_countries() -> None:
    assert rule("+33123456789", FLOW, country="DE", international="deny") == "-international"
    assert rule("0033123456789", FLOW, country="DE", international="deny") == "-international"
    assert rule("+4930123456", FLOW, country="DE", international="deny") == "+"
    assert rule("100", FLOW, country="DE", international="deny") == "+"
    assert rule("+33123456789", FLOW, country="DE", international="deny", prefixes={"+33": "allow"}) == "+prefixes.+33"


def test_hours_are_for_phones() -> None:
    assert rule("+4930123", PHONE, phones=("*",), is_open=False) == "-hours"
    assert rule("+4930123", FLOW, is_open=False) == "+"
    assert rule("112", PHONE, is_open=False) == "+emergency"


def test_emergency_numbers_go_before_everything() -> None:
    strict: dict[str, Any] = {"deny": ("*",), "prefixes": {"1": "deny"}, "flows": {"sales": ()}}
    for dialler in (PHONE, FLOW, GUEST):
        verdict = DialPolicy(OutboundPolicy(**strict)).judge("112", dialler)
        assert (verdict.allowed, verdict.emergency, verdict.number, verdict.limits) == (True, True, "112", ())
    assert rule("1120", PHONE, **strict) == "-deny"


def test_what_people_dial_before_an_emergency_number_is_left_out() -> None:
    policy = DialPolicy(OutboundPolicy(emergency_prefixes=("0", "9")))
    for number in ("112", "0112", "9112", "+112"):
        assert policy.judge(number, PHONE).number == "112"
    assert policy.emergency("00112") is None
    assert DialPolicy(OutboundPolicy()).emergency("0112") is None


@pytest.mark.parametrize(
    ("number", "by"),
    [
        ("090012345679", "-premium"),  # more digits than are needed: switches ignore them
        ("0900123456799", "-premium"),
        ("+4909001234567", "-premium"),
        ("0088161234567", "-premium"),
        ("00881612345678901234567", "-premium"),
        ("09001234567#1", "-premium"),
        ("*31#09001234567", "-premium"),
        ("0,09001234567", "-international"),
        ("0900p1234567", "-premium"),
        ("\u0660\u0669\u0660\u06601234567", "-premium"),
        ("00436991234512345678", "-international"),
        ("0043699123451234567890123", "-international"),
        ("+43/6991234512", "-international"),
        ("0049137123456", "-deny"),
        ("+49013712345", "-deny"),
        ("0/1371234", "-deny"),
        ("0\u200b1371234", "-deny"),
        ("0301234567", "+"),
        ("+493012345678", "+"),
        ("*97", "+"),
        ("*21*0301234567#", "+"),
        ("sales", "+"),
    ],
)
def test_other_spellings_of_a_number_do_not_pass_its_rule(number: str, by: str) -> None:
    assert rule(number, FLOW, country="DE", deny=("0137*", "+49137*"), international="deny") == by
    assert rule(number, PHONE, country="DE", deny=("0137*", "+49137*"), international="deny", phones=("*",)) == by


def test_the_way_abroad_is_that_of_the_country() -> None:
    assert rule("011493012345678", FLOW, country="US", international="deny") == "-international"
    assert rule("0118816123456789012345", FLOW, country="US") == "-premium"


def test_limits_that_count_a_call() -> None:
    policy = OutboundPolicy(
        phones=("*",), total=DialLimits(calls=9), prefixes={"+491": DialLimits(calls_per_day=5)}, premium="allow"
    )
    verdict = DialPolicy(policy).judge("+491711", Dialler("phone", phone="200", flow="sales"))
    assert [place for place, _ in verdict.limits] == [
        ("total", ""),
        ("phone", "200"),
        ("flow", "sales"),
        ("prefix", "+491"),
    ]


def test_forms_of_numbers() -> None:
    assert international_form("030 1", "DE") == "030 1"
    assert international_form("030123456", "DE") == "+4930123456"
    assert international_form("030123456", None) == "030123456"
    assert international_form("0033123456789", "DE") == "+33123456789"
    assert international_form("12", "DE") == "12"


@given(
    st.text("0123456789+*#", max_size=18),
    st.sampled_from([PHONE, FLOW, GUEST, GUEST_CHOSE]),
    st.lists(st.sampled_from(["*", "+49*", "0*", "11*"]), max_size=2),
    st.dictionaries(st.sampled_from(["+", "+49", "0", "1"]), st.sampled_from(["allow", "deny"]), max_size=3),
)
def test_what_is_denied_is_dialled_by_nobody(number: str, dialler: Dialler, deny: list[str], prefixes: Any) -> None:
    policy = OutboundPolicy(deny=tuple(deny), phones=("*",), guests=("*",), prefixes=prefixes, country="DE")
    verdict = DialPolicy(policy).judge(number, dialler)
    if "*" in deny:
        assert not verdict.allowed or verdict.emergency
    if verdict.emergency:
        assert verdict.number in policy.emergency
