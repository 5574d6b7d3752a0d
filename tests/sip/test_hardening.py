"""What an attacker meets: tables at their bounds, names that cannot be guessed, hooks that tell of him."""

from __future__ import annotations

import os

import pytest

from ivr.sip import Ended, Flow, IncomingCall, Rejected, Stack, StackConfig, parse_message
from tests.kit.sip import A, B, Peer, invite, make_stack, request, sdp


def call(peer: Peer, number: int) -> tuple[IncomingCall, str]:
    """A call that stands; the To value of its dialog."""
    name = f"call-{number}"
    peer.receive(request(body=sdp(), call_id=name, branch=f"z9hG4bKi{number}"))
    (event,) = peer.events()
    assert isinstance(event, IncomingCall)
    event.session.answer(sdp(B[0]), peer.now)
    to = parse_message(peer.sent()[-1]).get("To") or ""
    peer.receive(request("ACK", branch=f"z9hG4bKa{number}", call_id=name, to=to))
    peer.events()
    return event, to


def fill(peer: Peer, first: int = 100, count: int = 50) -> list[int]:
    """INVITEs of somebody who goes on with none of them; the statuses, 0 for one that was let in."""
    statuses = []
    for number in range(first, first + count):
        answers = peer.receive(request(body=sdp(), call_id=f"flood-{number}", branch=f"z9hG4bKf{number}"))
        statuses.append(int(answers[-1].split()[1]) if answers else 0)
    return statuses


# Tables at their bounds


@pytest.mark.parametrize("limits", [{"max_transactions": 12}, {"max_sessions": 6}])
def test_calls_that_stand_go_on_and_end_while_the_tables_are_full(limits: dict[str, int]) -> None:
    peer = Peer(make_stack(**limits))
    standing = [call(peer, number) for number in range(3)]
    assert fill(peer)[-20:] == [503] * 20
    peer.events()
    peer.sent()
    before = peer.stack.counts
    fill(peer, 200)
    assert peer.stack.counts == before, "a refused call leaves nothing behind"
    for number, (event, to) in enumerate(standing):
        bye = request("BYE", branch=f"z9hG4bKb{number}", call_id=f"call-{number}", to=to, cseq=2)
        assert peer.status(bye) == 200
        assert peer.status(bye) == 200, "and its repetition"
        assert event.session.ended
    assert sum(isinstance(event, Ended) for event in peer.events()) == 3


def test_a_call_can_be_cancelled_while_the_tables_are_full() -> None:
    peer = Peer(make_stack(max_transactions=4))
    peer.receive(request(body=sdp(), call_id="mine", branch="z9hG4bKmine"))
    (event,) = peer.events()
    fill(peer)
    peer.events()
    peer.sent()
    answers = peer.receive(request("CANCEL", call_id="mine", branch="z9hG4bKmine"))
    statuses = sorted(int(data.split()[1]) for data in (*answers, *peer.sent()))
    assert statuses == [200, 487]
    assert event.session.ended


def test_everything_is_given_back_when_a_flood_is_over() -> None:
    peer = Peer(make_stack(max_transactions=200, max_sessions=100))
    fill(peer, count=300)
    for event in peer.events():
        if isinstance(event, IncomingCall):
            event.session.reject(503, peer.now)
    peer.wait(120.0)
    assert peer.stack.counts == (0, 0, 0, 0)


def test_answers_without_memory_are_the_same_for_a_repetition() -> None:
    peer = Peer(make_stack(max_sessions=1))
    call(peer, 1)
    message = request(body=sdp(), call_id="second", branch="z9hG4bKsecond")
    assert peer.receive(message) == peer.receive(message)


# Names


def test_no_name_of_ours_can_be_guessed_from_the_others() -> None:
    stack = Stack(StackConfig(), os.urandom)
    names: dict[str, list[str]] = {"Call-ID": [], "tag": [], "branch": []}
    for _ in range(300):
        session = stack.invite(invite(Flow("udp", A, B)), 1.0)
        data, _ = stack.outgoing.pop()
        message = parse_message(data)
        names["Call-ID"].append(session.call_id.partition("@")[0])
        names["tag"].append(session.local_tag)
        names["branch"].append((message.top_via.branch or "").removeprefix("z9hG4bK"))
    for kind, values in names.items():
        assert len(set(values)) == 300, kind
        assert min(map(len, values)) >= 16, f"{kind}: 64 bits"
        # A counter or a clock would leave digits that hardly change.
        assert all(len({value[place] for value in values}) > 8 for place in range(16)), kind


