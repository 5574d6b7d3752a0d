from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.lines import one_form, spellings, to_e164, write_number
from ivr.settings import NumberFormat


@pytest.mark.parametrize(
    ("number", "country", "public", "plain", "national"),
    [
        ("030123456", "DE", "+4930123456", "4930123456", "030123456"),
        ("0049301234567", "DE", "+49301234567", "49301234567", "0301234567"),
        ("+33123456789", "DE", "+33123456789", "33123456789", "0033123456789"),
        ("2125550123", "US", "+12125550123", "12125550123", "2125550123"),
        ("01144207946000", "US", "+44207946000", "44207946000", "01144207946000"),
        ("612345678", "ES", "+34612345678", "34612345678", "612345678"),
        ("0612345678", "IT", "+390612345678", "390612345678", "0612345678"),
    ],
)
def test_public_numbers(number: str, country: str, public: str, plain: str, national: str) -> None:
    assert to_e164(number, country) == public
    forms: tuple[NumberFormat, ...] = ("as_is", "e164", "e164_no_plus", "national")
    assert [write_number(number, form, country) for form in forms] == [number, public, plain, national]


@pytest.mark.parametrize("number", ["112", "110", "200", "30123", "*21#", "anna", "", "+", "0", "00", "+49", "9" * 30])
def test_what_is_no_public_number_stays_as_it_is(number: str) -> None:
    assert to_e164(number, "DE") is None
    assert write_number(number, "e164", "DE") == number and spellings(number, "DE") == (number,)


def test_one_form_of_numbers_that_are_to_be_told_apart() -> None:
    assert {one_form(number, "DE") for number in ("+4930123456", "030123456", "004930123456")} == {"+4930123456"}
    assert one_form("112", "DE") == "112"
    assert one_form("030123456", None) == "030123456"


def test_without_a_country_only_international_numbers_are_known() -> None:
    assert to_e164("030123456", None) is None
    assert to_e164("+4930123456", None) == "+4930123456"
    assert write_number("+4930123456", "national", None) == "+4930123456"


@given(st.text(alphabet="+0123456789", max_size=20), st.sampled_from((None, "DE", "US", "IT", "GB")))
def test_a_public_form_is_stable(number: str, country: str | None) -> None:
    public = to_e164(number, country)
    if public is not None:
        assert public[0] == "+" and public[1:].isdigit() and len(public) <= 20
        assert to_e164(public, country) == public
        national = write_number(number, "national", country)
        assert country is None or national.isdigit()


@given(st.text(max_size=40))
def test_any_text_is_taken(text: str) -> None:
    assert isinstance(write_number(text, "national", "DE"), str)
