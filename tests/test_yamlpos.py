from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.yamlpos import Limits, Mark, load


def problems(text: str | bytes, **kwargs: object) -> list[str]:
    return [problem.text for problem in load(text, **kwargs).problems]  # type: ignore[arg-type]


def test_values_keep_their_place_and_their_text() -> None:
    document = load('a: 1\nb:\n  - x\n  - 010\n  - {"c": "09:00"}\n')
    assert document.value == {"a": 1, "b": ["x", 8, {"c": "09:00"}]}
    assert document.mark(("b", 1)) == Mark(4, 5)
    assert document.text(("b", 1)) == "010"
    assert document.mark(("b", 2, "c", "deeper")) == Mark(5, 6)
    assert document.text(("b",)) is None


@pytest.mark.parametrize(
    ("text", "line", "sentence"),
    [
        ("a: 1\nb: 2\na: 3\n", 3, "key a stands twice, first in line 1"),
        ("x:\n  on: 1\n", 2, 'quote this key: "on"'),
        ("x: {200: 1}\n", 1, 'quote the digits: "200"'),
        ("a: 1\n---\nb: 2\n", 2, "a second document in one file"),
        ("a: !!python/name:os.system x\n", 1, "unknown tag tag:yaml.org,2002:python/name:os.system"),
        ("a: !secret X\n", 1, "unknown tag !secret"),
        ("a: 2026-13-45\n", 1, "month must be in 1..12"),
        ("a: *nowhere\n", 1, "*nowhere has no anchor before it"),
        ("a: &x [*x]\n", 1, "*x has no anchor before it"),
        ("? [a]\n: b\n", 1, "a key must be text"),
        ("<<: 3\n", 1, "<< takes a mapping or a list of them"),
        ("a: \x01\n", 1, "not valid YAML: control characters are not allowed"),
        ("a: [1\n", 2, "not valid YAML: did not find expected ',' or ']'"),
    ],
)
def test_what_surprises_is_refused_with_its_line(text: str, line: int, sentence: str) -> None:
    document = load(text)
    assert document.value is None
    (problem,) = document.problems
    assert problem.text == sentence
    assert problem.mark is not None
    assert problem.mark.line == line


def test_every_problem_is_listed_not_the_first_alone() -> None:
    assert len(problems("a: 1\na: 2\nb: !x 1\non: 3\n")) == 3


def test_text_that_is_not_utf8_names_its_line() -> None:
    (problem,) = load(b"a: 1\nb: \xff\n").problems
    assert (problem.text, problem.mark) == ("the file is not UTF-8", Mark(2, 1))


@pytest.mark.parametrize(
    ("text", "limits", "sentence"),
    [
        ("[" * 1000, Limits(), "nested too deep (limit 50)"),
        ("a: " + "x" * 100, Limits(characters=50), "the file is too long (limit 50 characters)"),
        ("[1, 2, 3, 4]", Limits(nodes=4), "too many values (limit 4)"),
        ("a: &x 1\nb: [*x, *x, *x]", Limits(aliases=2), "too many aliases (limit 2)"),
    ],
)
def test_limits(text: str, limits: Limits, sentence: str) -> None:
    assert problems(text, limits=limits) == [sentence]


def test_aliases_that_multiply_count_as_what_they_stand_for() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
    assert problems("\n".join(lines)) == ["too many values (limit 100000)"]


def test_merge_keys_give_defaults_and_a_quoted_one_is_a_key() -> None:
    assert load("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n").value["b"] == {"x": 1, "y": 3}
    assert load('"<<": 3\n').value == {"<<": 3}


def test_tags_of_the_caller() -> None:
    def reader(text: str) -> str:
        if text == "X":
            return "value"
        raise ValueError("no such thing")

    assert load("a: !secret X\n", tags={"!secret": reader}).value == {"a": "value"}
    assert problems("a: !secret Y\n", tags={"!secret": reader}) == ["no such thing"]


def test_an_empty_text_holds_nothing() -> None:
    assert load("# only a remark\n").value is None
    assert load("").problems == []


@given(st.text(max_size=200) | st.binary(max_size=200))
def test_no_text_raises(text: str | bytes) -> None:
    document = load(text)
    assert document.value is None or not document.problems


PLAIN = st.recursive(
    st.text(alphabet="abc xyz:#-", max_size=8) | st.integers(-1000, 1000) | st.booleans() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(alphabet="abcdef", min_size=1), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(PLAIN)
def test_agrees_with_the_safe_loader(value: object) -> None:
    import yaml

    text = yaml.safe_dump(value, default_flow_style=False)
    document = load(text)
    if not document.problems:  # keys like "e" dump unquoted and may read as something else
        assert document.value == value
