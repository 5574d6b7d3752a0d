"""Names that reach the file system."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.call.naming import MAX_NAME, free_path, safe_name


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("voicemail-17", "voicemail-17"),
        ("../../etc/passwd", "etc_passwd"),
        ("/abs/olute", "abs_olute"),
        ("nul\0byte", "nul_byte"),
        (".hidden", "hidden"),
        ("Grüße für Zoë", "Grue_fur_Zoe"),
        ("+49 30 1234", "+49_30_1234"),
        ("", "fallback"),
        ("...", "fallback"),
        ("a; rm -rf *", "a_rm_-rf"),
    ],
)
def test_names_are_made_safe(text: str, expected: str) -> None:
    assert safe_name(text, "fallback") == expected


@given(st.text(max_size=400))
def test_any_text_makes_one_harmless_path_component(text: str) -> None:
    name = safe_name(text, "fallback")
    assert name
    assert len(name.encode()) <= MAX_NAME
    assert Path(name).name == name
    assert not name.startswith(".")
    assert name.isascii()
    assert name.isprintable()


def test_a_taken_name_gets_a_number(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    assert free_path(tmp_path, "a", ".wav", {tmp_path / "a-2.wav"}) == tmp_path / "a-3.wav"
    assert free_path(tmp_path, "b", ".wav", set()) == tmp_path / "b.wav"
