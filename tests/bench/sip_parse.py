"""What the SIP message layer costs: `python tests/bench/sip_parse.py` prints a table, µs of CPU each (best of repeats).

Calls differ in number, tags, branch, Call-ID and ports, so that nothing is parsed twice.
"""

from __future__ import annotations

import gc
import platform
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from ivr.sip.making import make_request, make_response
from ivr.sip.message import Request
from ivr.sip.negotiate import Capabilities, answer
from ivr.sip.parser import parse_message
from ivr.sip.sdp import Sdp

MESSAGES = 2000
REPEATS = 15


def invite(n: int) -> bytes:
    """An INVITE as a desk phone behind a proxy sends it, 1.3 kB."""
    sdp = (
        f"v=0\r\no=- 20{n:06d} 1 IN IP4 198.51.100.{n % 250}\r\ns=call\r\nc=IN IP4 198.51.100.{n % 250}\r\nt=0 0\r\n"
        f"m=audio {20000 + n * 2} RTP/AVP 8 0 9 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\n"
        "a=rtpmap:9 G722/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n"
        "a=maxptime:150\r\na=rtcp-fb:* nack\r\na=sendrecv\r\n"
    )
    return (
        f"INVITE sip:+4930555{n:05d}@ivr.example.com:5060;transport=udp SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP 203.0.113.10:5060;branch=z9hG4bK{n:08x}.1;rport\r\n"
        f"Via: SIP/2.0/UDP 198.51.100.{n % 250}:5062;branch=z9hG4bK-524287-{n:016x};rport=5062\r\n"
        "Record-Route: <sip:203.0.113.10;lr;ftag=ab12>\r\n"
        "Max-Forwards: 69\r\n"
        f'From: "Alice Example {n}" <sip:+4940777{n:05d}@sip.example.net>;tag=as{n:08x}\r\n'
        f"To: <sip:+4930555{n:05d}@ivr.example.com>\r\n"
        f"Call-ID: {n:032x}@198.51.100.7\r\n"
        "CSeq: 102 INVITE\r\n"
        f"Contact: <sip:+4940777{n:05d}@198.51.100.{n % 250}:5062;transport=udp>\r\n"
        "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH, MESSAGE, UPDATE\r\n"
        "Supported: replaces, timer, 100rel\r\n"
        "Accept: application/sdp, application/dtmf-relay\r\n"
        "User-Agent: Example Phone 5.10.3.2 (a1b2c3)\r\n"
        f"P-Asserted-Identity: <sip:+4940777{n:05d}@sip.example.net>\r\n"
        "Session-Expires: 1800;refresher=uac\r\nMin-SE: 90\r\n"
        "Content-Type: application/sdp\r\n"
        f"Content-Length: {len(sdp)}\r\n\r\n{sdp}"
    ).encode()


def call_headers(data: bytes) -> Request:
    """Parse, and touch every header that a call needs."""
    message = parse_message(data)
    assert isinstance(message, Request)
    _ = (message.vias, message.from_.tag, message.to.tag, message.call_id, message.cseq, message.contacts)
    _ = (message.max_forwards, message.content_type, message.uri.user)
    return message


def whole(data: bytes) -> Sdp:
    """The same, and the session description."""
    return Sdp.parse(call_headers(data).body)


def measure(job: Callable[[int], object], count: int) -> float:
    """µs of CPU each, the best of some rounds."""
    best = float("inf")
    for _ in range(REPEATS):
        start = time.process_time()
        for i in range(count):
            job(i)
        best = min(best, time.process_time() - start)
    return best / count * 1e6


def machine() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")


def main() -> None:
    datagrams = [invite(n) for n in range(MESSAGES)]
    requests = [call_headers(data) for data in datagrams]
    offers = [Sdp.parse(request.body) for request in requests]
    caps = Capabilities()

    def agree(i: int) -> bytes:
        return answer(offers[i], caps, "192.0.2.1", 30000, session_id=1, version=1)[0].encode()

    bodies = [agree(i) for i in range(MESSAGES)]

    def ok(i: int) -> bytes:
        return make_response(
            requests[i],
            200,
            to_tag="a1b2c3d4",
            contact="sip:192.0.2.1:5060",
            body=bodies[i],
            content_type="application/sdp",
        ).encode()

    def bye(i: int) -> bytes:
        request = requests[i]
        return make_request(
            "BYE",
            request.contacts[0].uri,
            call_id=request.call_id,
            cseq=1,
            from_=request.to,
            to=request.from_,
            via="SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1",
            routes=request.record_routes,
        ).encode()

    rows: Sequence[tuple[str, Callable[[int], object]]] = (
        ("yardstick of the machine: sum(range(100))", lambda i: sum(range(100))),
        ("parse an INVITE, all headers of a call", lambda i: call_headers(datagrams[i])),
        ("parse its session description", lambda i: Sdp.parse(requests[i].body)),
        ("both", lambda i: whole(datagrams[i])),
        ("answer the offer, encoded", agree),
        ("180, encoded", lambda i: make_response(requests[i], 180, to_tag="a1b2c3d4").encode()),
        ("200 with SDP, encoded", ok),
        ("BYE, encoded", bye),
    )
    gc.freeze()  # the material of the bench is not garbage to look through
    print(f"{machine()}, Python {platform.python_version()}, INVITE of {len(datagrams[0])} bytes")
    for label, job in rows:
        print(f"{label:42s}{measure(job, MESSAGES):8.1f} µs")


if __name__ == "__main__":
    main()
