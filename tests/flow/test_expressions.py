"""The expression language: what it means, what it refuses, what stays secret."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.flow.expressions import (
    MASK,
    Expression,
    ExpressionError,
    Record,
    Rendered,
    Scope,
    Sensitive,
    Template,
    mask,
    reveal,
)

SCOPE = Scope(
    {
        "a": 3,
        "half": 2.5,
        "digits": "0042",
        "name": "Anna",
        "pin": "1234",
        "nothing": None,
        "yes": True,
        "list": [1, 2, 3],
        "texts": {"en": {"hi": "Hello"}, "de": {"hi": "Hallo"}},
        "language": "de",
        "secret": Sensitive("4711"),
    },
    {
        "call": Record({"from": "+15550199", "to": "100", "headers": {"subject": "hi"}}),
        "settings": {"company": "Example"},
        "now": datetime(2026, 3, 2, 9, 5, tzinfo=UTC),
        "result": {"digits": Sensitive("99"), "status": "collected"},
    },
    frozenset({"pin"}),
)


def value(source: str) -> Any:
    return Expression(source).evaluate(SCOPE).value


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 / 2", 3.5),
        ("7 // 2", 3),
        ("-7 % 3", 2),
        ("-a ** 2", -9),
        ("2 ** 3 ** 2", 512),
        ("'a' + \"b\"", "ab"),
        (r"'it\'s'", "it's"),
        ("[1, 2] + [3]", [1, 2, 3]),
        ("1 < a < 5", True),
        ("1 < a < 2", False),
        ("not a == 3", False),
        ("a in list", True),
        ("4 not in list", True),
        ("'nn' in name", True),
        ("'x' in nothing", False),
        ("'en' in texts", True),
        ("nothing or 'default'", "default"),
        ("yes and name", "Anna"),
        ("'big' if a > 2 else 'small'", "big"),
        ("texts[language].hi", "Hallo"),
        ("texts.fr", None),
        ("list[0]", 1),
        ("list[9]", None),
        ("digits[-2:]", "42"),
        ("list[:2]", [1, 2]),
        ("call.from", "+15550199"),
        ("call.headers.x_none", None),
        ("now.weekday", "mon"),
        ("now.time", "09:05"),
        ("now.date >= '2026-03-01'", True),
        ("true and not false and null == nothing", True),
        ("len(nothing) + len(list) + len(name)", 7),
        ("upper(name) + lower('X') + trim('  y ')", "ANNAxy"),
        ("int('0042')", 42),
        ("int(half)", 2),
        ("float('1.5')", 1.5),
        ("str(2.0)", "2"),
        ("str(nothing)", ""),
        ("str(yes)", "true"),
        ("round(2.5)", 3),
        ("round(1.005, 2)", 1.01),
        ("round(-2.5)", -3),
        ("floor(2.7) + ceil(2.1)", 5),
        ("abs(-a)", 3),
        ("min(list) + max(1, 5, 2)", 6),
        ("starts_with(name, 'An') and ends_with(name, 'na') and contains(name, 'nn')", True),
        ("replace('a-b-c', '-', '')", "abc"),
        ("join(list, ', ')", "1, 2, 3"),
        ("split('a b')", ["a", "b"]),
        ("pad(7, 3)", "007"),
    ],
)
def test_value(source: str, expected: object) -> None:
    assert value(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("'1' == 1", True),
        ("'01' == 1", False),
        ("digits == 42", False),
        ("int(digits) == 42", True),
        ("'21' >= 18", True),
        ("9 < '10'", True),
        ("'9' < '10'", False),
        ("1 == true", False),
        ("nothing == ''", False),
        ("2.0 == '2'", True),
    ],
)
def test_text_beside_number(source: str, expected: bool) -> None:
    assert value(source) is expected


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("", "empty"),
        ("1 +", "a value is missing"),
        ("(1", r"\) is missing"),
        ("a b", "does not belong here"),
        ("a = 1", "write =="),
        ("a && 1", "write and"),
        ("'abc", "not closed"),
        ("1if", "not well formed"),
        ("nope(1)", "there is no function nope"),
        ("len()", "takes 1 values, not 0"),
        ("len(1, 2)", "takes 1 values, not 2"),
        ("round(1, 2, 3)", "takes 1 to 2 values"),
        ("'\\x'", "means nothing"),
        ("_a", "cannot start with _"),
        ("a.__class__", "name of a field"),
        ("1 if 2", "else is missing"),
        ("{}", "does not belong here"),
        ("lambda: 1", "does not belong here"),
        ("(" * 60 + "1" + ")" * 60, "nested too deep"),
        ("a" + ".b" * 60, "nested too deep"),
        ("+".join("1" * 200), "does too much"),
        ("1" * 3000, "too long"),
        ("9" * 40, "too large"),
        ("1e999", "too large"),
    ],
)
def test_refused_when_read(source: str, text: str) -> None:
    with pytest.raises(ExpressionError, match=text):
        Expression(source)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("unknown", "no variable unknown"),
        ("call.frm", "no field frm"),
        ("nothing.x", "null has no field x"),
        ("name.upper", "a text has no field upper"),
        ("name + 1", r"write str\(…\)"),
        ("'a' * 5", r"\* needs two numbers"),
        ("nothing + 1", "does not go with null"),
        ("nothing < 1", "no order"),
        ("yes + 1", "does not go with"),
        ("name < 1", "not a number"),
        ("list < 1", "no order"),
        ("1 / 0", "division by zero"),
        ("1 // 0", "division by zero"),
        ("1 % 0", "division by zero"),
        ("10 ** 65", "exponent"),
        ("10 ** 30", "too large"),
        ("0 ** -1", "no value"),
        ("(-8) ** 0.5", "too large"),
        ("10 ** 18 * 10 ** 18", "too large"),
        ("int('x')", "not a number"),
        ("int('nan')", "not a number"),
        ("int('" + "1" * 50 + "')", "not a number"),
        ("list['a']", "cannot be looked up"),
        ("a[1:]", "no part can be taken"),
        ("pad('x', 10 ** 9)", "pad takes"),
        ("pad('x', 19999) + pad('x', 19999)", "too long"),
        ("replace(pad('', 10000, 'a'), 'a', 'bbbb')", "too long"),
        ("min([])", "empty list"),
        ("str(texts)", "cannot be written as text"),
        ("-name", "needs a number"),
    ],
)
def test_no_value(source: str, text: str) -> None:
    with pytest.raises(ExpressionError, match=text):
        value(source)


def test_errors_show_no_values() -> None:
    for source in ("int(secret + 'x')", "secret + 1", "secret.x", "secret < now"):
        with pytest.raises(ExpressionError) as caught:
            value(source)
        assert "4711" not in str(caught.value)


def test_growth_by_doubling_ends_soon() -> None:
    scope: dict[str, object] = {"s": "ab"}
    with pytest.raises(ExpressionError, match="too long"):
        for _ in range(64):
            scope["s"] = Expression("s + s").evaluate(Scope(scope)).value


@pytest.mark.parametrize(
    ("source", "sensitive"),
    [
        ("pin", True),
        ("secret", True),
        ("len(pin)", True),
        ("pin[-2:]", True),
        ("'no' if a > 2 else pin", False),
        ("'no' if a < 2 else pin", True),
        ("pin == '1'", True),
        ("result.status", False),
        ("result.digits", True),
        ("result['digits']", True),
        ("result", True),
        ("[1, secret]", True),
        ("a == 3 or pin == '1'", False),
    ],
)
def test_sensitivity_follows_the_value(source: str, sensitive: bool) -> None:
    assert Expression(source).evaluate(SCOPE).sensitive is sensitive


def test_a_sensitive_value_shows_itself_nowhere() -> None:
    held = Sensitive("4711")
    assert "4711" not in f"{held} {held!r} {[held]} {Rendered(held, True).shown()}"
    assert mask({"a": [held, 1]}) == {"a": [MASK, 1]}
    assert reveal({"a": [held, 1]}) == ({"a": ["4711", 1]}, True)
    assert Rendered("x", True).kept() == Sensitive("x")
    assert Rendered("x", False).kept() == "x"


def test_names_and_paths_are_known() -> None:
    found = Expression("call.from == settings.boss or texts[language].hi == a")
    assert found.names == {"call", "settings", "texts", "language", "a"}
    assert found.paths == {("call", "from"), ("settings", "boss"), ("texts",), ("language",), ("a",)}


# Templates


def test_a_whole_expression_keeps_its_type() -> None:
    assert Template.parse("{{ list }}").render(SCOPE) == ([1, 2, 3], False)
    assert Template.parse(" {{ a }}\n").render(SCOPE) == (3, False)


def test_expressions_in_a_text() -> None:
    template = Template.parse("Hello {{ name }}, {{ half * 2 }} and {{ nothing }}{{ '}}' }}!")
    assert template.render(SCOPE) == ("Hello Anna, 5 and }}!", False)
    assert [each.source for each in template.expressions] == ["name", "half * 2", "nothing", "'}}'"]
    assert Template.parse("PIN {{ pin }}").render(SCOPE) == ("PIN 1234", True)


def test_a_fixed_template_is_converted_once() -> None:
    template = Template.parse("12", int)
    assert template.fixed and template.constant == 12
    assert template.render(SCOPE) == (12, False)
    with pytest.raises(ValueError, match="invalid literal"):
        Template.parse("x", int)


def test_a_rendered_value_is_converted() -> None:
    assert Template.parse("{{ digits }}", int).render(SCOPE) == (42, False)
    with pytest.raises(ExpressionError):
        Template.parse("{{ name }}", int).render(SCOPE)


@pytest.mark.parametrize("text", ["{{ a", "a }}", "{{ }}", "{{ 'a }}", "{{ a + }} b"])
def test_bad_template(text: str) -> None:
    with pytest.raises(ExpressionError):
        Template.parse(text)


# Whatever comes


NAMES = (
    "a",
    "half",
    "digits",
    "name",
    "pin",
    "nothing",
    "list",
    "texts",
    "call",
    "now",
    "0",
    "1",
    "2",
    "9" * 12,
    "0.5",
)
SIGNS = ("(", ")", "[", "]", ",", ".", ":", "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=")
WORDS = ("in", "not", "and", "or", "if", "else", "null", "true", "''", "'x'", "'1'")
CALLS = ("len(", "int(", "str(", "pad(", "split(", "join(", "round(", "max(", "replace(")
TOKENS = st.sampled_from(NAMES + SIGNS + WORDS + CALLS)


@given(st.lists(TOKENS, max_size=25).map(" ".join) | st.text(max_size=60))
@settings(max_examples=600, deadline=None)
def test_whatever_is_written_gives_a_value_or_our_error(source: str) -> None:
    try:
        found = Expression(source).evaluate(SCOPE)
    except ExpressionError:
        return
    if isinstance(found.value, (str, list)):
        assert len(found.value) <= 20_000
    if "pin" not in source and "secret" not in source and "result" not in source:
        assert not found.sensitive


@given(st.text(alphabet="{} '\"a+\\", max_size=40))
@settings(max_examples=300, deadline=None)
def test_whatever_braces_give_a_template_or_our_error(text: str) -> None:
    with contextlib.suppress(ExpressionError):
        Template.parse(text).render(SCOPE)


def test_the_expressions_of_one_text_are_limited() -> None:
    assert Template.parse("x{{ 1 }}" * 500)
    with pytest.raises(ExpressionError, match="more than 500 expressions in one text"):
        Template.parse("{{ 1 }}" * 501)
