"""How long prompts last."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.flow.ports import PromptSpec
from ivr.flow.sim import SpeechModel
from ivr.flow.sim.speech import TONES
from media.tones import TONES as TONE_NAMES
from media.tones import tone


def seconds(text: str, language: str | None = None, **fields: Any) -> float:
    found = SpeechModel().seconds(PromptSpec("text", text, language, **fields))
    assert found is not None
    return found


def test_people_speak_some_165_words_a_minute() -> None:
    text = "the quick brown foxes jumped over their lazy old dogs again " * 15
    assert seconds(text) == pytest.approx(60.0, rel=0.15)


def test_the_language_counts() -> None:
    text = "Geschwindigkeitsbegrenzung auf Bundesstraßen"
    assert seconds(text, "de") < seconds(text, "en")
    assert seconds(text, "de-AT") == seconds(text, "de")
    assert seconds("歓迎光臨歓迎光臨", "ja") > 1.0


def test_digits_and_pauses_take_time() -> None:
    assert seconds("4711") == pytest.approx(1.4)
    assert seconds("Yes. No. Yes. No.") > seconds("Yes No Yes No")


def test_short_texts_and_rates() -> None:
    assert seconds("A") == 0.5
    text = "You have reached the front desk of the company"
    assert seconds(text, rate=2.0) == pytest.approx(seconds(text) / 2, abs=0.001)


def test_files() -> None:
    model = SpeechModel(files={"a.wav": 1.5}, missing=frozenset({"b.wav"}))
    assert model.seconds(PromptSpec("file", "a.wav")) == 1.5
    assert model.seconds(PromptSpec("file", "b.wav")) is None
    assert model.seconds(PromptSpec("url", "https://x.example/c.wav")) == 3.0
    assert SpeechModel(fixed=2.0).seconds(PromptSpec("text", "Hello")) == 2.0


def test_tones_are_as_long_as_those_that_are_heard() -> None:
    assert {name: len(tone(name)) / 8000 for name in TONE_NAMES} == TONES
    assert SpeechModel(fixed=2.0).seconds(PromptSpec("tone", "beep")) == TONES["beep"]
    assert SpeechModel().seconds(PromptSpec("tone", cast(Any, "none"))) is None


@given(st.text(max_size=200), st.sampled_from([None, "en", "de", "zz", ""]))
def test_any_text_takes_some_time(text: str, language: str | None) -> None:
    assert 0.5 <= seconds(text, language) <= 0.5 + 2.0 * len(text)
