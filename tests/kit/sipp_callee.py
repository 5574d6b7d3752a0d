"""SIPp as the called side: what it does is said in words, and written as a scenario of its own."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from tests.conftest import free_port
from tests.kit.sipp import HOST, require

_SDP = """v=0
o=callee 1 1 IN IP[local_ip_type] [local_ip]
s=-
c=IN IP[media_ip_type] [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
"""
_HEAD = (
    "[last_Via:]\n[last_From:]\nTo: {to}\n[last_Call-ID:]\nCSeq: {cseq}\n"
    "Contact: <sip:callee@[local_ip]:[local_port]>\n"
)
_PHRASES = {100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK"}
_BYE = """BYE [$contact] SIP/2.0
Via: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]
Max-Forwards: 70
From: <sip:callee@[local_ip]>;tag=callee[call_number]
To: [$from]
[last_Call-ID:]
CSeq: 2 BYE
Content-Length: 0
"""


def _response(status: int, *, sdp: bool = False, headers: Sequence[str] = (), method: str = "INVITE") -> str:
    to = "[$to];tag=callee[call_number]"
    cseq = "[last_cseq_number] CANCEL" if method == "CANCEL" else f"1 {method}"
    head = (
        _HEAD.format(to=to, cseq=cseq)
        if method != "BYE"
        else "[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n"
    )
    lines = "".join(f"{header}\n" for header in headers)
    body = f"Content-Type: application/sdp\nContent-Length: [len]\n\n{_SDP}" if sdp else "Content-Length: 0\n\n"
    again = ' retrans="500"' if status >= 200 and method == "INVITE" else ""
    phrase = _PHRASES.get(status, "Refused")
    return f"<send{again}><![CDATA[\nSIP/2.0 {status} {phrase}\n{head}{lines}{body}]]></send>\n"


def scenario(*steps: str | int | float) -> str:
    """A scenario of what is done after an INVITE came.

    A status sends that response (`200` and `183` with a description), `"503 Retry-After: 30"` one with headers that are
    parted by `|`. A float pauses so many seconds. Words: `sound` plays rtp.pcap, `ack`, `bye` and `cancelled` wait for
    that request (and answer it), `hangs up` sends BYE.
    """
    out = [
        '<?xml version="1.0" encoding="ISO-8859-1" ?>\n<scenario name="callee">\n'
        '<recv request="INVITE"><action>'
        '<ereg regexp="&lt;.*&gt;" search_in="hdr" header="To:" assign_to="to" check_it="true"/>'
        '<ereg regexp=".*" search_in="hdr" header="From:" assign_to="from" check_it="true"/>'
        '<ereg regexp="sip:[^&gt;]*" search_in="hdr" header="Contact:" assign_to="contact" check_it="true"/>'
        "</action></recv>\n"
    ]
    for step in steps:
        match step:
            case float():
                out.append(f'<pause milliseconds="{round(step * 1000)}"/>\n')
            case int():
                out.append(_response(step, sdp=step in (183, 200)))
                if step >= 300:
                    out.append('<recv request="ACK"/>\n')
            case "sound":
                out.append('<nop><action><exec play_pcap_audio="rtp.pcap"/></action></nop>\n')
            case "ack":
                out.append('<recv request="ACK"/>\n')
            case "bye":
                out.append('<recv request="BYE"/>\n' + _response(200, method="BYE"))
            case "cancelled":
                out.append('<recv request="CANCEL"/>\n' + _response(200, method="CANCEL"))
            case "hangs up":
                out.append(f'<send retrans="500"><![CDATA[\n{_BYE}\n]]></send>\n<recv response="200"/>\n')
            case str():
                status, _, headers = step.partition(" ")
                out.append(_response(int(status), headers=headers.split("|")) + '<recv request="ACK"/>\n')
    out.append('<Reference variables="to,from,contact"/>\n</scenario>\n')
    return "".join(out)


class Callee:
    """One SIPp that takes one call, or several; use as a context manager."""

    def __init__(self, folder: Path, *steps: str | int | float, calls: int = 1, echo: bool = False) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.port = free_port()
        self._control = free_port()
        self._media = free_port()
        free_port()  # SIPp takes two more above it, for pictures
        self._calls = calls
        self._echo = echo
        (folder / "callee.xml").write_text(scenario(*steps))

    def __enter__(self) -> Callee:
        command = [
            require("sipp"), "-sf", "callee.xml", "-i", HOST, "-p", str(self.port), "-mp", str(self._media),
            "-cp", str(self._control), "-m", str(self._calls), "-nostdin", "-trace_err", "-timeout", "60s",
            *(["-rtp_echo"] if self._echo else []),
        ]  # fmt: skip
        self._process = subprocess.Popen(command, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self

    def finished(self, seconds: float = 30.0) -> int:
        """Its exit code once it is done: 0 where the call went as the scenario says."""
        return self._process.wait(seconds)

    def explain(self) -> str:
        """What it says of what went wrong."""
        return "".join(path.read_text(errors="replace") for path in self.folder.glob("*_errors.log"))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(5.0)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def until_listening(self, seconds: float = 30.0) -> None:
        """Wait until its port is taken."""
        needle = f":{self.port:04X} "
        deadline = time.monotonic() + seconds
        while needle not in Path("/proc/net/udp").read_text():
            assert time.monotonic() < deadline, f"SIPp does not start ({self._process.poll()}): {self.explain()}"
            time.sleep(0.02)
