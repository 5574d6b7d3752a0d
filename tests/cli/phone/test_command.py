"""The command line of `ivr phone`: what is refused, exit codes, what is printed."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from ivr.cli.main import cli
from ivr.cli.phone.command import Options, Plain
from ivr.cli.phone.engine import CallView
from ivr.cli.phone.making import make_own
from ivr.cli.phone.script import parse_script
from media import MediaError
from tests.cli.phone.fake import FakeEngine
from tests.endpoint.phones import options


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["phone", *arguments])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--codecs", "gsm"), "of pcma, pcmu, g722, opus"),
        (("--listen", "127.0.0.1"), "like udp:192.0.2.7:5060"),
        (("--duration", "soon"), "not a duration"),
        (("--play", "/nowhere/at/all.wav"), "does not exist"),
        (("--script", "/nowhere/at/all.txt"), "the script cannot be read"),
        (("--play", "/etc/passwd"), "/etc/passwd cannot be played"),
        (("--record", "/nowhere/at/all.wav"), "there is no folder /nowhere/at"),
        (("--keys", "12x"), "keys are of 0123456789*#ABCD"),
    ],
)
def test_a_wrong_command_line(arguments: tuple[str, ...], says: str) -> None:
    done = invoke("sip:x@127.0.0.1", "--silent", *arguments)
    assert done.exit_code == 2
    assert says in done.output


def test_a_wrong_script_is_refused_before_anybody_is_called(tmp_path: Path) -> None:
    script = tmp_path / "call.txt"
    script.write_text("call 100\nwait tea\nhang\n")
    done = invoke("sip:x@127.0.0.1", "--silent", "--script", str(script))
    assert done.exit_code == 2
    assert f"{script}:2" in done.output and f"{script}:3" in done.output


def test_a_phone_that_the_configuration_does_not_have(config_file: Path) -> None:
    done = invoke("--config", str(config_file), "--as", "999", "--silent")
    assert done.exit_code == 2
    assert "no phone '999'; it has 200, 201" in done.output


def test_without_pyaudio_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "pyaudio" else found(name))
    done = invoke("sip:x@127.0.0.1")
    assert done.exit_code == 1
    assert "portaudio19-dev" in done.output and "--play FILE or --silent" in done.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("sip:x@127.0.0.1", "--silent", "--listen", "udp:192.0.2.7:5060"), "ivr: udp:192.0.2.7:5060: cannot listen"),
        (("--silent", "--listen", "udp:192.0.2.7:5060"), "ivr: udp:192.0.2.7:5060: cannot listen"),
        (("sip:x@127.0.0.1", "--input", "no such card"), "no such card"),
    ],
)
def test_what_cannot_be_opened_is_said_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], says: str
) -> None:
    def no_card(*_: object, **__: object) -> object:
        raise MediaError("no input device 'no such card'; there are: none")

    monkeypatch.setattr("media.devices.CardDevice", no_card)
    monkeypatch.setattr(importlib.util, "find_spec", lambda *_: object())
    done = invoke(*arguments)
    assert done.exit_code == 1
    assert says in done.output and "Traceback" not in done.output


def test_scripts_call_numbers_of_the_daemon(monkeypatch: pytest.MonkeyPatch, config_file: Path, tmp_path: Path) -> None:
    script = tmp_path / "call.txt"
    script.write_text("call 100\n")
    seen: list[Options] = []
    module = sys.modules["ivr.cli.phone.command"]  # the package's own name for it is the command
    monkeypatch.setattr(module, "run", lambda what, *_, **__: seen.append(what) or 0)
    for more in (["--script", str(script)], []):
        assert CliRunner().invoke(cli, ["--config", str(config_file), "phone", "--silent", *more]).exit_code == 0
    assert [one.home != "" for one in seen] == [True, False]


def test_without_textual_events_are_printed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = sys.modules["ivr.cli.phone.command"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(module, "make_engine", lambda what: FakeEngine())
    monkeypatch.setattr(module.Plain, "run", lambda self, steps: asyncio.sleep(0, 7))
    assert module.run(options("sip:127.0.0.1"), None, as_json=False, plain=False) == 7
    assert "ivr[phone]" in capsys.readouterr().err


def test_tones_are_not_offered_beside_events() -> None:
    assert make_own(options("sip:127.0.0.1", dtmf="tones"))._config.capabilities.dtmf is False
    assert make_own(options("sip:127.0.0.1", dtmf="info"))._config.capabilities.dtmf is True


def test_where_it_listens() -> None:
    def listens(home: str) -> object:
        return make_own(options(home))._config.listen

    assert listens("sip:127.0.0.1:5070") == ("udp", "127.0.0.1", 0)
    assert listens("pbx.example.net") == ("udp", "0.0.0.0", 0)
    assert listens("sip:pbx.example.net;transport=tls") is None


async def plain(engine: FakeEngine, script: str | None = None, *, as_json: bool = False, **more: object) -> int:
    what = options("sip:127.0.0.1", **{"target": "100", **more})  # type: ignore[arg-type]
    return await Plain(what, engine, as_json=as_json).run(None if script is None else parse_script(script))


@pytest.mark.parametrize("as_json", [False, True])
async def test_events_as_text_and_as_json(capsys: pytest.CaptureFixture[str], as_json: bool) -> None:
    engine, loop = FakeEngine(), asyncio.get_running_loop()
    loop.call_later(0.01, lambda: engine.say("answered", "connected with 100"))
    loop.call_later(0.02, lambda: engine.say("ended", "the call is over", cause="bye", status=None))
    assert await plain(engine, as_json=as_json, keys="12", dtmf="info") == 0
    assert engine.done == ["dial 100", "keys 12 info"] and engine.closed
    lines = capsys.readouterr().out.splitlines()
    if as_json:
        told = json.loads(lines[-1])
        assert (told["event"], told["cause"], "status" in told) == ("ended", "bye", False)
    else:
        assert [line[9:] for line in lines] == ["connected with 100", "the call is over"]


async def test_exit_codes() -> None:
    refused = FakeEngine()
    asyncio.get_running_loop().call_later(0.01, lambda: refused.say("ended", cause="refused"))
    assert await plain(refused) == 1
    fails = FakeEngine()
    assert await plain(fails, "expect answered") == 1
    assert fails.closed
    stands = FakeEngine()
    stands.view = CallView("answered")
    assert await plain(stands, "expect answered") == 0


async def test_a_call_is_hung_up_after_its_duration() -> None:
    engine = FakeEngine()
    loop = asyncio.get_running_loop()
    loop.call_later(0.01, lambda: engine.say("answered"))
    loop.call_later(0.1, lambda: engine.say("ended"))
    assert await plain(engine, duration=0.02) == 0
    assert engine.done == ["dial 100", "hang up"]
