"""Draws the sequence diagrams of docs/hand-offs.md, for light and for dark pages.

    .venv/bin/python -m tests.docs.sequences      writes docs/img/hand-off-*.svg

A row is `who > whom: words` (a message), `who = whom: words` (sound both ways), or `who: words` (what happens there).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

PICTURES = Path(__file__).resolve().parents[2] / "docs" / "img"

AGENT = """
title: A caller is handed to an agent
caller | flow | queue | agent's phone
flow > queue: join: packet, facts, priority
queue: route, hours, length of the queue
queue > flow: joined, place 2
flow > caller: greeting, place, music, announcements
queue > flow: place 1
flow > caller: "You are next in line."
queue > agent's phone: INVITE: short id, User-to-User
queue > flow: rings at anna
agent's phone > queue: 200 OK
agent's phone: whisper
caller = agent's phone: sound both ways
queue > flow: answered: music stops
agent's phone > queue: BYE
queue: anna wraps up
queue > flow: done, 180 s of talk
flow > caller: BYE, or the next element (after: return)
"""

CALLBACK = """
title: A caller asks for a call back
caller | flow | queue | agent's phone
caller > flow: presses 2 in the queue
flow > caller: "We will call you back on 5 5 5 ..., press 1, or 2 for another number"
caller > flow: 2, another number, 1
flow > queue: keep his place, with this number
queue > flow: callback_scheduled
flow > caller: "Thank you. We will call you back."
flow: call_not_forwarded, result.reason: callback_scheduled
queue: his place comes up: an agent is free and kept for him
queue > caller: INVITE, with the number of the queue
caller > queue: 200 OK
queue > caller: "This is the call back that you asked for."
queue > agent's phone: INVITE
agent's phone > queue: 200 OK
caller = agent's phone: sound both ways
"""

AI = """
title: A caller is handed to an AI voice agent
caller | flow | AI desk | endpoint
flow > AI desk: start: packet, parameters
AI desk > endpoint: WebSocket, with headers
flow > caller: filler, from the second second on
endpoint > AI desk: accepted
AI desk > endpoint: start, parameters
AI desk > flow: started
caller = endpoint: caller's sound, in frames of 20 ms
endpoint > AI desk: media, mark
AI desk > flow: first sound: filler stops
AI desk > caller: its sound, paced at 20 ms
caller > endpoint: speaks in between
endpoint > AI desk: clear
AI desk: what is queued is dropped within one frame
caller > AI desk: presses 1
AI desk > endpoint: dtmf
endpoint > AI desk: hands back: reason, target, summary, variables
AI desk > flow: done: transfer_requested
AI desk > endpoint: stop, close
flow: takes the branch of the reason
"""

EVENTS = """
title: A voice application drives the call by events and HTTP
caller | flow | application desk | web server
flow > application desk: offer: packet, custom_data
application desk > web server: POST call.offered, signed
flow > caller: filler
web server > application desk: 200 {"accept": true}
application desk > flow: accepted
web server > application desk: POST /v1/calls/ID/say
application desk > flow: say "Hello"
flow > caller: "Hello"
flow > application desk: done
application desk > web server: POST say.finished, signed
web server > application desk: POST /v1/calls/ID/release
application desk > flow: given back, variables
flow: takes the branch returned
"""

TWIML = """
title: A voice application answers with TwiML
caller | flow | web server
flow > web server: POST /voice: CallSid, From, HandOver, X-Twilio-Signature
flow > caller: filler
web server > flow: Gather numDigits=1, Say
flow > caller: "Press 1 for sales."
caller > flow: presses 1
flow > web server: POST /menu: Digits=1
web server > flow: Enqueue sales, Redirect
flow: waits for an agent, as in the first picture
flow > web server: POST /after: QueueResult
web server > flow: Hangup
flow > caller: BYE
flow > web server: status callback: completed
"""

FAILOVER = """
title: A chain of failover
caller | flow | AI agent | queue
flow > AI agent: start
AI agent > flow: not_started after 5 s
flow: member 1: queue, timeout 3m
flow > caller: "I am connecting you with a person."
flow > queue: join
flow > caller: greeting, music
queue > flow: max_wait after 3 minutes
flow: member 2: voicemail
flow > caller: "Please leave a message after the tone."
caller > flow: speaks, 12 s
flow > queue: message for its mailbox
flow: takes the branch failed_over
"""

SEQUENCES = {
    "agent": AGENT,
    "callback": CALLBACK,
    "ai": AI,
    "events": EVENTS,
    "twiml": TWIML,
    "failover": FAILOVER,
}

CHARACTER = 6.9
"""Pixels of one at this size, with some air."""
MARGIN, TOP, ROW, FOOT = 24, 84, 34, 26
NARROWEST = 150

STYLE = """
svg { font: 12.5px Helvetica, Arial, sans-serif }
.page { fill: #ffffff } .words { fill: #1f2933 }
.over { stroke: #ffffff; stroke-width: 4px; paint-order: stroke }
.line { stroke: #b9c2cc } .arrow { stroke: #3d6f9e } .head { fill: #3d6f9e }
.box { fill: #e9f1f9; stroke: #3d6f9e } .sound { fill: #dcefe0; stroke: #3f8a52 }
.note { fill: #fbf1dd; stroke: #c08a2e }
.who { font-weight: bold }
@media (prefers-color-scheme: dark) {
  .page { fill: #0d1117 } .words { fill: #e6edf3 } .over { stroke: #0d1117 }
  .line { stroke: #3b4550 } .arrow { stroke: #79b8f0 } .head { fill: #79b8f0 }
  .box { fill: #16263a; stroke: #79b8f0 } .sound { fill: #15301d; stroke: #6cc683 }
  .note { fill: #33280f; stroke: #d9a441 }
}
""".strip()


@dataclass(frozen=True)
class Row:
    """One thing that happens."""

    first: int
    kind: str
    """`>` a message, `=` sound, empty: what happens there."""
    second: int
    words: str


def read(text: str) -> tuple[str, list[str], list[Row]]:
    """Title, who takes part, and the rows."""
    head, people, *lines = text.strip().splitlines()
    names = [name.strip() for name in people.split("|")]
    one = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
    rows = []
    for line in lines:
        found = re.fullmatch(rf"({one})(?: ([>=]) ({one}))?: (.+)", line)
        assert found is not None, line
        first, kind, second, words = found.groups()
        rows.append(Row(names.index(first), kind or "", names.index(second or first), words))
    return head.removeprefix("title: "), names, rows


def places(names: list[str], rows: list[Row]) -> list[float]:
    """Where each of them stands: far enough from the next one for what is said between them."""
    gaps = [float(NARROWEST)] * (len(names) - 1)
    for row in sorted(rows, key=lambda row: abs(row.first - row.second)):
        least, most = sorted((row.first, row.second))
        if least == most:
            continue
        missing = len(row.words) * CHARACTER + 28 - sum(gaps[least:most])
        if missing > 0:
            for gap in range(least, most):
                gaps[gap] += missing / (most - least)
    found = [MARGIN + 70.0]
    for gap in gaps:
        found.append(found[-1] + gap)
    return found


def drawing(text: str) -> str:
    """The picture of a sequence."""
    title, names, rows = read(text)
    at = places(names, rows)
    notes = [at[row.first] + len(row.words) * CHARACTER / 2 + 12 for row in rows if not row.kind]
    width = round(max([at[-1] + 70, *notes]) + MARGIN)
    height = TOP + ROW * len(rows) + FOOT
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style>",
        f'<rect class="page" width="{width}" height="{height}"/>',
    ]
    for x, name in zip(at, names, strict=True):
        wide = len(name) * 7.6 + 26
        out.append(f'<line class="line" x1="{x:.0f}" y1="54" x2="{x:.0f}" y2="{height - 14}"/>')
        out.append(f'<rect class="box" x="{x - wide / 2:.0f}" y="20" width="{wide:.0f}" height="34" rx="6"/>')
        out.append(f'<text class="words who" x="{x:.0f}" y="42" text-anchor="middle">{escape(name)}</text>')
    for index, row in enumerate(rows):
        out += _row(row, at, TOP + ROW * index)
    return "\n".join([*out, "</svg>", ""])


def _row(row: Row, at: list[float], y: float) -> list[str]:
    words = escape(row.words)
    left, right = sorted((at[row.first], at[row.second]))
    middle = (left + right) / 2
    if not row.kind:
        wide = len(row.words) * CHARACTER + 18
        return [
            f'<rect class="note" x="{middle - wide / 2:.0f}" y="{y - 2:.0f}" width="{wide:.0f}" height="24" rx="4"/>',
            f'<text class="words" x="{middle:.0f}" y="{y + 14:.0f}" text-anchor="middle">{words}</text>',
        ]
    if row.kind == "=":
        return [
            f'<rect class="sound" x="{left:.0f}" y="{y - 2:.0f}" width="{right - left:.0f}" height="24" rx="4"/>',
            f'<text class="words" x="{middle:.0f}" y="{y + 14:.0f}" text-anchor="middle">{words}</text>',
        ]
    start, end = at[row.first], at[row.second]
    back = 8 if end > start else -8
    line = y + 18
    head = f"{end:.0f},{line:.0f} {end - back:.0f},{line - 4:.0f} {end - back:.0f},{line + 4:.0f}"
    return [
        f'<text class="words over" x="{middle:.0f}" y="{y + 12:.0f}" text-anchor="middle">{words}</text>',
        f'<line class="arrow" x1="{start:.0f}" y1="{line:.0f}" x2="{end - back:.0f}" y2="{line:.0f}"/>',
        f'<polygon class="head" points="{head}"/>',
    ]


def main() -> None:
    """Write them all."""
    for name, text in SEQUENCES.items():
        (PICTURES / f"hand-off-{name}.svg").write_text(drawing(text), encoding="utf-8")


if __name__ == "__main__":
    main()
