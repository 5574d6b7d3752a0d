"""The phone against the daemon, in real time: prompts, keys in three ways, recordings, hold and transfer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.endpoint.phones import options, telephone
from tests.interop.conftest import make_config
from tests.kit.daemon import Daemon
from tests.kit.sound import CLEAR, found_pieces, read_wav, speechlike, write_wav

pytestmark = pytest.mark.interop

FLOWS = {
    "menu": """
        elements:
          start: {type: start_incoming_call, numbers: ["110"], next: sound}
          sound: {type: play, file: played.wav, interruptible: true, next: ask}
          ask: {type: collect, wait: 10s, terminator: none, responses: {"5#": right}, branches: {no_match: wrong}}
          right: {type: pause, duration: 10ms, next: done}
          wrong: {type: pause, duration: 5s, next: done}
          done: {type: hang_up}
    """,
    "talk": """
        elements:
          start: {type: start_incoming_call, numbers: ["111"], next: sound}
          sound: {type: play, file: played.wav, next: ask}
          ask: {type: collect, max_digits: 1, wait: 20s, responses: {"9": done}, branches: {no_match: done}}
          done: {type: hang_up}
    """,
}


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    config = make_config(tmp_path_factory.mktemp("daemon"), FLOWS)
    text = config.read_text().replace("workers: 1", "workers: 1, codecs: [pcmu, pcma, g722]")
    config.write_text(text.replace("phones:", "phones:\n  '202': {password: secret-202}"))
    with Daemon(config) as running:
        yield running


def home(daemon: Daemon) -> str:
    return f"sip:127.0.0.1:{daemon.sip_port}"


WAYS = {"events": ("g722",), "info": ("pcmu",), "tones": ("pcma",)}


async def test_hears_the_prompt_and_takes_the_branch_of_its_keys(daemon: Daemon, tmp_path: Path) -> None:
    """All three ways at once, each from a phone of its own, and with a codec of its own."""

    async def one(way: str, codecs: tuple[str, ...]) -> int:
        script = f"""
            wait answered within 10s
            wait heard 1s
            keys 5# {way}
            wait ended within 10s
        """
        phone = options(home(daemon), target="110", record=tmp_path / f"{way}.wav", codecs=codecs, dtmf=way)
        return await telephone(phone, script)

    assert await asyncio.gather(*(one(*way) for way in WAYS.items())) == [0, 0, 0]
    for record in daemon.records(3):
        assert "right" in [step["element"] for step in record["path"]], record
    for way in WAYS:
        both = read_wav(tmp_path / f"{way}.wav")
        assert both.shape[1] == 2
        assert found_pieces(speechlike(4.0, 7)[:8000], both[:, 0]) >= CLEAR, way


async def test_phones_talk_hold_and_transfer(daemon: Daemon, tmp_path: Path) -> None:
    """200 calls 201 through the registrar and is heard, holds it, takes it back, and transfers it to 202."""
    said, heard = tmp_path / "said.wav", tmp_path / "heard.wav"
    write_wav(said, speechlike(4.0, 7))
    caller = """
        call 201
        wait answered within 10s
        sleep 1200ms
        hold
        wait held
        sleep 700ms
        resume
        wait resumed
        keys 7
        sleep 200ms
        transfer 202
        wait transferred within 10s
        wait ended
    """
    callee = """
        wait incoming within 10s
        answer
        wait heard 700ms
        wait quiet 300ms within 5s
        wait key 7 within 10s
        wait key 3 within 15s
        hang up
    """
    third = """
        wait incoming within 20s
        answer
        wait answered
        keys 3
        wait ended within 10s
    """
    scripts = ((options(home(daemon), "202"), third), (options(home(daemon), "201", record=heard), callee))
    others = [asyncio.create_task(telephone(*script)) for script in scripts]
    await asyncio.sleep(0.5)  # they have registered by then; a phone that has not is a 480 and a failed test
    first = await telephone(options(home(daemon), "200", play=said, loop=True), caller)
    assert (first, *await asyncio.gather(*others)) == (0, 0, 0)
    both = read_wav(heard)
    assert found_pieces(speechlike(4.0, 7)[:6000], both[:, 0]) >= CLEAR
