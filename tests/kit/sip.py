"""Helpers for tests of the SIP stack: octets of requests, descriptions, stacks with repeatable chance."""

from __future__ import annotations

import random
from collections.abc import Callable

from ivr.sip import Flow, InviteRequest, NameAddr, Response, Stack, StackConfig, Uri, parse_message

A, B = ("192.0.2.1", 5060), ("192.0.2.2", 5060)
"""Two hosts."""


def rng(seed: int = 1) -> Callable[[int], bytes]:
    """Repeatable chance."""
    return random.Random(seed).randbytes


def make_stack(seed: int = 1, **config: object) -> Stack:
    """A stack with repeatable chance."""
    return Stack(StackConfig(**config), rng(seed))  # type: ignore[arg-type]


def sdp(host: str = "192.0.2.1", port: int = 4000, direction: str = "sendrecv", version: int = 1) -> bytes:
    """A description of one G.711 stream."""
    return (
        f"v=0\r\no=- 1 {version} IN IP4 {host}\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
        f"a={direction}\r\n"
    ).encode()


def invite(flow: Flow, number: str = "100", **more: object) -> InviteRequest:
    """A call to a number by a flow."""
    host, port = flow.remote
    usual: dict[str, object] = {
        "uri": Uri("sip", number, host, port),
        "from_": NameAddr(Uri("sip", "caller", flow.local[0])),
        "to": NameAddr(Uri("sip", number, host)),
        "flow": flow,
        "sdp": sdp(flow.local[0]),
    }
    return InviteRequest(**{**usual, **more})  # type: ignore[arg-type]


def request(
    method: str = "INVITE",
    *,
    uri: str = "sip:100@192.0.2.2",
    branch: str = "z9hG4bKone",
    via: str | None = None,
    from_: str = "<sip:alice@192.0.2.1>;tag=a1",
    to: str = "<sip:100@192.0.2.2>",
    call_id: str = "call-1",
    cseq: int = 1,
    cseq_method: str | None = None,
    contact: str | None = "<sip:alice@192.0.2.1:5060>",
    headers: str = "",
    body: bytes = b"",
    content_type: str = "application/sdp",
) -> bytes:
    """Octets of a request, as somebody else's stack may write them."""
    text = f"{method} {uri} SIP/2.0\r\n"
    text += f"Via: {via or f'SIP/2.0/UDP 192.0.2.1:5060;branch={branch}'}\r\n"
    text += f"Max-Forwards: 70\r\nFrom: {from_}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n"
    text += f"CSeq: {cseq} {cseq_method or method}\r\n"
    text += f"Contact: {contact}\r\n" if contact else ""
    text += headers
    text += f"Content-Type: {content_type}\r\n" if body else ""
    return f"{text}Content-Length: {len(body)}\r\n\r\n".encode() + body


def reply(
    request_bytes: bytes, status: int, *, to_tag: str | None = "b1", headers: str = "", body: bytes = b""
) -> bytes:
    """Octets of a response to a request of ours."""
    message = parse_message(request_bytes)
    text = f"SIP/2.0 {status} Whatever\r\n"
    for name, value in message.headers:
        if name in ("Via", "From", "Call-ID", "CSeq"):
            text += f"{name}: {value}\r\n"
    to = message.get("To") or ""
    text += f"To: {to};tag={to_tag}\r\n" if to_tag and "tag=" not in to else f"To: {to}\r\n"
    text += headers
    text += "Content-Type: application/sdp\r\n" if body else ""
    return f"{text}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Peer:
    """A stack fed by hand, with what it sent last at hand."""

    def __init__(self, stack: Stack | None = None, source: tuple[str, int] = A, local: tuple[str, int] = B) -> None:
        self.stack = stack or make_stack()
        self.flow = Flow("udp", local, source)
        self.now = 10.0

    def receive(self, data: bytes, source: tuple[str, int] | None = None) -> list[bytes]:
        """Give it a packet; what it sends, before its events are drained."""
        flow = self.flow if source is None else Flow("udp", self.flow.local, source)
        self.stack.receive(data, flow, self.now)
        return self.sent()

    def sent(self) -> list[bytes]:
        """What it has sent since the last look."""
        found = [data for data, _ in self.stack.outgoing]
        self.flows = [flow for _, flow in self.stack.outgoing]
        self.stack.outgoing.clear()
        return found

    def status(self, data: bytes, source: tuple[str, int] | None = None) -> int | None:
        """Give it a request; the status of its only answer, None where there is none."""
        found = self.receive(data, source)
        assert len(found) <= 1, found
        if not found:
            return None
        message = parse_message(found[0])
        assert isinstance(message, Response)
        return message.status

    def events(self) -> list[object]:
        """What happened since the last look."""
        found: list[object] = []
        while (event := self.stack.next_event()) is not None:
            found.append(event)
        return found

    def wait(self, seconds: float) -> list[bytes]:
        """Let time pass, timer by timer; what was sent."""
        end = self.now + seconds
        found: list[bytes] = []
        while (when := self.stack.next_timer()) is not None and when <= end:
            self.now = max(self.now, when)
            self.stack.handle_timer(self.now)
            found += self.sent()
        self.now = end
        return found
