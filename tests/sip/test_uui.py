"""User-to-User: what goes out comes back, and noise is no text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip.uui import uui_text


@given(st.text(max_size=60).filter(lambda text: text[:1] not in ("\x00", "\x04")))
def test_text_comes_back(text: str) -> None:
    data = text.encode("utf-8", "replace")
    text = data.decode()
    assert uui_text(f"{data.hex()};encoding=hex") == (text if text.isprintable() else None)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("48656c6c6f;encoding=hex;purpose=isdn-uui;content=isdn-uui", "Hello"),
        ("48656C6C6F", "Hello"),
        ("0448656c6c6f;encoding=hex", "Hello"),
        ("0048656c6c6f", "Hello"),
        ('"Hello; there";purpose=x', "Hello; there"),
        ("zz;encoding=hex", None),
        ("4865;encoding=base64", None),
        ("00ff", None),
        ("0a0d", None),
        ('"open', None),
        ("48;;x", None),
        ("", ""),
    ],
)
def test_what_others_write(value: str, text: str | None) -> None:
    assert uui_text(value) == text


@given(st.text(max_size=80))
def test_noise_raises_nothing(value: str) -> None:
    uui_text(value)
