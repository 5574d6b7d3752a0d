"""What a call costs in the signalling core alone: no socket, no flow, no record.

    python tests/bench/sip_core.py [CALLS]

Inbound: INVITE with SDP, 200 with SDP, ACK, BYE, all parsed and built; with the negotiation of the answer and without.
Outbound: our INVITE, 180, 200, ACK, our BYE. Refused: an INVITE answered 503 while overloaded.
"""

from __future__ import annotations

import gc
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ivr.sip import Answered, Ended, Flow, IncomingCall, Stack, StackConfig
from ivr.sip.negotiate import Capabilities, answer
from tests.kit.sip import A, B, invite, reply, sdp

CALLS = 20_000
RATE = 1000.0
"""Calls a second of the clock that the stack is told: transactions and timers live as long as they would."""
CAPABILITIES = Capabilities()
ANSWER = sdp("192.0.2.2")


def invite_bytes(number: int) -> bytes:
    body = sdp()
    return (
        f"INVITE sip:100@192.0.2.2:5060 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-{number}-1;rport\r\n"
        f"From: caller <sip:caller@192.0.2.1:5060>;tag=t{number}\r\nTo: <sip:100@192.0.2.2:5060>\r\n"
        f"Call-ID: {number}-bench@192.0.2.1\r\nCSeq: 1 INVITE\r\nContact: <sip:caller@192.0.2.1:5060>\r\n"
        f"Max-Forwards: 70\r\nSubject: bench\r\nContent-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


def follow(method: str, cseq: int, number: int, to: str) -> bytes:
    return (
        f"{method} sip:192.0.2.2:5060 SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK-{number}-{method};rport\r\n"
        f"From: caller <sip:caller@192.0.2.1:5060>;tag=t{number}\r\nTo: {to}\r\n"
        f"Call-ID: {number}-bench@192.0.2.1\r\nCSeq: {cseq} {method}\r\nContact: <sip:caller@192.0.2.1:5060>\r\n"
        f"Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    ).encode()


def to_of(response: bytes) -> str:
    start = response.index(b"\r\nTo: ") + 6
    return response[start : response.index(b"\r\n", start)].decode()


def stack() -> Stack:
    return Stack(StackConfig(), os.urandom)


def inbound(calls: int, negotiate: bool) -> float:
    """Microseconds per call."""
    core, flow = stack(), Flow("udp", B, A)
    clock = time.perf_counter
    spent = 0.0
    for number in range(calls):
        now = number / RATE
        first = invite_bytes(number)
        started = clock()
        core.receive(first, flow, now)
        event = core.next_event()
        assert isinstance(event, IncomingCall)
        session = event.session
        if negotiate:
            assert session.remote_sdp is not None
            local, _ = answer(session.remote_sdp, CAPABILITIES, "192.0.2.2", 20002, session_id=number, version=1)
            session.answer(local.encode(), now)
        else:
            session.answer(ANSWER, now)
        core.next_event()
        sent = core.outgoing.popleft()[0]
        spent += clock() - started
        to = to_of(sent)
        ack, bye = follow("ACK", 1, number, to), follow("BYE", 2, number, to)
        started = clock()
        core.receive(ack, flow, now + 0.0002)
        core.next_event()
        core.next_event()
        core.receive(bye, flow, now + 0.0004)
        event = core.next_event()
        core.next_event()
        core.outgoing.popleft()
        when = core.next_timer()
        if when is not None and when <= now:
            core.handle_timer(now)
        spent += clock() - started
        assert isinstance(event, Ended)
    return spent / calls * 1e6


def outbound(calls: int) -> float:
    """Microseconds per call."""
    core, flow = stack(), Flow("udp", A, B)
    clock = time.perf_counter
    spent = 0.0
    contact = "Contact: <sip:100@192.0.2.2:5060>\r\n"
    for number in range(calls):
        now = number / RATE
        started = clock()
        session = core.invite(invite(flow), now)
        sent = core.outgoing.popleft()[0]
        spent += clock() - started
        ringing, ok = reply(sent, 180, headers=contact), reply(sent, 200, headers=contact, body=ANSWER)
        started = clock()
        core.receive(ringing, flow, now)
        core.next_event()
        core.receive(ok, flow, now)
        event = core.next_event()
        core.outgoing.popleft()
        session.hangup(now)
        sent = core.outgoing.popleft()[0]
        spent += clock() - started
        assert isinstance(event, Answered)
        ok = reply(sent, 200)
        started = clock()
        core.receive(ok, flow, now)
        core.next_event()
        when = core.next_timer()
        if when is not None and when <= now:
            core.handle_timer(now)
        spent += clock() - started
    return spent / calls * 1e6


def refused(calls: int) -> float:
    """Microseconds per call."""
    core, flow = stack(), Flow("udp", B, A)
    core.overloaded = True
    messages = [invite_bytes(number) for number in range(calls)]
    started = time.perf_counter()
    for data in messages:
        core.receive(data, flow, 1.0)
        core.next_event()
        core.outgoing.popleft()
    return (time.perf_counter() - started) / calls * 1e6


def main() -> None:
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else CALLS
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    inbound(500, True)
    print(f"{'inbound call, fixed answer':32}{inbound(calls, False):8.1f} µs")
    print(f"{'inbound call, negotiated':32}{inbound(calls, True):8.1f} µs")
    print(f"{'outbound call':32}{outbound(calls):8.1f} µs")
    print(f"{'refused call (503)':32}{refused(calls):8.1f} µs")


if __name__ == "__main__":
    main()
