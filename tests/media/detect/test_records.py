"""The search for an answerer on its way to a worker, and what it found on its way back."""

from __future__ import annotations

from typing import Any

import pytest

from media.events import decode
from media.face import Answerer
from media.port import Port
from media.protocol import ANSWERER_REASONS, ANSWERERS, Command, Event, pack, records


class Link:
    """Takes what a port sends."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, tuple[Any, ...]]] = []

    def send(self, record: bytes) -> None:
        self.sent += [(kind, fields) for kind, _, _, fields, _ in records(record)]


def test_a_port_asks_and_leaves_off() -> None:
    link = Link()
    port = Port(link, 3, 1, ("127.0.0.1", 20002), lambda _: None)  # type: ignore[arg-type]
    port.find_answerer("fast")
    port.find_answerer("beep")
    port.stop_answerer()
    assert link.sent == [(Command.FIND_ANSWERER, (0,)), (Command.FIND_ANSWERER, (1,)), (Command.STOP_ANSWERER, ())]
    port.release()
    port.find_answerer("fast")
    assert len(link.sent) == 4


@pytest.mark.parametrize("beep", [0.0, 1234.5])
@pytest.mark.parametrize("who", ANSWERERS)
def test_what_was_found_comes_back_whole(who: Any, beep: float) -> None:
    port = Port(Link(), 3, 1, ("127.0.0.1", 20002), lambda _: None)  # type: ignore[arg-type]
    for reason in ANSWERER_REASONS:
        fields = (ANSWERERS.index(who), 0.96, 1235.0, 1, beep, ANSWERER_REASONS.index(reason))
        [(kind, _, _, got, strings)] = records(pack(Event.ANSWERER, 3, 1, *fields))
        assert decode(port, kind, got, strings) == Answerer(port, who, 0.96, 1235.0, True, beep or None, reason)
