"""The phone with phones that others wrote: baresip, and pyVoIP as its second engine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from ivr.cli.phone.command import Plain, make_engine
from ivr.cli.phone.script import parse_script
from tests.conftest import free_port
from tests.endpoint.phones import options, telephone
from tests.interop.conftest import make_config
from tests.interop.test_pyvoip import interpreter  # noqa: F401 - a fixture
from tests.kit.baresip import Phone
from tests.kit.daemon import Daemon
from tests.kit.sound import CLEAR, found_pieces, read_wav, speechlike, write_wav

pytestmark = pytest.mark.interop


async def test_baresip_calls_hears_presses_keys_is_held_and_hung_up(tmp_path: Path) -> None:
    said, source, heard = tmp_path / "said.wav", tmp_path / "source.wav", tmp_path / "heard.wav"
    write_wav(said, speechlike(4.0, 7))
    write_wav(source, speechlike(20.0, 8))
    port = free_port()
    script = """
        wait incoming within 15s
        answer
        wait answered
        wait heard 1s
        wait key 5 within 10s
        wait key # within 10s
        hold
        wait held
        resume
        wait resumed
        sleep 500ms
        hang up
    """
    what = options("sip:127.0.0.1", listen=("udp", "127.0.0.1", port), play=said, loop=True, record=heard)
    phone = asyncio.create_task(Plain(what, make_engine(what), as_json=True).run(parse_script(script)))

    def peer() -> Path:
        with Phone(tmp_path / "baresip", port, "bare", None, source) as other:
            other.call("phone")
            other.wait_event("CALL_ESTABLISHED", 15.0)
            other.press("5#")
            other.wait_event("CALL_CLOSED", 15.0)
            return other.heard()

    theirs = await asyncio.to_thread(peer)
    assert await phone == 0
    assert found_pieces(speechlike(20.0, 8)[:8000], read_wav(heard)[:, 0]) >= CLEAR
    assert found_pieces(speechlike(4.0, 7)[:8000], read_wav(theirs)[:, 0]) >= CLEAR


FLOW = {
    "menu": """
        elements:
          start: {type: start_incoming_call, numbers: ["110"], answer: {after: 1s}, next: sound}
          sound: {type: play, file: played.wav, interruptible: true, next: ask}
          ask: {type: collect, wait: 10s, terminator: none, responses: {"5#": right}, branches: {no_match: done}}
          right: {type: play, file: played.wav, next: done}
          done: {type: hang_up}
    """,
}


@pytest.mark.heavy
async def test_pyvoip_calls_presses_keys_as_tones_and_is_called(
    tmp_path: Path,
    interpreter: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IVR_PYVOIP_PYTHON", str(interpreter))
    config = make_config(tmp_path / "daemon", FLOW)
    text = config.read_text().replace("sip: {", "sip: {legacy_digest: true, ")  # pyVoIP knows no qop
    config.write_text(text.replace("workers: 1", "workers: 1, inband: always"))
    said, heard, called = tmp_path / "said.wav", tmp_path / "heard.wav", tmp_path / "called.wav"
    write_wav(said, speechlike(4.0, 7))
    dials = "call 110\nwait answered within 15s\nwait heard 1s\nkeys 5#\nwait heard 2s\nhang up\nwait ended"
    is_called = "wait incoming within 15s\nanswer\nwait answered\nwait heard 1s\nhang up\nwait ended"
    with Daemon(config) as daemon:
        home = f"sip:127.0.0.1:{daemon.sip_port}"

        def pyvoip(record: Path) -> Any:
            return options(home, "201", engine="pyvoip", record=record)

        assert await telephone(pyvoip(heard), dials) == 0
        assert "right" in [step["element"] for step in daemon.records(1)[-1]["path"]]
        waiting = asyncio.create_task(telephone(pyvoip(called), is_called))
        caller = options(home, "200", play=said)
        calls = "sleep 2s\ncall 201\nwait answered within 15s\nwait ended"
        assert (await telephone(caller, calls), await waiting) == (0, 0)
    for path in (heard, called):
        assert found_pieces(speechlike(4.0, 7)[:6000], read_wav(path)[:, 0]) >= CLEAR, path


def test_nothing_of_ours_imports_pyvoip() -> None:
    """It is GPL: a program of its own that is run by command."""
    root = Path(__file__).resolve().parents[2] / "ivr"
    texts = {path.name: path.read_text() for path in root.rglob("*.py")}
    assert [name for name, text in texts.items() if "from pyVoIP" in text or "import pyVoIP\n" in text] == [
        "pyvoip_child.py"
    ]
    assert not [name for name, text in texts.items() if "import pyvoip_child" in text or "pyvoip_child import" in text]
