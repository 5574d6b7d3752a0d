"""Sound files of any kind to samples. Runs in the decoder's child process: blocking, and allowed to crash.

soundfile (libsndfile) reads WAV of all sorts, FLAC, Ogg (Vorbis, Opus), MP3, AIFF, AU; soxr brings the rate to 8 kHz
with a low-pass; channels are averaged. Files are read in blocks, so that memory does not grow with what a
header promises.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from media.codecs.g711 import ALAW_DECODE, ULAW_DECODE
from media.prompts import dsp
from media.prompts.childside import JobError
from media.prompts.containers import headerless_kind, truncation
from media.prompts.limits import SAMPLE_RATE

__all__ = ["SoundReader", "resampled"]

BLOCK_FRAMES = 1 << 16
FORMATS = frozenset({"WAV", "WAVEX", "RF64", "W64", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF"})
"""Of libsndfile; its other formats are of no use for prompts, and less well trodden."""
MIN_RATE, MAX_RATE = 4000, 384_000
MAX_CHANNELS = 16
MP3_LENGTH_ERROR = 0.9
"""Part of the length that the header of an MP3 gives which must be there: with variable rate it is an estimate."""
EXPECTED = "expected wav, mp3, ogg, flac, or headerless .ulaw, .alaw, .raw at 8 kHz"


@dataclass(frozen=True, slots=True)
class SoundReader:
    """One input of a job."""

    path: Path
    """Where the bytes are."""
    name: str
    """What the person called it, for messages; its ending tells headerless formats."""
    max_seconds: float
    """More is refused."""

    def blocks(self) -> tuple[int, Iterator[dsp.Samples]]:
        """Sample rate in Hz, and the mono sound in blocks. Raises JobError, at the latest when the blocks end."""
        size = os.path.getsize(self.path)
        if size == 0:
            raise JobError(f"the file is empty ({EXPECTED})")
        kind = headerless_kind(self.name)
        if kind is not None:
            return SAMPLE_RATE, self._headerless(kind, size)
        problem = truncation(self.path)
        if problem:
            raise JobError(problem)
        try:
            sound = soundfile.SoundFile(self.path)
        except (soundfile.SoundFileError, TypeError, ValueError) as error:
            raise JobError(f"not a sound file that can be read: {_words(error)} ({EXPECTED})") from None
        try:
            self._check(sound)
        except BaseException:
            sound.close()
            raise
        return int(sound.samplerate), self._decoded(sound)

    def all(self) -> tuple[int, dsp.Samples]:
        """Sample rate and the whole sound."""
        rate, blocks = self.blocks()
        pieces = list(blocks)
        return rate, np.concatenate(pieces) if pieces else np.zeros(0, np.float32)

    def _check(self, sound: soundfile.SoundFile) -> None:
        if sound.format not in FORMATS:
            raise JobError(f"found {sound.format} sound ({EXPECTED})")
        if not MIN_RATE <= sound.samplerate <= MAX_RATE:
            raise JobError(f"a sample rate of {sound.samplerate} Hz (expected {MIN_RATE} to {MAX_RATE})")
        if not 1 <= sound.channels <= MAX_CHANNELS:
            raise JobError(f"{sound.channels} channels (expected 1 to {MAX_CHANNELS})")
        if sound.format == "WAV" and sound.frames > self.max_seconds * sound.samplerate:
            raise self._too_long()

    def _too_long(self) -> JobError:
        return JobError(f"longer than {self.max_seconds:g} s")

    def _headerless(self, kind: str, size: int) -> Iterator[dsp.Samples]:
        width = 2 if kind == "s16le" else 1
        if size > self.max_seconds * SAMPLE_RATE * width:
            raise self._too_long()
        if size % width:
            raise JobError("an odd number of bytes (expected 16-bit samples)")
        with self.path.open("rb") as file:
            while data := file.read(BLOCK_FRAMES * width):
                if kind == "s16le":
                    samples = np.frombuffer(data, "<i2")
                else:
                    samples = (ULAW_DECODE if kind == "ulaw" else ALAW_DECODE)[np.frombuffer(data, np.uint8)]
                yield samples.astype(np.float32) / np.float32(32768.0)

    def _decoded(self, sound: soundfile.SoundFile) -> Iterator[dsp.Samples]:
        expected, compressed = sound.frames, sound.format in ("MP3", "OGG")
        read = 0
        with sound:
            while True:
                try:
                    block = sound.read(BLOCK_FRAMES, dtype="float32", always_2d=True)
                except (soundfile.SoundFileError, ValueError) as error:
                    raise JobError(f"damaged {sound.format} sound: {_words(error)}") from None
                if not len(block):
                    break
                read += len(block)
                if read > self.max_seconds * sound.samplerate:
                    raise self._too_long()
                mono = block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)
                yield np.clip(np.nan_to_num(mono, nan=0.0, posinf=1.0, neginf=-1.0), -1.0, 1.0).astype(np.float32)
        if not read:
            raise JobError(f"no sound in it ({EXPECTED})")
        if expected < 2**62 and read < expected * (MP3_LENGTH_ERROR if compressed else 1.0):
            there, promised = read / sound.samplerate, expected / sound.samplerate
            raise JobError(f"cut off: {there:.2f} s of sound (expected {promised:.2f} s by its header)")


def resampled(rate: int, blocks: Iterator[dsp.Samples], to: int = SAMPLE_RATE) -> Iterator[dsp.Samples]:
    """The same sound at another rate, band-limited; unchanged samples when the rate is right already."""
    if rate == to:
        yield from blocks
        return
    stream = soxr.ResampleStream(rate, to, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(block)
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def _words(error: BaseException) -> str:
    """libsndfile's own words, without the path that it puts before them."""
    return str(error).rpartition(": ")[2].strip().rstrip(".") or type(error).__name__
