"""An engine that does what the test says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ivr.cli.phone.engine import IDLE, CallView, PhoneError, PhoneEvent, PhoneView


class FakeEngine:
    """Keeps what it is told; `view` is what a screen sees of the call."""

    def __init__(self) -> None:
        self.on_event: Callable[[PhoneEvent], None] = lambda event: None
        self.view = IDLE
        self.account = PhoneView("sip:200@pbx.example.net", True)
        self.done: list[str] = []
        self.refuses = ""
        self.starts = True
        self.closed = False

    def say(self, kind: str, text: str = "", **fields: object) -> None:
        self.on_event(PhoneEvent(kind, text or kind, fields))

    async def start(self) -> None:
        if not self.starts:
            raise PhoneError("not registered: 403 Forbidden")

    async def close(self) -> None:
        self.closed = True

    def phone(self) -> PhoneView:
        return self.account

    def call(self) -> CallView:
        return self.view

    def _do(self, what: str) -> None:
        if self.refuses:
            raise PhoneError(self.refuses)
        self.done.append(what)

    def dial(self, target: str) -> None:
        self._do(f"dial {target}")

    def answer(self) -> None:
        self._do("answer")

    def reject(self, status: int = 486) -> None:
        self._do(f"reject {status}")

    def hang_up(self) -> None:
        self._do("hang up")

    def keys(self, keys: str, way: str | None = None) -> None:
        self._do(f"keys {keys} {way or 'agreed'}")

    def hold(self) -> None:
        self._do("hold")

    def resume(self) -> None:
        self._do("resume")

    def mute(self, muted: bool) -> None:
        self._do(f"mute {muted}")

    def transfer(self, target: str) -> None:
        self._do(f"transfer {target}")

    def connect(self) -> None:
        self._do("connect")

    def swap(self) -> None:
        self._do("swap")

    def play(self, path: Path) -> None:
        self._do(f"play {path}")

    def record(self, path: Path) -> None:
        self._do(f"record {path}")
