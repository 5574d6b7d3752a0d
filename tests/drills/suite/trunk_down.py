"""A trunk that is not there when the daemon starts."""

from __future__ import annotations

import asyncio
import time
from typing import cast

from tests.conftest import free_port
from tests.drills.crowd import Crowd
from tests.drills.harness import Bench, Drill, Figure, alive, at_most, exactly, until

FLOWS = {
    "quiet": """
        elements:
          start: {type: start_incoming_call, numbers: ["101"], next: wait}
          wait: {type: collect, max_digits: 1, wait: 60s, next: done, branches: {no_match: done}}
          done: {type: hang_up}
    """,
    "out": """
        elements:
          start: {type: start_incoming_call, numbers: ["107"], next: out}
          out: {type: forward_call, to: "5551234", line: pbx, timeout: 20s, after: return,
                branches: {returned: done, no_answer: sorry, busy: sorry, call_not_forwarded: sorry}}
          sorry: {type: play, file: played.wav, next: done}
          done: {type: hang_up}
    """,
}


class Registrar(asyncio.DatagramProtocol):
    """Takes every registration and answers OPTIONS."""

    def __init__(self) -> None:
        self.registered = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        head = data.decode().split("\r\n\r\n")[0].split("\r\n")
        method = head[0].split()[0]
        if method not in ("REGISTER", "OPTIONS"):
            return
        kept = [line for line in head if line.lower().startswith(("via:", "from:", "call-id:", "cseq:", "contact:"))]
        to = next(line for line in head if line.lower().startswith("to:"))
        lines = ["SIP/2.0 200 OK", *kept, f"{to};tag=registrar", "Expires: 120", "Content-Length: 0", "", ""]
        self._transport.sendto("\r\n".join(lines).encode(), addr)
        if method == "REGISTER":
            self.registered.set()


async def run(bench: Bench) -> list[Figure]:
    port = free_port()
    extra = (
        "lines:\n"
        f"  pbx: {{type: sip_trunk, host: 127.0.0.1, port: {port}, register: {{user: '4711', password: x}},\n"
        "        probe: {every: 5s}}\n"
        "  far: {type: sip_trunk, host: no-such-host.invalid, register: {user: '4712', password: x}}\n"
    )
    begun = time.monotonic()
    with bench.daemon(FLOWS, extra=extra) as daemon:
        started = time.monotonic() - begun
        async with Crowd(daemon.sip_port, host="127.0.0.7") as crowd:
            call = crowd.call()
            status = await call.dial("101")
            out = crowd.call()
            asked = time.monotonic()
            await out.dial("107")
            out.talk()
            await until(lambda: len(out.packets) > 50, "the apology, as the trunk is down", 30)
            sorry = time.monotonic() - asked
            registrar = Registrar()
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(lambda: registrar, local_addr=("127.0.0.1", port))
            there = time.monotonic()
            await asyncio.wait_for(registrar.registered.wait(), 60)
            registered = time.monotonic() - there
            still = not call.ended.is_set()
            await crowd.hang_up()
        figures = [
            at_most("start, with one trunk dead and one without a name", 10, started, "s", ".1f"),
            exactly("a guest's call meanwhile", 200, status),
            at_most("a call out by the dead trunk: branch taken, apology heard", 25, sorry, "s", ".1f"),
            at_most("registered, once the registrar is there", 30, registered, "s", ".1f"),
            exactly("the guest's call is up all the time", True, still),
            alive(daemon),
        ]
    transport.close()
    return figures


DRILL = Drill("Two trunks cannot be reached when the daemon starts; one comes up later.", run)
