from __future__ import annotations

import sys
from pathlib import Path

import pytest
import soundfile

from media.prompts.engines import CommandEngine, EspeakEngine, Pyttsx3Engine, make_engine
from media.prompts.errors import EngineError
from media.prompts.voices import Voice
from tests.kit.needs import lacks

pytestmark = pytest.mark.skipif(lacks("espeak-ng"), reason="needs espeak-ng")

ENGINES = [lambda: Pyttsx3Engine(10), EspeakEngine]


@pytest.mark.parametrize("make", ENGINES)
async def test_rates_change_the_length_from_the_first_job_on(tmp_path: Path, make: object) -> None:
    engine = make()  # type: ignore[operator]
    await engine.start()
    assert engine.version
    lengths = []
    for number, rate in enumerate((1.0, 2.0, 0.5, 1.0)):
        out = tmp_path / f"{number}.wav"
        await engine.speak("Hello and welcome.", "en", Voice(), rate, out, 10.0)
        data, sample_rate = soundfile.read(out)
        lengths.append(len(data) / sample_rate)
    assert lengths[2] > 1.5 * lengths[0] > 2.2 * lengths[1]
    assert lengths[3] == pytest.approx(lengths[0], rel=0.02)
    with pytest.raises(EngineError, match="there is no voice"):
        await engine.speak("Hello", "en", Voice(name="nobody"), 1.0, tmp_path / "x.wav", 10.0)
    await engine.close()


async def test_a_command_gets_text_and_places_filled(tmp_path: Path) -> None:
    script = tmp_path / "engine.py"
    script.write_text(
        "import sys, json, pathlib\n"
        "pathlib.Path(sys.argv[1]).write_text(json.dumps([sys.argv[2:], sys.stdin.read()]))\n"
    )
    argv = [sys.executable, str(script), "{out}", "{language}", "{voice}", "{gender}", "{rate}", "{slowness}"]
    engine = CommandEngine(argv, {"voices": {"de": "thorsten", "en": "amy"}})
    await engine.start()
    out = tmp_path / "said"
    await engine.speak("Grüße", "de-at", Voice(gender="male"), 1.25, out, 10.0)
    assert out.read_text() == '[["de-at", "thorsten", "male", "1.25", "0.8"], "Gr\\u00fc\\u00dfe"]'
    with pytest.raises(EngineError, match="none for the language 'fr'"):
        await engine.speak("Bonjour", "fr", Voice(), 1.0, out, 10.0)


async def test_a_command_may_write_to_standard_output(tmp_path: Path) -> None:
    engine = CommandEngine(["espeak-ng", "-v", "{language}", "--stdin", "--stdout"])
    await engine.start()
    await engine.speak("Hello", "en", Voice(), 1.0, tmp_path / "out.wav", 10.0)
    assert (tmp_path / "out.wav").read_bytes()[:4] == b"RIFF"


async def test_another_command_is_another_version() -> None:
    one, two = CommandEngine(["espeak-ng", "-a", "{voice}"]), CommandEngine(["espeak-ng", "-b", "{voice}"])
    await one.start()
    await two.start()
    assert one.version != two.version


@pytest.mark.parametrize(
    ("engine", "words"),
    [
        (CommandEngine([]), "names no program"),
        (CommandEngine(["/nonexistent"]), "is not installed"),
        (EspeakEngine("/nonexistent"), "is not installed"),
    ],
)
async def test_an_engine_that_cannot_be_used_says_so(engine: CommandEngine | EspeakEngine, words: str) -> None:
    with pytest.raises(EngineError, match=words):
        await engine.start()


def test_unknown_engines_are_refused() -> None:
    with pytest.raises(EngineError, match=r"no speech engine 'x' \(expected pyttsx3, espeak-ng, command\)"):
        make_engine("x", (), {}, 10)
