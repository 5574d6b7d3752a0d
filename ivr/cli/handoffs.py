"""`ivr demo --handoffs`: three callers are handed over, to an agent, an AI voice agent and a TwiML application.

All parties are processes of their own (:mod:`ivr.cli.handoffs_house`); the callers are in this one. What happens is
told as the daemon tells it (`GET /v1/events`).
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import threading
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ivr.cli.handoffs_house import ROOT, House, Say, opened

__all__ = ["FOLDER", "sentence", "show_handoffs"]

FOLDER = ROOT / "config" / "var" / "demo"
"""Where the daemon's files and the sounds are, unless somebody says where."""
FIRST_PORT, PORT_SETS, PORTS_OF_CALLER = 34_002, 60, 100
"""Ports for the callers' sound, another set for each process."""
TALK_SECONDS = 3.0
"""That the caller and who has taken him hear each other."""
LONG_TALK_SECONDS, PAUSE_SECONDS = 20.0, 5.0
"""The same with `--stay`, and between two callers: there is time to look at the page."""
TAKEN_SECONDS = 10.0
"""Until somebody must have taken the caller after his last key."""


@dataclass(frozen=True, slots=True)
class Visit:
    """One caller."""

    title: str
    """What it shows."""
    number: str
    """Whom he calls."""
    keys: tuple[tuple[float, str, str], ...]
    """What he presses: seconds after what was before, keys, and what they mean."""
    taken: str
    """Event that says that a person has him at last."""
    look: str
    """Where the way of it stands."""


VISITS = (
    Visit(
        "to an agent: a flow asks for the order, a queue finds Anna",
        "211",
        ((1.5, "2", "help with an order"), (1.5, "4711#", "his order number")),
        "agent.answered",
        "config/examples/flows/support-desk.yaml",
    ),
    Visit(
        "to an AI voice agent, over a WebSocket; it hands him on to a person",
        "212",
        ((3.5, "2", "asks the bot for a person"),),
        "agent.answered",
        "config/examples/flows/ai-front-desk.yaml",
    ),
    Visit(
        "to a web application that answers with TwiML",
        "213",
        ((2.5, "2", "wants a colleague"),),
        "phone.answered",
        "config/examples/flows/menu-application.yaml",
    ),
)


def show_handoffs(folder: Path, say: Say, *, stay: bool = False) -> None:
    """Show all three; IvrError where something cannot be started. `folder` is for the daemon's files; with `stay`
    callers keep coming until it is interrupted."""
    say("Three callers are handed over. All is real: processes, SIP, sound, HTTP; nothing leaves this machine.")
    with opened(folder, say) as house, _told(house.url, say) as heard:
        for at, visit in enumerate(VISITS, 1):
            say("")
            say(f"{at} of {len(VISITS)}  A caller is handed over {visit.title}")
            sound = folder / f"{visit.number}.wav"
            asyncio.run(_call(house, visit, sound, say, heard, TALK_SECONDS))
            say(f"   both sides: {sound}   flow: {visit.look}")
        say("")
        say("That was it: in none of the three could the caller get lost. Each flow says where he goes when nobody")
        say("takes him (branches, failover); who takes him is told what is known (the packet): docs/hand-offs.md")
        say(f"All files of the demonstration are in {folder}, which can be deleted.")
        if stay:
            _stay(house, folder, say, heard)


def _stay(house: House, folder: Path, say: Say, heard: Heard) -> None:
    say("")
    say(f"Look at the page: {house.url}/console/   What only reads needs no token here. To do something, sign in:")
    say(f"   a manager   {house.tokens['manager']}")
    say(f"   Anna        {house.tokens['agent']}")
    say("Callers keep coming, and talk for a while. Interrupt (Ctrl-C) to end it all.")
    heard.silent = True
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            for visit in VISITS:
                sound = folder / f"{visit.number}.wav"
                asyncio.run(_call(house, visit, sound, lambda text: None, heard, LONG_TALK_SECONDS))
                heard.ended.wait(PAUSE_SECONDS)


