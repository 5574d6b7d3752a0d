"""A pyVoIP phone in a process and a virtual environment of its own: registers, calls, writes down what it hears.

    python pyvoip_child.py SERVER_PORT USER PASSWORD SIP_PORT RTP_PORT NUMBER OUTPUT

Prints a JSON line for each thing that happens; OUTPUT gets what was heard as unsigned 8-bit samples at 8 kHz.
pyVoIP is GPL: nothing of this project imports it, and this file imports nothing of this project.
"""

import json
import os
import sys
import time

from pyVoIP.VoIP.status import PhoneStatus
from pyVoIP.VoIP.VoIP import CallState, VoIPPhone

HOST = "127.0.0.1"
WAIT = 10.0


def tell(event, **fields):
    print(json.dumps({"event": event, **fields}), flush=True)


def until(condition, what):
    deadline = time.monotonic() + WAIT
    while not condition():
        if time.monotonic() > deadline:
            tell("failed", waiting_for=what)
            os._exit(1)  # threads of the library would keep the process
        time.sleep(0.02)


def main():
    server, user, password, sip, rtp, number, output = sys.argv[1:]
    phone = VoIPPhone(
        HOST,
        int(server),
        user,
        password,
        myIP=HOST,
        sipPort=int(sip),
        rtpPortLow=int(rtp),
        rtpPortHigh=int(rtp) + 20,
    )
    phone.start()
    until(lambda: phone.get_status() == PhoneStatus.REGISTERED, "registration")
    tell("registered")
    call = phone.call(number)
    until(lambda: call.state == CallState.ANSWERED, "answer")
    tell("answered")
    with open(output, "wb") as file:
        while call.state == CallState.ANSWERED:
            packet = call.read_audio(160, blocking=False)
            file.write(packet)
            time.sleep(0.02)
    tell("ended", state=call.state.value)
    phone.stop()
    tell("unregistered")


if __name__ == "__main__":
    main()
