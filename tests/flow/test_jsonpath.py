from __future__ import annotations

import contextlib
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.jsonpath import MAX_ITEMS, MAX_VALUES, JsonPath, JsonPathError

DATA: Any = {
    "a": {"b": [{"c": 1, "k": {"n": 5}}, {"c": "x", "k": "z"}]},
    "none": None,
    "yes": True,
    "a-b": 3,
    "a b": 2.5,
    "text": "abc",
    "": 4,
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.a.b[0].c", 1), ("$.a.b[-1].c", "x"), ("$['a b']", 2.5), ('$["a-b"]', 3), ("$.a-b", 3), ("$.yes", True),
        ("$.none", None), ("$.nothing.at.all", None), ("$", None), ("$.a", None), ("$.a.b", None), ("$.a.b[0]", None),
        ("$.a.b[?(@.c==1)].k.n", 5), ("$.a.b[?(@.c=='x')].k", "z"), ("$.a.b[?(@.k.n > 3)].c", 1),
        ("$.a.b[?(@.c)].c", None), ("$.a.b[?(@.c==2)].c", None), ("$.a.b[0:1].c", 1), ("$.a.b[0:2].c", None),
        ("$.a.b[9].c", None), ("$.text[0]", None), ("$.a[0]", None), ("$.yes.x", None), (" $.yes ", True),
        ("$.a.b[*].c", None), ("$.a.b[*].k.n", 5), ("$.a.*", None), ("$.a.b[0].k.*", 5), ("$..n", 5), ("$..c", None),
        ("$..b[0].c", 1), ("$['yes','nothing']", True), ("$['yes','a b']", None), ("$..*", None), ("$.yes.*", None),
    ],
)  # fmt: skip
def test_one_value_or_none(path: str, value: Any) -> None:
    assert JsonPath(path).value(DATA) == value


@pytest.mark.parametrize(
    "path",
    ["", "a.b", "$[", "$.a b", "$.a.b[0,1]", "$.a|$.b", "$.a.`len`",
     "$.c.`parent`", "$.a.b[?(@.c =~ '(a+)+$')].c", "$.a.b[?(@..c == 1)]", "$.a.b[\\`", "$." + "a" * 200,
     "$" + ".a" * 21, "$.a.`sub(/(a+)+$/, x)`", "$.a + $.b", "$.a[?(@.b[*] == 1)]"],
)  # fmt: skip
def test_what_is_no_path_to_one_value(path: str) -> None:
    with pytest.raises(JsonPathError):
        JsonPath(path)


def test_the_work_is_bounded() -> None:
    many = {"items": [{"id": number, "sub": [{"id": number}]} for number in range(MAX_ITEMS)]}
    more = {"items": [*many["items"], {"id": "last"}]}
    found = JsonPath("$.items[?(@.id == 7)].sub[?(@.id == 7)].id")
    assert found.value(many) == 7
    assert found.value(more) is None
    assert JsonPath(f"$.items[{MAX_ITEMS}].id").value(more) == "last"
    deep: Any = {"last": 1}
    for _ in range(MAX_VALUES):
        deep = {"in": deep}
    started = time.process_time()
    assert JsonPath("$.items[?(@.id >= 0)].sub[?(@.id >= 0)].id").value(many) is None
    assert JsonPath("$.items[*].sub[*].id").value(more) is None
    assert JsonPath("$..last").value(deep) is None
    assert JsonPath("$..last").value({"items": [*([{"id": 1}] * MAX_VALUES), {"last": 1}]}) is None
    assert JsonPath("$" + "..*" * 7).value(many) is None
    assert time.process_time() - started < 0.5


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "c d"]), inner, max_size=3),
    max_leaves=20,
)
STEPS = st.sampled_from(
    [".a", ".b", "['c d']", "[0]", "[-1]", "[0:2]", "[?(@.a == 1)]", "[?(@.b)]", "[*]", ".*", "..a"]
)


@given(JSON, st.lists(STEPS, max_size=5))
def test_any_answer_gives_a_single_value(data: Any, steps: list[str]) -> None:
    value = JsonPath("$" + "".join(steps)).value(data)
    assert value is None or isinstance(value, (bool, int, str))


@given(st.text(max_size=40))
def test_any_text_is_a_path_or_is_refused(text: str) -> None:
    with contextlib.suppress(JsonPathError):
        JsonPath("$" + text).value(DATA)
