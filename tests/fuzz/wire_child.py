"""A process of its own that hands octets to the targets of wire.py, guided by what they reach where atheris is there.

    python tests/fuzz/wire_child.py TARGET|all SEED SECONDS [--grow]

Prints the number of inputs. Ends with 1 where one is a fault, which is kept in corpus/crashes; with --grow, inputs that
reach more are added to the kept corpus.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

try:
    import atheris
except ImportError:  # no wheel for this Python: inputs are changed at random
    atheris = None

CORPUS = Path(__file__).with_name("corpus")
CRASHES = "crashes"
LONGEST = 1.0
"""Seconds of CPU for one input."""
LARGEST = 4096
"""Octets of an input: what is wrong with larger ones is wrong with these."""
MEMORY_MB = 600
TOKENS = (
    b"\r\n", b"\r\n\r\n", b";", b",", b"<", b">", b'"', b"\\", b"@", b":", b"=", b" ", b"\t", b"\x00", b"\xff", b"%00",
    b"sip:", b"INVITE", b"SIP/2.0", b"Content-Length: 0", b"Via: ", b"a=crypto:1 ", b"a=rtpmap:", b"m=audio 9 ",
    b"9" * 30, b"-1", b"[::1]", b"inline:", b"|2^31|1:4", b"c=IN IP4 0.0.0.0", b"\x80\x00", b"\x80\xc8", b"\x21\x12",
)  # fmt: skip


class HangError(BaseException):
    """An input takes too long; nothing on the way may catch it."""


def _alarm(_number: int, _frame: FrameType | None) -> None:
    raise HangError


def targets() -> dict[str, Callable[[bytes], None]]:
    """The targets, watched by atheris where it is there."""
    if atheris is None:
        from tests.fuzz.wire import TARGETS
    else:
        with atheris.instrument_imports(include=["ivr.sip", "media.plane"], enable_loader_override=False):
            from tests.fuzz.wire import TARGETS
    return TARGETS


def read(name: str) -> list[bytes]:
    """Kept inputs of a target: seeds, and what once was a fault."""
    paths = (CORPUS / f"{name}.txt", CORPUS / CRASHES / f"{name}.txt")
    return [base64.b64decode(line) for path in paths if path.exists() for line in path.read_text().split()]


def keep(path: Path, inputs: list[bytes]) -> None:
    """Write inputs, the shortest first, one a line."""
    path.parent.mkdir(exist_ok=True)
    unique = sorted(set(inputs), key=lambda one: (len(one), one))
    path.write_text("".join(base64.b64encode(one).decode() + "\n" for one in unique))


def changed(seeds: list[bytes], chance: random.Random) -> bytes:
    """One of them with some things wrong."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(data) + 1)
        to = min(len(data), at + chance.choice((0, 1, 1, 4, 40)))
        kind = chance.randrange(5)
        if kind == 0:
            del data[at:to]
        elif kind == 1:
            data[at:at] = chance.choice(TOKENS) * chance.choice((1, 1, 1, 20))
        elif kind == 2:
            data[to:to] = data[at:to] * chance.choice((1, 10))
        elif kind == 3 and data:
            data[chance.randrange(len(data))] = chance.randrange(256)
        else:
            other = chance.choice(seeds)
            start = chance.randrange(len(other) + 1)
            data[at:to] = other[start : start + chance.randrange(80)]
    return bytes(data[:LARGEST])


def main() -> None:
    """Run one target or all of them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("target")
    parser.add_argument("seed", type=int)
    parser.add_argument("seconds", type=float)
    parser.add_argument("--grow", action="store_true")
    options = parser.parse_args()
    known = targets()
    names = list(known) if options.target == "all" else [options.target]
    # In an input of several targets the first octet says which one it is for.
    seeds = [bytes([index]) + data for index, name in enumerate(names) for data in read(name)]
    signal.signal(signal.SIGPROF, _alarm)
    count = 0

    def one(data: bytes) -> None:
        nonlocal count
        if not data:
            return
        name = names[data[0] % len(names)]
        signal.setitimer(signal.ITIMER_PROF, LONGEST)
        try:
            known[name](data[1:])
        except (Exception, HangError):
            signal.setitimer(signal.ITIMER_PROF, 0)
            traceback.print_exc(limit=-8)
            keep(CORPUS / CRASHES / f"{name}.txt", [*_crashes(name), data[1:]])
            print(f"{name}, kept in {CORPUS / CRASHES}: {data[1:3000]!r}", flush=True)
            _leave(1)
        signal.setitimer(signal.ITIMER_PROF, 0)
        count += 1

    for data in seeds:
        one(data)
    if atheris is None:
        chance = random.Random(options.seed)
        until = time.monotonic() + options.seconds
        while time.monotonic() < until:
            one(changed(seeds, chance))
        print(count)
        return
    folder = Path(tempfile.mkdtemp(prefix="ivr-fuzz-"))
    for data in seeds:
        (folder / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)
    until = time.monotonic() + options.seconds

    def timed(data: bytes) -> None:
        one(data)
        if time.monotonic() > until:
            if options.grow:
                _grow(folder, names)
            shutil.rmtree(folder)
            print(count, flush=True)
            _leave(0)

    arguments = [sys.argv[0], f"-seed={options.seed or 1}", f"-max_len={LARGEST}", f"-rss_limit_mb={MEMORY_MB}"]
    atheris.Setup([*arguments, "-print_final_stats=0", "-verbosity=0", str(folder)], timed)
    atheris.Fuzz()


def _crashes(name: str) -> list[bytes]:
    path = CORPUS / CRASHES / f"{name}.txt"
    return [base64.b64decode(line) for line in path.read_text().split()] if path.exists() else []


def _grow(folder: Path, names: list[str]) -> None:
    """Keep what libFuzzer found worth keeping."""
    found: dict[str, list[bytes]] = {}
    for path in folder.iterdir():
        data = path.read_bytes()
        if data:
            found.setdefault(names[data[0] % len(names)], []).append(data[1:])
    for name, inputs in found.items():
        keep(CORPUS / f"{name}.txt", [one for one in inputs if one])


def _leave(code: int) -> NoReturn:
    """End at once: libFuzzer takes an exit for a crash."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
