"""A pyVoIP phone behind lines of JSON: a program of its own, run by command.

pyVoIP is GPL-3.0: nothing of this project imports it or this file, and this file imports nothing of this project.

Standard input, one object a line: {"do": "start", server, port, user, password, host, sip_port, rtp_port}, then
{"do": "dial", "to"}, {"do": "answer"}, {"do": "reject"}, {"do": "hang_up"}, {"do": "play", "path"}, {"do": "record",
"path"}, {"do": "quit"}. Standard output: {"event": ...}. Sound files are unsigned 8-bit samples at 8 kHz.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import queue
import sys
import threading
import time
from typing import Any, BinaryIO

from pyVoIP.VoIP.status import PhoneStatus
from pyVoIP.VoIP.VoIP import CallState, VoIPPhone

REGISTER_SECONDS = 10.0
FRAME = 160
TICK = 0.02
LOUD = -45.0
RTP_PORTS = 20


def tell(event: str, **fields: object) -> None:
    print(json.dumps({"event": event, **fields}), flush=True)


class Phone:
    def __init__(self) -> None:
        self.phone: Any = None
        self.call: Any = None
        self.state: Any = None
        self.outgoing = False
        self.file: BinaryIO | None = None
        self.heard = self.quiet = 0.0
        self.ticks = 0

    def do(self, order: dict[str, Any]) -> None:
        getattr(self, "do_" + order.pop("do"))(**order)

    def do_start(
        self, server: str, port: int, user: str, password: str, host: str, sip_port: int, rtp_port: int
    ) -> None:
        self.phone = VoIPPhone(
            server,
            port,
            user,
            password,
            myIP=host,
            callCallback=self.incoming,
            sipPort=sip_port,
            rtpPortLow=rtp_port,
            rtpPortHigh=rtp_port + RTP_PORTS,
        )
        self.phone.start()
        deadline = time.monotonic() + REGISTER_SECONDS
        while self.phone.get_status() != PhoneStatus.REGISTERED:
            if time.monotonic() > deadline or self.phone.get_status() == PhoneStatus.FAILED:
                tell("not_registered")
                return
            time.sleep(TICK)
        tell("registered")

    def incoming(self, call: Any) -> None:
        # A thread of the library, which ends the call when this returns before it is taken.
        if self.call is not None and self.call.state != CallState.ENDED:
            call.deny()
            return
        self.call, self.state, self.outgoing = call, CallState.RINGING, False
        caller = call.request.headers.get("From", {})
        tell("incoming", caller=str(caller.get("number", "")), name=str(caller.get("caller", "")).strip('" '))
        while call.state == CallState.RINGING:
            time.sleep(TICK)

    def do_dial(self, to: str) -> None:
        self.call, self.state, self.outgoing = self.phone.call(to), CallState.DIALING, True
        tell("calling", to=to)

    def do_answer(self) -> None:
        self.call.answer()

    def do_reject(self) -> None:
        self.call.deny()

    def do_hang_up(self) -> None:
        if self.call.state == CallState.ANSWERED:
            self.call.hangup()
        elif not self.outgoing and self.call.state == CallState.RINGING:
            self.call.deny()
        else:
            # It cannot cancel: the call is left alone, and hung up when it is answered.
            self.call.state = CallState.ENDED

    def do_play(self, path: str) -> None:
        with open(path, "rb") as file:
            self.call.write_audio(file.read())

    def do_record(self, path: str) -> None:
        self.file = open(path, "wb")  # noqa: SIM115 - closed with the call

    def do_quit(self) -> None:
        raise EOFError

    def tick(self) -> None:
        call = self.call
        if call is None:
            return
        if call.state != self.state:
            self.state = call.state
            if self.state == CallState.ANSWERED:
                tell("answered", codec="pcmu/pcma")
            elif self.state == CallState.ENDED:
                self.call = None
                if self.file is not None:
                    self.file.close()
                    self.file = None
                tell("ended")
                return
        if self.state == CallState.ANSWERED:
            with contextlib.suppress(Exception):
                self.listen(call.read_audio(FRAME, blocking=False))

    def listen(self, packet: bytes) -> None:
        if self.file is not None:
            self.file.write(packet)
        power = sum((sample - 128) ** 2 for sample in packet) / max(1, len(packet)) / 128**2
        level = max(-90.0, 10 * math.log10(power)) if power else -90.0
        if level >= LOUD:
            self.heard += TICK
            self.quiet = 0.0
        else:
            self.quiet += TICK
        self.ticks += 1
        if self.ticks % 5 == 0:
            tell("level", heard=round(level, 1), heard_seconds=round(self.heard, 2), quiet_seconds=round(self.quiet, 2))


def read(orders: queue.Queue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        orders.put(json.loads(line))
    orders.put({"do": "quit"})


def main() -> None:
    orders: queue.Queue[dict[str, Any]] = queue.Queue()
    phone = Phone()
    threading.Thread(target=read, args=(orders,), daemon=True).start()
    due = time.monotonic()
    try:
        while True:
            while not orders.empty():
                order = orders.get()
                try:
                    phone.do(order)
                except EOFError:
                    raise
                except Exception as error:
                    tell("error", text=f"pyVoIP: {type(error).__name__}: {error}")
            phone.tick()
            due = max(due + TICK, time.monotonic() - TICK)
            time.sleep(max(0.0, due - time.monotonic()))
    except EOFError:
        pass
    finally:
        if phone.file is not None:
            phone.file.close()
        with contextlib.suppress(Exception):
            if phone.call is not None and phone.call.state == CallState.ANSWERED:
                phone.call.hangup()
        with contextlib.suppress(Exception):
            if phone.phone is not None:
                phone.phone.stop()
        tell("closed")
        os._exit(0)  # threads of the library would keep the process


if __name__ == "__main__":
    main()
