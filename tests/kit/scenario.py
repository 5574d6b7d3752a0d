"""SIPp scenarios written in a few lines: what is sent, what must come, in order.

caller().invite("Supported: timer").recv(200).ack().pause(200).bye().write(path)
called().recv_request("INVITE").answer(180).answer(200, sdp=True).recv_request("ACK").recv_request("BYE").reply(200)
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import quoteattr

__all__ = ["Scenario", "called", "caller"]

_SDP = """v=0
o=sipp 1 {version} IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0 101
a=rtpmap:0 PCMU/8000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
{direction}"""


_CONTACT = "<sip:sipp@[local_ip]:[local_port]>"


class Scenario:
    """The steps of one side."""

    def __init__(self) -> None:
        self._steps: list[str] = []
        self._cseq = 0
        self._count = 0

    # What is sent

    def _send(self, text: str, *, again: bool) -> Scenario:
        retrans = ' retrans="500"' if again else ""
        self._steps.append(f"  <send{retrans}><![CDATA[\n{text}\n]]></send>")
        return self

    def _message(self, first: str, headers: str, body: str, content_type: str) -> str:
        lines = [first, *[line for line in headers.split("\n") if line]]
        if body:
            lines.append(f"Content-Type: {content_type}")
        return "\n".join(lines) + f"\nContent-Length: [len]\n\n{body}"

    def request(
        self,
        method: str,
        headers: str = "",
        *,
        sdp: bool = False,
        body: str = "",
        content_type: str = "",
        cseq: int = 0,
    ) -> Scenario:
        """A request of the calling side; after the first answer within the dialog."""
        if not cseq:
            self._cseq += 1
        inside = method != "INVITE" or self._count > 0
        uri = "[next_url]" if inside else "sip:[service]@[remote_ip]:[remote_port]"
        tag = "[peer_tag_param]" if inside else ""
        if method == "INVITE":
            self._count += 1
        if sdp:
            body, content_type = _SDP.format(version=self._cseq, direction="a=sendrecv\n"), "application/sdp"
        text = self._message(
            f"{method} {uri} SIP/2.0\n"
            "Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch];rport\n"
            "[routes]\nMax-Forwards: 70\n"
            "From: <sip:sipp@[local_ip]:[local_port]>;tag=[pid]s[call_number]\n"
            f"To: <sip:[service]@[remote_ip]:[remote_port]>{tag}\nCall-ID: [call_id]\n"
            f"CSeq: {cseq or self._cseq} {method}\nContact: <sip:sipp@[local_ip]:[local_port]>",
            headers,
            body,
            content_type,
        )
        return self._send(text, again=method != "ACK")

    def invite(self, headers: str = "", *, sdp: bool = True) -> Scenario:
        """INVITE with an offer."""
        return self.request("INVITE", headers, sdp=sdp)

    def ack(self) -> Scenario:
        """The ACK of a 200 to the last request, which was an INVITE."""
        return self.request("ACK", cseq=self._cseq)

    def ack_refusal(self) -> Scenario:
        """The ACK of the refusal that came last; the next INVITE is outside the dialog again."""
        self._count = 0
        text = (
            "ACK sip:[service]@[remote_ip]:[remote_port] SIP/2.0\n[last_Via:]\nMax-Forwards: 70\n[last_From:]\n"
            f"[last_To:]\nCall-ID: [call_id]\nCSeq: {self._cseq} ACK\nContent-Length: 0\n"
        )
        return self._send(text, again=False)

    def bye(self) -> Scenario:
        """BYE and its answer."""
        return self.request("BYE").recv(200)

    def reply(self, status: int, headers: str = "", *, reason: str = "Whatever") -> Scenario:
        """Answer the last request that came, within a dialog."""
        text = self._message(
            f"SIP/2.0 {status} {reason}\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n"
            "Contact: <sip:sipp@[local_ip]:[local_port]>",
            headers,
            "",
            "",
        )
        return self._send(text, again=False)

    def answer(self, status: int, headers: str = "", *, sdp: bool = False, contact: str = _CONTACT) -> Scenario:
        """Answer the INVITE, whatever came since."""
        body = _SDP.format(version=1, direction="a=sendrecv\n") if sdp else ""
        text = self._message(
            f"SIP/2.0 {status} Whatever\nVia:[$via]\nFrom:[$from]\nTo:[$to];tag=[pid]r[call_number]\n"
            f"Call-ID: [call_id]\nCSeq:[$cseq]\nContact: {contact}",
            headers,
            body,
            "application/sdp",
        )
        return self._send(text, again=status >= 200)

    # What must come

    def recv(self, status: int, *, optional: bool = False, find: dict[str, str] | None = None) -> Scenario:
        """A response; `find` are patterns that it must hold, by the variable that each is kept in."""
        extra = ' optional="true"' if optional else ""
        routes = ' rrs="true"' if status in (183, 200) else ""
        self._steps.append(f'  <recv response="{status}"{extra}{routes}>{_actions(find)}</recv>')
        return self

    def recv_request(self, method: str, *, find: dict[str, str] | None = None) -> Scenario:
        """A request; of an INVITE is kept what `answer` needs."""
        if method == "INVITE":
            self._steps.append(f'  <recv request="INVITE" rrs="true">{_actions(find, _INVITE)}</recv>')
        else:
            self._steps.append(f'  <recv request="{method}">{_actions(find)}</recv>')
        return self

    def pause(self, milliseconds: int) -> Scenario:
        self._steps.append(f'  <pause milliseconds="{milliseconds}"/>')
        return self

    def raw(self, text: str) -> Scenario:
        """A step as SIPp writes it."""
        self._steps.append(text)
        return self

    def write(self, path: Path) -> Path:
        """The scenario as a file."""
        steps = "\n".join(self._steps)
        path.write_text(f'<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="x">\n{steps}\n</scenario>\n')
        return path


_INVITE = {"via": "Via:", "from": "From:", "to": "To:", "cseq": "CSeq:"}


def _actions(find: dict[str, str] | None, headers: dict[str, str] | None = None) -> str:
    wanted, kept = find or {}, headers or {}
    if not wanted and not kept:
        return ""
    lines = "".join(
        f'<ereg regexp={quoteattr(pattern)} search_in="msg" check_it="true" assign_to={quoteattr(name)}/>'
        for name, pattern in wanted.items()
    )
    lines += "".join(
        f'<ereg regexp=".*" search_in="hdr" header="{header}" check_it="true" assign_to="{name}"/>'
        for name, header in kept.items()
    )
    # SIPp refuses variables that nobody reads.
    names = [part for name in (*wanted, *kept) for part in name.split(",")]
    words = " ".join(f"[${name}]" for name in names)
    return f"<action>{lines}<log message={quoteattr(words)}/></action>"


def caller() -> Scenario:
    """SIPp calls."""
    return Scenario()


def called() -> Scenario:
    """SIPp is called."""
    return Scenario()