@pytest.mark.parametrize("tag", ["wrong", "a1x", "A1"])
def test_a_request_in_a_call_needs_both_tags(tag: str) -> None:
    peer = Peer()
    event, to = call(peer, 1)
    ours = to.partition(";tag=")
    forged = [
        request("BYE", call_id="call-1", branch="z9hG4bKx1", to=f"{ours[0]};tag={tag}", cseq=2),
        request("BYE", call_id="call-1", branch="z9hG4bKx2", to=to, from_=f"<sip:alice@192.0.2.1>;tag={tag}", cseq=2),
        request("BYE", call_id="call-1x", branch="z9hG4bKx3", to=to, cseq=2),
    ]
    for message in forged:
        assert peer.status(message) == 481
    assert not event.session.ended


def test_an_older_request_in_a_call_is_refused() -> None:
    peer = Peer()
    event, to = call(peer, 1)
    assert peer.status(request("INFO", call_id="call-1", branch="z9hG4bKn1", to=to, cseq=9)) in (200, 415)
    assert peer.status(request("BYE", call_id="call-1", branch="z9hG4bKn2", to=to, cseq=5)) == 500
    assert not event.session.ended


def test_a_response_with_another_branch_or_method_is_nobodys() -> None:
    peer = Peer()
    session = peer.stack.invite(invite(Flow("udp", B, A)), peer.now)
    (data,) = peer.sent()
    head = data.partition(b"\r\n")[2]
    answer = b"SIP/2.0 486 Busy Here\r\n" + head.replace(b"\r\nCSeq", b";tag=t\r\nCSeq", 1)
    for old, new in ((b"branch=z9hG4bK", b"branch=z9hG4bKx"), (b" INVITE\r\n", b" BYE\r\n")):
        peer.receive(answer.replace(old, new))
    assert not [event for event in peer.events() if isinstance(event, Rejected)]
    assert not session.ended


# Hooks


def test_malformed_messages_and_probes_are_told_and_keep_alives_are_not() -> None:
    peer = Peer()
    told: list[tuple[str, str]] = []
    peer.stack.on_bad = lambda flow, kind: told.append((flow.remote[0], kind))
    for data in (b"\r\n\r\n", b"\0" * 100, b"\0\1\0\0" + bytes(40)):
        peer.receive(data)
    assert told == []
    peer.receive(b"\xff" * 300)
    peer.receive(b"INVITE sip:a@b SIP/2.0\r\nVia: nonsense\r\n\r\n")
    peer.stack.refuse_unframed(request("INFO"), "no length", 400, Flow("tcp", B, A, 1))
    peer.receive(request(body=sdp(), contact="<sip:a@b", branch="z9hG4bKd", call_id="d"))
    assert told == [("192.0.2.1", "malformed")] * 4
    peer.receive(request("OPTIONS"))
    assert told[4:] == [("192.0.2.1", "probe")]
    peer.receive(request(body=sdp()))
    assert len(told) == 5


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE", "REGISTER"])
def test_who_is_not_wanted_gets_no_answer(method: str) -> None:
    peer = Peer()
    peer.stack.unwanted = lambda flow, agent: "scan" in agent
    body = sdp() if method == "INVITE" else b""
    assert peer.receive(request(method, headers="User-Agent: a-scanner\r\n", body=body)) == []
    assert peer.events() == []
    assert peer.sent() == []
    peer.receive(request(method, headers="User-Agent: a-phone\r\n", branch="z9hG4bKok", call_id="ok", body=body))
    assert peer.events() or method == "OPTIONS"


def test_who_is_preferred_is_served_in_an_overload() -> None:
    peer = Peer()
    peer.stack.overloaded = True
    assert peer.status(request("OPTIONS")) == 503
    peer.stack.preferred = lambda host: host == A[0]
    assert peer.status(request("OPTIONS", branch="z9hG4bKp")) == 200
    peer.receive(request(body=sdp(), branch="z9hG4bKq", call_id="q"))
    assert isinstance(peer.events()[0], IncomingCall)
