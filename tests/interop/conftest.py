"""One daemon for each test module, with flows made to be called by programs of others."""

from __future__ import annotations

import atexit
import itertools
import os
import socket
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import free_port
from tests.kit.daemon import Daemon
from tests.kit.sound import speechlike, write_wav

FLOWS = {
    "quiet": """
        elements:
          start: {type: start_incoming_call, numbers: ["101"], next: wait}
          wait: {type: collect, max_digits: 1, wait: 60s, responses: {"9": done}, branches: {no_match: done}}
          done: {type: hang_up}
    """,
    "ringing": """
        elements:
          start: {type: start_incoming_call, numbers: ["102"], answer: {after: 20s}, next: done}
          done: {type: hang_up}
    """,
    "short": """
        elements:
          start: {type: start_incoming_call, numbers: ["100"], next: done}
          done: {type: hang_up}
    """,
    "one_key": """
        elements:
          start: {type: start_incoming_call, numbers: ["103"], next: ask}
          ask: {type: collect, max_digits: 1, wait: 30s, responses: {"1": done}, branches: {no_match: ask}}
          done: {type: hang_up}
    """,
    "keys": """
        variables: {typed: ""}
        elements:
          start: {type: start_incoming_call, numbers: ["104"], next: ask}
          ask: {type: collect, max_digits: 16, wait: 20s, wait_between: 2s, save_as: typed, terminator: none,
                next: done, branches: {no_match: done}}
          done: {type: hang_up}
    """,
    "music": """
        elements:
          start: {type: start_incoming_call, numbers: ["105"], next: sound}
          sound: {type: play, file: played.wav, next: ask}
          ask: {type: collect, max_digits: 4, wait: 10s, next: message, branches: {no_match: message}}
          message: {type: record_voicemail, max_duration: 20s, max_silence: 0, next: done}
          done: {type: hang_up}
    """,
    "desk": """
        elements:
          start: {type: start_incoming_call, numbers: ["106"], next: desk}
          desk: {type: forward_call, to: "phone:200", timeout: 10s, after: return, record_call: true,
                 branches: {returned: done, no_answer: missed, busy: missed, call_not_forwarded: missed}}
          missed: {type: play, file: played.wav, next: done}
          done: {type: hang_up}
    """,
    "early": """
        elements:
          start: {type: start_incoming_call, numbers: ["107"], answer: early_media, next: sound}
          sound: {type: play, file: played.wav, next: take}
          take: {type: answer, next: done}
          done: {type: hang_up}
    """,
}


FIRST_RTP_PORT, RTP_RANGES, RTP_PORTS = 24_000, 32, 150
"""Below those of our own caller, from 30002, and those that single tests have for themselves, from 32000; several times
as many as the processes that test at once hold and use. One range after the other: a daemon of the test before may not
have let go of its own yet."""
KEPT_RANGES = 4
"""Ranges that are held for daemons which this process has yet to start: no test starts more of them."""
FEW_TAKEN = 20
"""Ports of a range that others may have: telephones take what they find, a daemon takes all."""
_ranges = itertools.count(os.getpid())
_held: deque[socket.socket] = deque(maxlen=KEPT_RANGES)


@atexit.register
def _let_go() -> None:
    for sign in _held:
        sign.close()


def free_range() -> int:
    """The first port of a range that no daemon has, and that no other process will give to one soon."""
    for number in itertools.islice(_ranges, RTP_RANGES):
        base = FIRST_RTP_PORT + number % RTP_RANGES * RTP_PORTS
        sign = socket.socket(socket.AF_UNIX)
        try:
            sign.bind(f"\0ivr-tests-rtp-{base}")
        except OSError:
            sign.close()
            continue
        if sum(map(_is_taken, range(base, base + RTP_PORTS))) <= FEW_TAKEN:
            if len(_held) == KEPT_RANGES:
                _held.popleft().close()
            _held.append(sign)
            return base
        sign.close()
    raise RuntimeError("no range of ports for RTP is free")


def _is_taken(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def make_config(folder: Path, flows: dict[str, str], *, extra: str = "") -> Path:
    """A configuration with `flows` and a prompt `played.wav` (4 s of sound that correlates with itself alone)."""
    (folder / "flows").mkdir(parents=True)
    (folder / "prompts").mkdir()
    for name, text in flows.items():
        (folder / "flows" / f"{name}.yaml").write_text(text)
    write_wav(folder / "prompts" / "played.wav", speechlike(4.0, 7))
    base = free_range()
    path = folder / "ivr.yaml"
    path.write_text(
        f"sip: {{listen: ['udp:127.0.0.1:{free_port()}'], trusted: [127.0.0.0/8]}}\n"
        f"http: {{listen: '127.0.0.1:{free_port(socket.SOCK_STREAM)}'}}\n"
        f"media: {{ports: '{base}-{base + RTP_PORTS - 1}', workers: 1}}\n"
        "speech: {engine: espeak-ng, language: en}\n"
        "phones:\n"
        "  '200': {password: secret-200, name: Front desk}\n"
        "  '201': {password: secret-201, name: Workshop}\n"
        "limits: {drain_timeout: 2s}\n" + extra
    )
    return path


def daemon_on_both(folder: Path) -> Daemon:
    """A daemon with FLOWS that listens on UDP and TCP, the same port."""
    config = make_config(folder / "it", FLOWS)
    port = config.read_text().split("'udp:127.0.0.1:")[1].split("'")[0]
    both = f"'udp:127.0.0.1:{port}', 'tcp:127.0.0.1:{port}'"
    config.write_text(config.read_text().replace(f"'udp:127.0.0.1:{port}'", both))
    return Daemon(config)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that answers 100 to 107 (see FLOWS)."""
    with Daemon(make_config(tmp_path_factory.mktemp("daemon"), FLOWS)) as running:
        yield running
