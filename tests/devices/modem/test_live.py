"""A real daemon behind a modem on a pty: a call comes in, is spoken to and recorded, a modem is pulled out, a call goes
out to somebody who is busy. What is heard is measured at the other end of the telephone line."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ivr.settings import load_settings
from tests.interop.conftest import make_config
from tests.kit.daemon import Daemon
from tests.kit.modem import Caller, Office, level_of, tone
from tests.kit.sound import read_wav, write_wav

LOUD = 5000.0
"""Of a prompt of 8000: it has passed G.711 twice, and resampled by nothing."""

FLOWS = {
    "desk": """
        elements:
          start: {type: start_incoming_call, numbers: ["4200"], next: hello}
          hello: {type: play, file: hello.wav, interruptible: true, next: ask, branches: {call_ended: lost}}
          ask: {type: collect, max_digits: 1, wait: 20s, responses: {"5": taken},
                branches: {no_match: done, no_input: done}}
          taken: {type: play, file: taken.wav, next: keep}
          keep: {type: record_voicemail, max_duration: 20s, beep: false, max_silence: 0s, branches:
                 {voicemail_recorded: done, user_hung_up: left}}
          done: {type: hang_up}
          left: {type: hang_up}
          lost: {type: hang_up}
    """
}


def reached(condition: Callable[[], Any], what: str, why: Callable[[], str], seconds: float = 30.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"{what}: not within {seconds:g} s\n{why()}"
        time.sleep(0.03)
    return found


def test_a_daemon_on_a_modem(tmp_path: Path) -> None:
    with Office(ring=(0.3, 0.4), id_first=True, quick=True) as office:
        modem, phone = office.modem("usr5637", "100"), office.phone("9200")
        line = f"lines:\n  modem: {{type: modem, port: {modem.port}, number: '4200', answer_after_rings: 1}}\n"
        config = make_config(tmp_path / "it", FLOWS, extra=line)
        write_wav(config.parent / "prompts" / "hello.wav", tone(1000, 2.0).astype(float))
        write_wav(config.parent / "prompts" / "taken.wav", tone(1500, 0.5).astype(float))

        def hears(hertz: float) -> bool:
            return level_of(phone.recorded()[-4000:], hertz) > LOUD

        with Daemon(config) as daemon:

            def usable() -> bool:
                return bool(daemon.get("/v1/lines")["lines"][0]["usable"])

            reached(usable, "a modem", daemon.log)

            phone.call("100", Caller("5551234", "ADA"))
            reached(lambda: hears(1000), "the prompt", daemon.log)
            phone.press("5", 0.2)
            reached(lambda: hears(1500), "the branch of the key", daemon.log)
            reached(lambda: modem.commands[-1] == "AT+VRX", "the modem turns to hearing", daemon.log)
            phone.play(tone(600, 0.6))
            time.sleep(0.8)
            phone.hang()
            (record,) = daemon.records(1)
            assert (record["line"], record["caller"], record["cause"]) == ("modem", "5551234", "user_hung_up")
            assert [step["element"] for step in record["path"]] == ["start", "hello", "ask", "taken", "keep", "left"]
            (recording,) = load_settings(config).recordings.rglob("*.wav")
            assert level_of(read_wav(recording)[:, 0].astype(np.int16), 600) > LOUD

            reached(lambda: not modem.modem.line.off_hook, "the modem on hook", daemon.log)
            phone.call("100", Caller("P"))
            reached(lambda: hears(1000), "the prompt", daemon.log)
            modem.unplug()
            unplugged = time.time()
            record = daemon.records(2)[-1]
            assert (record["caller"], record["cause"]) == ("", "network")
            assert record["path"][-1]["element"] == "lost"
            assert record["ended_at"] - unplugged < 1.0
            reached(lambda: not usable(), "a line that cannot be used", daemon.log)
            modem.plug()
            reached(usable, "the modem again", daemon.log)

            daemon.post("/v1/calls", {"to": "9200", "line": "modem", "say": "hello"})  # it is off the hook
            record = daemon.records(3)[-1]
            assert record["details"]["attempts"][-1]["outcome"] == "busy"
            phone.hang()
        assert not modem.modem.line.off_hook
