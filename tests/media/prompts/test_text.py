from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.prompts.text import clean_text, speech_pieces


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("  Hello,\n\tworld  ", "Hello, world"),
        ("a\x00b\x1bc", "a b c"),
        ("", ""),
        (" \n ", ""),
        ("... !? --", ""),
        ("1", "1"),
        ("[[h@l'oU]]", "[ [h@l'oU] ]"),
        ("Zażółć gęślą jaźń", "Zażółć gęślą jaźń"),
        ("你好", "你好"),
    ],
)
def test_clean_text(text: str, cleaned: str) -> None:
    assert clean_text(text) == cleaned


def test_short_sentences_are_one_piece() -> None:
    assert speech_pieces("Hello. Press one.") == ["Hello. Press one."]


def test_sentences_end_pieces() -> None:
    sentence = "This is a sentence of some length, which is not very long."
    pieces = speech_pieces(" ".join([sentence] * 10))
    assert all(piece.endswith("long.") and len(piece) <= 240 for piece in pieces)
    assert len(pieces) == 3


def test_abbreviations_and_numbers_end_no_sentence() -> None:
    assert speech_pieces("Ask Dr. Smith about 3.14 e.g. today.", size=20)[0] != "Ask Dr."
    assert all(not piece.endswith("Dr.") for piece in speech_pieces("Ask Dr. Smith. Then go.", size=15))


def test_a_script_without_spaces_is_cut_at_its_stops() -> None:
    assert speech_pieces("你好。" * 20, size=30)[0].endswith("。")


@given(st.text(max_size=2000), st.integers(20, 300))
def test_no_piece_is_too_long_and_no_letter_is_lost(text: str, size: int) -> None:
    cleaned = clean_text(text)
    pieces = speech_pieces(cleaned, size)
    assert all(0 < len(piece) <= size for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(cleaned.split())
