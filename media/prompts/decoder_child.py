"""Turns sound files into raw sounds for the plane: `python -m media.prompts.decoder_child`.

A process of its own, since the files may come from anywhere: a decoder that crashes or hangs costs this process alone.
Job: {inputs: [{path, name}], out, max_seconds, speech (level and silence at the ends), pause (s between inputs), wide};
result: {samples}. The output is s16le, mono, 8 kHz; where wide is asked for and an input has more than that, also
16 kHz, beside it under the name that the plane looks for, with exactly twice as many samples.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from media.face import WIDE_SUFFIX
from media.prompts import dsp
from media.prompts.childside import JobError, serve
from media.prompts.decoding import SoundReader, resampled
from media.prompts.limits import SAMPLE_RATE

__all__ = ["convert", "main"]

WIDE_RATE = 2 * SAMPLE_RATE

Source = tuple[int, Iterator[dsp.Samples]]
"""Sample rate in Hz and the sound in blocks."""


def convert(job: dict[str, Any]) -> dict[str, Any]:
    """Do one job."""
    readers = [SoundReader(Path(item["path"]), item["name"], job["max_seconds"]) for item in job["inputs"]]
    sources = [reader.blocks() for reader in readers]
    wide = job["wide"] and any(rate > SAMPLE_RATE for rate, _ in sources)
    to = WIDE_RATE if wide else SAMPLE_RATE
    sound = _speech(sources, job["pause"], to) if job["speech"] else _as_recorded(sources, to)
    if wide:
        with Path(job["out"] + WIDE_SUFFIX).open("xb") as beside:
            samples = _write(resampled(WIDE_RATE, _copied(sound, beside)), job["out"])
            beside.truncate(4 * samples)
    else:
        samples = _write(sound, job["out"])
    if not samples:
        raise JobError("no sound in it, only silence" if job["speech"] else "no sound in it")
    return {"samples": samples}


def _write(blocks: Iterator[dsp.Samples], path: str) -> int:
    samples = 0
    with Path(path).open("xb") as out:
        for block in blocks:
            data = _octets(block)
            samples += len(data) // 2
            out.write(data)
    return samples


def _copied(blocks: Iterator[dsp.Samples], out: BinaryIO) -> Iterator[dsp.Samples]:
    for block in blocks:
        out.write(_octets(block))
        yield block
    out.flush()


def _octets(block: dsp.Samples) -> bytes:
    return dsp.to_int16(block).astype("<i2").tobytes()


def _as_recorded(sources: list[Source], to: int) -> Iterator[dsp.Samples]:
    for rate, blocks in sources:
        yield from resampled(rate, blocks, to)


def _speech(sources: list[Source], pause: float, to: int) -> Iterator[dsp.Samples]:
    """Pieces without the silence around them, joined, at one level."""
    pieces: list[dsp.Samples] = []
    for rate, blocks in sources:
        trimmed = dsp.trim(dsp.join(list(blocks), rate, 0.0), rate)
        if len(trimmed):
            pieces.extend([dsp.join(list(resampled(rate, iter([trimmed]), to)), to, 0.0)])
    yield dsp.normalise(dsp.join(pieces, to, pause), to)


def main() -> int:
    """Answer jobs until standard input ends."""
    return serve(dict, convert)


if __name__ == "__main__":
    sys.exit(main())