async def _call(house: House, visit: Visit, sound: Path, say: Say, heard: Heard, talk: float) -> None:
    """One caller: presses his keys, talks for a while with who takes him, and hangs up."""
    from ivr.call.caller import Caller, CallerOptions

    first = FIRST_PORT + os.getpid() % PORT_SETS * PORTS_OF_CALLER
    options = CallerOptions(user="demo", display="ivr demo", media_ports=(first, first + PORTS_OF_CALLER - 1))
    heard.taken.clear()
    async with Caller(options) as caller:
        say(f"   the caller dials {visit.number}")
        await caller.call(f"sip:{visit.number}@{house.sip}")
        caller.record(sound)
        for pause, keys, meaning in visit.keys:
            if await caller.wait(pause):
                break
            say(f"   the caller presses {keys}: {meaning}")
            await caller.press(keys)
        if visit.taken == "agent.answered":
            await asyncio.to_thread(heard.taken.wait, TAKEN_SECONDS)
        else:
            talk += 1.5  # that the one he is put through to has answered no event tells
        await caller.wait(talk)
        if not caller.ended.is_set():
            say("   the caller hangs up")
        await caller.hang_up()
    await asyncio.to_thread(heard.over.wait, TAKEN_SECONDS)
    heard.over.clear()


# What the daemon tells


class Heard:
    """What was heard of the daemon; each is for the next caller anew."""

    def __init__(self) -> None:
        self.taken = threading.Event()
        """An agent has the caller."""
        self.over = threading.Event()
        """His call is over."""
        self.ended = threading.Event()
        """The daemon says nothing more."""
        self.silent = False
        """Nobody wants to read it."""

    def take(self, event: str) -> None:
        """Something happens."""
        if event == "agent.answered":
            self.taken.set()
        elif event == "call.ended":
            self.over.set()


@contextlib.contextmanager
def _told(url: str, say: Say) -> Iterator[Heard]:
    """Say what happens, while this lasts."""
    heard = Heard()
    stream = urllib.request.urlopen(f"{url}/v1/events", timeout=60)

    def read() -> None:
        with stream, contextlib.suppress(OSError, ValueError, AttributeError):
            event = ""
            for line in stream:
                field, _, value = line.decode().rstrip("\r\n").partition(": ")
                if field == "event":
                    event = value
                elif field == "data":
                    if not heard.silent and (text := sentence(event, json.loads(value))):
                        say(f"   {text}")
                    heard.take(event)
        heard.ended.set()

    threading.Thread(target=read, daemon=True).start()  # it ends with the daemon
    yield heard


def sentence(event: str, told: Mapping[str, Any]) -> str | None:
    """An event for people; None for those that the demonstration does not show."""
    data: Mapping[str, Any] = told.get("data", told)
    match event:
        case "call.element":
            return f"  the flow {data['flow']} is at {data['element']} ({data['type']})"
        case "queue.joined":
            return f"> the caller waits in the queue {data['queue']}, place {data['position']}"
        case "agent.offered":
            return f"> {_name(data['agent'])}'s phone rings; the desk shows: {_shown(data)}"
        case "agent.answered":
            return f"> {_name(data['agent'])} answers after {data['waited']:.2f} s; the two hear each other"
        case "queue.left":
            return f"  the talk is over: {data['talk_time']:.1f} s"
        case "ai.started":
            return f"> the AI agent {data['agent']} has the caller ({data['protocol']}), and speaks with him"
        case "ai.ended":
            return f"> the AI agent gives the call back: {data['reason']}"
        case "application.offered":
            return f"> the application {data['application']} has the caller ({data['protocol']})"
        case "call.forwarded":
            return f"> it had put him through to {data['target']}: {data['outcome']}, {data['talk_time']:.1f} s"
        case "call.ended":
            return f"  the call is over: {data['cause']}, {data['seconds']:.1f} s"
    return None


def _name(agent: str) -> str:
    return agent[:1].upper() + agent[1:]


def _shown(data: Mapping[str, Any]) -> str:
    """What the agent sees of a call before answering, in a line."""
    packet: Mapping[str, Any] = data.get("packet") or {}
    call = packet.get("call") or {}
    parts = [
        data["origin"],
        f"call {call['short_id']}" if "short_id" in call else "",
        ", ".join(packet.get("tags", ())),
    ]
    return " · ".join(part for part in parts if part)
