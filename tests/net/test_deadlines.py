"""When connections are closed and pinged, in numbers alone."""

from __future__ import annotations

from ivr.net import deadlines
from ivr.net.deadlines import Deadlines


def test_a_peer_has_to_finish_its_handshake_and_then_to_say_something() -> None:
    times = Deadlines(100.0, incoming=True, websocket=False)
    assert times.over() == (100.0 + deadlines.HANDSHAKE_SECONDS, "no handshake")
    times.open = True
    assert times.over() == (100.0 + deadlines.HANDSHAKE_SECONDS + deadlines.FIRST_SECONDS, "it says nothing")
    times.took(105.0)
    assert times.over() == (105.0 + deadlines.IDLE_SECONDS, "idle")
    assert times.ping() is None


def test_one_of_ours_opens_soon_or_never() -> None:
    times = Deadlines(1.0, incoming=False, websocket=False)
    assert times.over() == (1.0 + deadlines.OPEN_SECONDS, "no handshake")
    assert times.ping() is None


def test_a_message_that_has_begun_has_to_end_however_it_drips() -> None:
    times = Deadlines(0.0, incoming=True, websocket=False)
    times.open = True
    times.took(1.0)
    assert times.follow(True, 2.0) == 2.0 + deadlines.MESSAGE_SECONDS
    assert times.follow(True, 5.0) is None
    assert times.over() == (2.0 + deadlines.MESSAGE_SECONDS, "a message takes too long")
    assert times.follow(False, 6.0) is None
    assert times.over()[1] == "idle"


def test_only_who_is_known_to_answer_pings_has_to() -> None:
    times = Deadlines(0.0, incoming=False, websocket=False)
    times.open = True
    first = times.next()
    assert first == times.ping() == deadlines.PING_SECONDS
    times.pinged(first)
    assert times.over()[1] == "idle"
    times.ponged()
    times.pinged(first + 1)
    assert times.over() == (first + deadlines.PONG_SECONDS, "no pong")
    times.took(first + 2)
    assert times.over()[1] == "idle"
    assert times.ping() == first + 2 + deadlines.PING_SECONDS


def test_a_web_socket_is_pinged_from_either_side_and_has_to_answer() -> None:
    times = Deadlines(0.0, incoming=True, websocket=True)
    times.open = True
    times.took(0.0)
    assert times.ping() == deadlines.WEBSOCKET_PING_SECONDS
    times.pinged(30.0)
    assert times.over() == (30.0 + deadlines.PONG_SECONDS, "no pong")
