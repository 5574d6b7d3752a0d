"""Turns sound files into raw sounds for the plane: `python -m media.prompts.decoder_child`.

A process of its own, since the files may come from anywhere: a decoder that crashes or hangs costs this process alone.
Job: {inputs: [{path, name}], out, max_seconds, speech (level and silence at the ends), pause (s between inputs)};
result: {samples}. The output is s16le, mono, 8 kHz.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from media.prompts import dsp
from media.prompts.childside import JobError, serve
from media.prompts.decoding import SoundReader, resampled
from media.prompts.limits import SAMPLE_RATE

__all__ = ["convert", "main"]


def convert(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job."""
    readers = [SoundReader(Path(item["path"]), item["name"], job["max_seconds"]) for item in job["inputs"]]
    samples = 0
    with Path(job["out"]).open("xb") as out:
        for block in _speech(readers, job["pause"]) if job["speech"] else _as_recorded(readers):
            data = dsp.to_int16(block).astype("<i2").tobytes()
            samples += len(data) // 2
            out.write(data)
    if not samples:
        raise JobError("no sound in it, only silence" if job["speech"] else "no sound in it")
    return {"samples": samples}


def _as_recorded(readers: list[SoundReader]) -> Iterator[dsp.Samples]:
    for reader in readers:
        rate, blocks = reader.blocks()
        yield from resampled(rate, blocks)


def _speech(readers: list[SoundReader], pause: float) -> Iterator[dsp.Samples]:
    """Pieces without the silence around them, joined, at one level."""
    pieces: list[dsp.Samples] = []
    for reader in readers:
        rate, whole = reader.all()
        trimmed = dsp.trim(whole, rate)
        if len(trimmed):
            pieces.extend([dsp.join(list(resampled(rate, iter([trimmed]))), SAMPLE_RATE, 0.0)])
    yield dsp.normalise(dsp.join(pieces, SAMPLE_RATE, pause), SAMPLE_RATE)


def main() -> int:
    """Answer jobs until standard input ends."""
    return serve(dict, convert)


if __name__ == "__main__":
    sys.exit(main())
