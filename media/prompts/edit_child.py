"""Edits prompt files with pydub: `python -m media.prompts.edit_child`.

A process of its own: pydub imports audioop, which is deprecated, and works in memory on what may be any file. Files
are read by the decoder and resampled by soxr, since pydub's `set_frame_rate` has no low-pass. Job: the fields of
`Edit`, and max_seconds.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from pydub import AudioSegment
from pydub.silence import detect_leading_silence

from media.codecs.g711 import ALAW_ENCODE, ULAW_ENCODE
from media.prompts import dsp
from media.prompts.childside import JobError, serve
from media.prompts.containers import headerless_kind
from media.prompts.decoding import SoundReader, resampled
from media.prompts.limits import SAMPLE_RATE

__all__ = ["edit", "main"]

SILENCE_BELOW_LEVEL = 30.0  # dB under the level of the whole; breath and soft consonants lie above it
SILENCE_CEILING = -60.0  # dBFS; fainter is silence in any file
KEPT_MS = 50
"""Of the silence at both ends: a prompt that begins with a plosive sounds cut otherwise."""
PEAK_HEADROOM = 1.0
"""dB below full scale that a raised level leaves to peaks."""
FORMATS = {".wav": ("WAV", "PCM_16"), ".flac": ("FLAC", "PCM_16"), ".ogg": ("OGG", "VORBIS"), ".mp3": ("MP3", None)}


def edit(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job: read, trim and level each input, join them, fade, write."""
    rate = int(job["rate"])
    joined = AudioSegment.silent(0, rate)
    for number, name in enumerate(job["inputs"]):
        piece = _segment(Path(name), rate, job["max_seconds"])
        if job["trim"]:
            piece = _trimmed(piece, name)
        if job["level"] is not None:
            piece = _levelled(piece, job["level"])
        if number and job["gap"]:
            joined += AudioSegment.silent(round(job["gap"] * 1000), rate)
        joined = piece if not number else joined + piece
    if job["fade_in"]:  # pydub takes a fade of no length for one without an end
        joined = joined.fade_in(min(round(job["fade_in"] * 1000), len(joined)))
    if job["fade_out"]:
        joined = joined.fade_out(min(round(job["fade_out"] * 1000), len(joined)))
    samples = np.frombuffer(joined.raw_data, np.int16)
    if not len(samples):
        raise JobError("nothing is left of the sound")
    _write(Path(job["output"]), samples, rate)
    return {"seconds": len(samples) / rate, "level": joined.dBFS if joined.rms else None, "peak": joined.max_dBFS}


def _segment(path: Path, rate: int, max_seconds: float) -> Any:
    try:
        own_rate, blocks = SoundReader(path, path.name, max_seconds).blocks()
        samples = dsp.to_int16(np.concatenate([*resampled(own_rate, blocks, rate)]))
    except (JobError, OSError) as error:
        raise JobError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    return AudioSegment(samples.tobytes(), sample_width=2, frame_rate=rate, channels=1)


def _trimmed(piece: Any, name: str) -> Any:
    threshold = max(piece.dBFS - SILENCE_BELOW_LEVEL, SILENCE_CEILING)
    start = detect_leading_silence(piece, silence_threshold=threshold)
    if start >= len(piece):
        raise JobError(f"{name}: nothing but silence")
    end = len(piece) - detect_leading_silence(piece.reverse(), silence_threshold=threshold)
    return piece[max(0, start - KEPT_MS) : end + KEPT_MS]


def _levelled(piece: Any, level: float) -> Any:
    """The piece at `level` dBFS, or as near as its peaks allow without clipping."""
    if not piece.rms:
        return piece
    return piece.apply_gain(min(level - piece.dBFS, -PEAK_HEADROOM - piece.max_dBFS))


def _write(output: Path, samples: np.ndarray[Any, np.dtype[np.int16]], rate: int) -> None:
    kind = headerless_kind(output.name)
    if kind is not None and rate != SAMPLE_RATE:
        raise JobError(f"{output}: headerless sound is always at {SAMPLE_RATE} Hz (found {rate})")
    if kind is None and output.suffix.lower() not in FORMATS:
        known = ", ".join([*FORMATS, ".ulaw", ".alaw", ".raw"])
        raise JobError(f"{output}: unknown kind of file (expected {known})")
    unfinished = output.with_name(f".{output.name}.{os.getpid()}")
    try:
        if kind is None:
            container, encoding = FORMATS[output.suffix.lower()]
            soundfile.write(unfinished, samples, rate, format=container, subtype=encoding)
        elif kind == "s16le":
            unfinished.write_bytes(samples.astype("<i2").tobytes())
        else:
            table = ULAW_ENCODE if kind == "ulaw" else ALAW_ENCODE
            unfinished.write_bytes(table[samples.view(np.uint16)].tobytes())
        unfinished.replace(output)
    except (OSError, soundfile.SoundFileError) as error:
        raise JobError(f"{output} cannot be written: {getattr(error, 'strerror', None) or error}") from None
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)


def main() -> int:
    """Answer jobs until standard input ends."""
    return serve(dict, edit)


if __name__ == "__main__":
    sys.exit(main())
