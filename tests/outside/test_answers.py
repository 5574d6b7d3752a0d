from __future__ import annotations

import contextlib
import gzip
import json
import time
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.outside.answers import MAX_DEPTH, BadAnswerError, TooLargeError, body_value, unpack

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(JSON)
def test_json_comes_through(value: Any) -> None:
    assert body_value(json.dumps(value).encode(), "application/json") == value


@given(
    st.binary(max_size=300), st.sampled_from(["application/json", "text/plain; charset=utf-16", "text/x", "", "x/y"])
)
def test_any_bytes_are_a_value_or_refused(body: bytes, content_type: str) -> None:
    try:
        value = body_value(body, content_type)
    except BadAnswerError:
        return
    json.dumps(value)


@given(st.binary(max_size=300), st.sampled_from(["gzip", "deflate", "x-gzip", "identity", "br", ""]))
def test_any_bytes_unpack_or_are_refused(body: bytes, encoding: str) -> None:
    with contextlib.suppress(BadAnswerError, TooLargeError):
        assert len(unpack(body, encoding, 1000)) <= 1000


@given(st.binary(max_size=2000))
def test_packed_bytes_unpack(body: bytes) -> None:
    assert unpack(gzip.compress(body), "GZIP", 2000) == body
    assert unpack(zlib.compress(body), "deflate", 2000) == body


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    bomb = gzip.compress(bytes(200_000_000))
    started = time.process_time()
    with pytest.raises(TooLargeError):
        unpack(bomb, "gzip", 262_144)
    assert time.process_time() - started < 0.2


def test_the_depth_of_json_is_limited_however_wide_it_is() -> None:
    assert body_value(("[" * MAX_DEPTH + "1" + "]" * MAX_DEPTH).encode(), "application/json")
    with pytest.raises(BadAnswerError, match="too deep"):
        body_value(("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1)).encode(), "application/json")
    wide = json.dumps([{"a": [{}]}] * 5000).encode()
    assert len(body_value(wide, "application/json")) == 5000


@pytest.mark.parametrize("charset", ["punycode", "idna", "rot13", "base64", "zip", "unicode_escape", "nonsense"])
def test_other_charsets_are_not_tried(charset: str) -> None:
    assert body_value(b"a\\x41", f"text/plain; charset={charset}") == "a\\x41"


@pytest.mark.parametrize(
    "body",
    [
        b"1e999",
        b'{"a": [-1e999]}',
        b'"\\ud800"',
        b'{"\\udc00": 1}',
        b'"\xed\xa0\x80"',
        '["\ud800"]'.encode("utf-16-le", "surrogatepass"),
    ],
)
def test_what_could_not_be_written_again_is_a_bad_answer(body: bytes) -> None:
    with pytest.raises(BadAnswerError):
        body_value(body, "application/json")


def test_escaped_pairs_are_characters() -> None:
    assert body_value(b'["\\ud83d\\ude00", 1e300]', "application/json") == ["\U0001f600", 1e300]
