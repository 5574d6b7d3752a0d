# ruff: noqa: ASYNC240 - a test blocks nobody
from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

from media.prompts import PromptError, PromptLimits, PromptStore, SpeechConfig
from media.prompts.cache import wide_path
from media.prompts.engines import Pyttsx3Engine
from tests.media.prompts.conftest import decibels, samples_of, tone

TEXT = "Hello and welcome. Press one for sales, or two for support."


class Clock:
    """Monotonic seconds that pass when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def pyttsx3_pid(store: PromptStore) -> int:
    engine = store._speaker._engines["pyttsx3"]
    assert isinstance(engine, Pyttsx3Engine) and engine.pid is not None
    return engine.pid


# Speech


async def test_speech_contains_speech(store: PromptStore) -> None:
    sound = await store.speech(TEXT)
    samples = samples_of(sound)
    assert 2.5 < sound.seconds < 6.0
    assert -20 < decibels(samples) < -14
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    frequencies = np.fft.rfftfreq(len(samples), 1 / 8000)
    assert spectrum[(frequencies > 200) & (frequencies < 3400)].sum() > 0.7 * spectrum.sum()
    assert np.abs(samples[:160]).max() < 0.2 and np.abs(samples[-160:]).max() < 0.2


async def test_what_was_spoken_is_known_at_once(store: PromptStore) -> None:
    assert store.cached_speech(TEXT) is None
    sound = await store.speech(TEXT)
    assert store.cached_speech(TEXT) == sound
    assert store.cached_speech(TEXT, rate=1.2) is None
    assert store.cached_speech(TEXT, language="de") is None
    assert store.cached_speech(TEXT, voice="female") is None
    assert store.cached_speech(TEXT, language="EN") == sound


async def test_a_second_store_finds_it_on_disk(store: PromptStore, prompts_dir: Path) -> None:
    sound = await store.speech(TEXT)
    other = PromptStore(store.cache.folder, prompts_dir)
    await other.start()
    written = sound.path.stat().st_ctime_ns
    assert await other.speech(TEXT) == sound
    assert sound.path.stat().st_ctime_ns == written
    await other.close()


async def test_a_wide_store_keeps_both_and_drops_both(store: PromptStore, prompts_dir: Path) -> None:
    narrow = await store.speech(TEXT)
    assert not wide_path(narrow.path).exists()
    other = PromptStore(store.cache.folder, prompts_dir, wide=True)
    await other.start()
    sound = await other.speech(TEXT)
    assert sound.path != narrow.path
    assert wide_path(sound.path).stat().st_size == 4 * sound.samples
    again = PromptStore(store.cache.folder, prompts_dir, wide=True)
    await again.start()
    assert again.cached_bytes == 2 * narrow.samples + 6 * sound.samples == other.cached_bytes
    old = time.time() - 86400
    for path in (narrow.path, sound.path):
        os.utime(path, (old, old))
    again.cache._bound = 1
    assert again.cache.clean() == 2
    assert not wide_path(sound.path).exists()
    await other.close()
    await again.close()


async def test_many_callers_share_one_job(store: PromptStore) -> None:
    jobs = []
    make = store._make_speech
    store._make_speech = lambda utterance: jobs.append(utterance) or make(utterance)  # type: ignore[method-assign,func-returns-value]
    sounds = await asyncio.gather(*(store.speech(TEXT) for _ in range(50)))
    assert len(set(sounds)) == 1
    assert len(jobs) == 1


async def test_a_caller_who_leaves_does_not_stop_the_others(store: PromptStore) -> None:
    first = asyncio.ensure_future(store.speech(TEXT))
    second = asyncio.ensure_future(store.speech(TEXT))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).samples
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_rate_and_gender_are_heard(store: PromptStore) -> None:
    lengths = [(await store.speech(TEXT, rate=rate)).seconds for rate in (0.7, 1.0, 1.5)]
    assert lengths[0] > 1.2 * lengths[1] > 1.4 * lengths[2]
    female, male = await store.speech("Hello", voice={"gender": "female"}), await store.speech("Hello", voice="male")
    assert female.path != male.path
    assert pitch(samples_of(female)) > 1.3 * pitch(samples_of(male))


def pitch(samples: np.ndarray) -> float:
    """Hz of the voice, by the autocorrelation of its loudest quarter of a second."""
    loudest = int(np.argmax(np.convolve(samples**2, np.ones(2000), "valid")))
    part = samples[loudest : loudest + 2000]
    correlation = np.correlate(part, part, "full")[len(part) - 1 :]
    return 8000 / (25 + int(np.argmax(correlation[25:130])))


async def test_languages_sound_different(store: PromptStore) -> None:
    sounds = [await store.speech("Restaurant 25", language=tag) for tag in ("en", "en-US", "de", "fr", "pl", "zh")]
    assert len({sound.path.read_bytes() for sound in sounds}) == len(sounds)


async def test_a_long_text_is_spoken_in_pieces(store: PromptStore) -> None:
    text = "This is one of many sentences, all of them alike. " * 19
    sound = await store.speech(text)
    assert sound.seconds > 30
    assert -20 < decibels(samples_of(sound)) < -13


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("x" * 1001, {}, "1001 characters"),
        ("", {}, "nothing to speak"),
        ("?!", {}, "nothing to speak"),
        ("Hi", {"language": "xx"}, "there is no voice for the language 'xx'"),
        ("Hi", {"language": "no such"}, "no language tag"),
        ("Hi", {"voice": {"engine": "nobody"}}, "no speech engine 'nobody'"),
        ("Hi", {"rate": 0.0}, "speech rate 0"),
        ("Hi", {"rate": float("nan")}, "speech rate nan"),
    ],
)
async def test_what_cannot_be_spoken(store: PromptStore, text: str, options: dict, words: str) -> None:
    if "engine" in str(options):
        store = PromptStore(store.cache.folder, store.prompts_dir, SpeechConfig(fall_back=False))
    with pytest.raises(PromptError, match=words):
        await store.speech(text, **options)


async def test_a_killed_engine_recovers(store: PromptStore) -> None:
    await store.speech("one")
    pid = pyttsx3_pid(store)
    os.kill(pid, signal.SIGKILL)
    assert (await store.speech("two")).samples
    assert pyttsx3_pid(store) != pid


async def test_an_engine_that_hangs_is_killed_and_another_speaks(tmp_path: Path, prompts_dir: Path) -> None:
    store = PromptStore(tmp_path / "cache", prompts_dir, limits=PromptLimits(speech_seconds=1.0))
    await store.start()
    pid = pyttsx3_pid(store)
    os.kill(pid, signal.SIGSTOP)
    sound = await store.speech("Hello there")
    assert sound.seconds > 0.3
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    await store.close()


async def test_espeak_ng_speaks_where_the_engine_is_missing(tmp_path: Path, prompts_dir: Path) -> None:
    config = SpeechConfig(engine="command", command=("/nonexistent/piper",))
    store = PromptStore(tmp_path / "cache", prompts_dir, config)
    await store.start()
    assert (await store.speech("Hello")).samples
    await store.close()


async def test_no_engine_at_all_is_said(tmp_path: Path, prompts_dir: Path) -> None:
    config = SpeechConfig(engine="command", command=("/nonexistent/piper",), fall_back=False)
    store = PromptStore(tmp_path / "cache", prompts_dir, config)
    await store.start()
    with pytest.raises(PromptError, match="/nonexistent/piper is not installed"):
        await store.speech("Hello")
    await store.close()


async def test_private_text_is_in_no_file_name_and_no_error(store: PromptStore, tmp_path: Path) -> None:
    await store.speech("Secret 4711")
    with pytest.raises(PromptError) as caught:
        await store.speech("Secret 4711", language="xx")
    assert "4711" not in str(caught.value)
    assert not [path for path in (tmp_path / "cache").rglob("*") if "4711" in path.name]
    assert not list((tmp_path / "cache" / "tmp").iterdir())


# Files


async def test_a_file_is_converted_once(store: PromptStore, wav: Path) -> None:
    assert store.cached_file("tone.wav") is None
    sound = await store.file("tone.wav")
    assert sound.samples == pytest.approx(8000, abs=2)
    assert store.cached_file("tone.wav") == sound
    assert await store.file(wav) == sound


async def test_a_changed_file_is_noticed(tmp_path: Path, prompts_dir: Path, wav: Path) -> None:
    clock = Clock()
    store = PromptStore(tmp_path / "cache", prompts_dir, clock=clock)
    await store.start()
    first = await store.file("tone.wav")
    soundfile.write(wav, tone(500, 0.5, 8000), 8000)
    clock.now += 2
    assert store.cached_file("tone.wav") is None
    assert (await store.file("tone.wav")).samples == 4000 != first.samples
    wav.unlink()
    clock.now += 2
    assert store.cached_file("tone.wav") is None
    with pytest.raises(PromptError, match=r"there is no prompt file tone\.wav"):
        await store.file("tone.wav")
    await store.close()


async def test_a_sound_that_left_the_cache_is_made_anew(tmp_path: Path, prompts_dir: Path, wav: Path) -> None:
    clock = Clock()
    store = PromptStore(tmp_path / "cache", prompts_dir, clock=clock)
    await store.start()
    sound, spoken = await store.file("tone.wav"), await store.speech("Hello")
    sound.path.unlink()
    spoken.path.unlink()
    clock.now += 61
    assert store.cached_file("tone.wav") is None
    assert store.cached_speech("Hello") is None
    assert (await store.file("tone.wav")).path.exists()
    assert (await store.speech("Hello")).path.exists()
    await store.close()


async def test_equal_files_share_one_sound(store: PromptStore, wav: Path) -> None:
    (wav.parent / "copy.wav").write_bytes(wav.read_bytes())
    assert (await store.file("copy.wav")).path == (await store.file("tone.wav")).path


async def test_headerless_endings_are_part_of_the_content(store: PromptStore, prompts_dir: Path) -> None:
    (prompts_dir / "a.ulaw").write_bytes(bytes(range(256)) * 10)
    (prompts_dir / "a.alaw").write_bytes(bytes(range(256)) * 10)
    ulaw, alaw = await store.file("a.ulaw"), await store.file("a.alaw")
    assert ulaw.samples == alaw.samples == 2560
    assert ulaw.path != alaw.path


async def test_names_stay_inside_the_folder(store: PromptStore, tmp_path: Path, prompts_dir: Path, wav: Path) -> None:
    outside = tmp_path / "outside.wav"
    outside.write_bytes(wav.read_bytes())
    (prompts_dir / "link.wav").symlink_to(outside)
    (prompts_dir / "inner.wav").symlink_to(wav)
    (prompts_dir / "loop.wav").symlink_to("loop.wav")
    assert (await store.file("inner.wav")).samples
    for name in ("../outside.wav", str(outside), "link.wav", "a/../../outside.wav"):
        with pytest.raises(PromptError, match="lies outside the prompts folder"):
            await store.file(name)
    for name in ("loop.wav", "", "nul\0l", "x" * 2000, "nowhere.wav", "y" * 300):
        with pytest.raises(PromptError, match="prompt file"):
            await store.file(name)


async def test_folders_and_pipes_are_no_prompts(store: PromptStore, prompts_dir: Path) -> None:
    (prompts_dir / "folder.wav").mkdir()
    os.mkfifo(prompts_dir / "pipe.wav")
    with pytest.raises(PromptError, match="is a folder"):
        await store.file("folder.wav")
    with pytest.raises(PromptError, match="no regular file"):
        await store.file("pipe.wav")


async def test_limits_of_size_and_length(tmp_path: Path, prompts_dir: Path, wav: Path) -> None:
    limits = PromptLimits(file_bytes=40_000, seconds=2.0)
    store = PromptStore(tmp_path / "cache", prompts_dir, limits=limits)
    soundfile.write(prompts_dir / "big.wav", np.zeros(50_000, np.int16), 8000)
    soundfile.write(prompts_dir / "long.flac", np.zeros(8000 * 60, np.int16), 8000)
    await store.start()
    with pytest.raises(PromptError, match=r"big\.wav is larger than 40000 bytes"):
        await store.file("big.wav")
    with pytest.raises(PromptError, match=r"long\.flac: longer than 2 s"):
        await store.file("long.flac")
    with pytest.raises(PromptError, match="larger than 40000 bytes"):
        await store.decode(b"x" * 40_001)
    assert (await store.file("tone.wav")).samples
    await store.close()


async def test_the_decoder_survives_what_kills_it(store: PromptStore, wav: Path) -> None:
    await store.file("tone.wav")
    pid = store._file_decoder.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    slow = asyncio.ensure_future(store.decode(b"RIFF" + bytes(100)))
    for _ in range(100):  # until the job is with the child
        await asyncio.sleep(0)
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(PromptError):
        await slow
    (wav.parent / "next.wav").write_bytes(wav.read_bytes() + b"\0\0")
    assert (await store.file("next.wav")).samples


async def test_recordings_may_lie_anywhere(store: PromptStore, tmp_path: Path) -> None:
    path = tmp_path / "voicemail.wav"
    soundfile.write(path, tone(300, 0.5, 8000), 8000)
    assert (await store.decode(path)).samples == 4000
    assert (await store.decode(path.read_bytes())).samples == 4000
    with pytest.raises(PromptError, match="there is no file"):
        await store.decode(tmp_path / "none.wav")


async def test_a_failure_is_remembered_for_a_moment(tmp_path: Path, prompts_dir: Path) -> None:
    clock = Clock()
    store = PromptStore(tmp_path / "cache", prompts_dir, clock=clock)
    await store.start()
    with pytest.raises(PromptError):
        await store.file("late.wav")
    soundfile.write(prompts_dir / "late.wav", tone(300, 0.5, 8000), 8000)
    with pytest.raises(PromptError):
        await store.file("late.wav")
    clock.now += 3
    assert (await store.file("late.wav")).samples == 4000
    await store.close()


async def test_a_cache_that_cannot_be_written_is_said_at_the_start(tmp_path: Path, prompts_dir: Path) -> None:
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(PromptError, match="cannot be written"):
        await PromptStore(tmp_path / "cache", prompts_dir).start()


async def test_close_ends_the_children_and_those_who_wait(tmp_path: Path, prompts_dir: Path) -> None:
    store = PromptStore(tmp_path / "cache", prompts_dir)
    await store.start()
    pid = pyttsx3_pid(store)
    os.kill(pid, signal.SIGSTOP)
    waiting = asyncio.ensure_future(store.speech("never spoken"))
    await asyncio.sleep(0)
    await store.close()
    with pytest.raises(PromptError, match="closed"):
        await waiting
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(PromptError, match="closed"):
        await store.speech("too late")
