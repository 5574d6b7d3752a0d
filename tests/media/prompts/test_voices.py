from __future__ import annotations

from types import SimpleNamespace

import pytest

from media.prompts import PromptError, Voice
from media.prompts.errors import EngineError
from media.prompts.voices import espeak_voice, language_tag, voice_of

INSTALLED = {
    "en": "gmw/en",
    "en-us": "gmw/en-us",
    "cmn": "sit/cmn",
    "nb": "gmq/nb",
    "pt-br": "roa/pt-br",
    "pt": "roa/pt",
}


@pytest.mark.parametrize(
    ("language", "voice", "found"),
    [
        ("en", Voice(), "gmw/en"),
        ("en-us", Voice(), "gmw/en-us"),
        ("en-nz", Voice(), "gmw/en"),
        ("pt-br-x-rio", Voice(), "roa/pt-br"),
        ("zh", Voice(), "sit/cmn"),
        ("zh-tw", Voice(), "sit/cmn"),
        ("zh-sg", Voice(), "sit/cmn"),
        ("no", Voice(), "gmq/nb"),
        ("en", Voice(gender="female"), "gmw/en+f3"),
        ("en", Voice(gender="male"), "gmw/en+m3"),
        ("xx", Voice(name="en-US"), "gmw/en-us"),
        ("en", Voice(name="en-us+f2", gender="male"), "gmw/en-us+f2"),
    ],
)
def test_espeak_voice(language: str, voice: Voice, found: str) -> None:
    assert espeak_voice(language, voice, INSTALLED) == found


@pytest.mark.parametrize(
    ("language", "voice"), [("xx", Voice()), ("en", Voice(name="nobody")), ("en", Voice(name="en+../x"))]
)
def test_a_voice_that_is_not_there_is_an_error(language: str, voice: Voice) -> None:
    with pytest.raises(EngineError, match="there is no voice"):
        espeak_voice(language, voice, INSTALLED)


def test_voice_of_takes_what_flows_write() -> None:
    assert voice_of(None) == Voice()
    assert voice_of("female") == Voice(gender="female")
    assert voice_of("anna") == Voice(name="anna")
    assert voice_of({"gender": "male", "engine": "espeak-ng"}) == Voice(gender="male", engine="espeak-ng")
    assert voice_of(SimpleNamespace(gender=None, name="x", engine=None)) == Voice(name="x")


@pytest.mark.parametrize(
    "value",
    [{"sex": "female"}, {"gender": "other"}, {"name": 7}, {"name": "x" * 101}, {"name": "a\nb"}, "-w/etc/passwd"],
)
def test_voice_of_refuses_the_rest(value: object) -> None:
    with pytest.raises(PromptError, match="voice"):
        voice_of(value)  # type: ignore[arg-type]


def test_language_tags() -> None:
    assert language_tag(" pt_BR ") == "pt-br"
    for wrong in ("", "en us", "-x", "../en", "e" * 40, "ñ"):
        with pytest.raises(PromptError, match="no language tag"):
            language_tag(wrong)
