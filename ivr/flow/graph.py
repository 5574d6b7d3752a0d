"""Draws a flow: the source text for Graphviz `dot`. Running the program is the caller's, with a time limit.

An element is a card: its name, its type, a line of what it says or does. Ways that share both ends are one arrow with
several names. Not drawn: branches that take the target of another one, and the end of the call where nothing is named
for it. Names and texts of flows are data here: they reach `dot` only escaped, and nodes have numbers for names.

With coverage the drawing is a map of what tests have walked: arrows by whether their branches were taken, with numbers,
and elements that were never entered are pale.
"""

from __future__ import annotations

import html
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ivr.flow.elements.branch import BranchElement
from ivr.flow.model import Edge, Flow
from ivr.flow.summary import bare, summary

if TYPE_CHECKING:
    from ivr.flow.testing import FlowCoverage

__all__ = ["dot_source", "element_ids"]

FONT = "Helvetica,Arial,Liberation Sans,DejaVu Sans,sans-serif"
INK = "#1f2933"
MUTED = "#6b7785"
LINE = "#8695a6"

WRAP = 30
"""Characters of a line in a card."""
MAX_LINES = 3
"""Lines of text in a card: enough to know which prompt it is."""
MAX_LABEL = 28
"""Characters of a name on an arrow."""
MAX_LABELS = 6
"""Names on one arrow; the rest are counted."""


@dataclass(frozen=True, slots=True)
class _Look:
    """Colours of a kind of element."""

    band: str
    """Behind the name."""
    body: str
    """Behind the text."""
    border: str
    """Around the card."""


_ENTRY = _Look("#1b8a5a", "#e9f7f0", "#1b8a5a")
_VOICE = _Look("#d9e8fb", "#f6faff", "#7ba6dd")
_INPUT = _Look("#fdeac4", "#fffbf1", "#dba93f")
_PEOPLE = _Look("#e5dcf9", "#faf8ff", "#9b7fd9")
_OUTSIDE = _Look("#d3ecea", "#f4fbfa", "#62aaa4")
_TIME = _Look("#f5e3ee", "#fdf8fb", "#c98fb3")
_LOGIC = _Look("#e6eaef", "#fafbfc", "#9aa7b5")
_END = _Look("#f9d9d9", "#fff7f7", "#d98080")
_GUEST = _Look("#dfe3fb", "#f7f8ff", "#7f8bd9")

_LOOKS = {
    "play": _VOICE,
    "answer": _VOICE,
    "collect": _INPUT,
    "record_voicemail": _INPUT,
    "forward_call": _PEOPLE,
    "start_outgoing_call": _PEOPLE,
    "transfer_to_flow": _PEOPLE,
    "transfer_to_agent": _PEOPLE,
    "transfer_to_ai_agent": _GUEST,
    "transfer_to_voice_application": _GUEST,
    "transfer_to_chat": _OUTSIDE,
    "call_api": _OUTSIDE,
    "notify": _OUTSIDE,
    "update_profile": _OUTSIDE,
    "do_not_contact": _OUTSIDE,
    "pause": _TIME,
    "wait_for_event": _TIME,
    "wait_for_date": _TIME,
    "hours": _TIME,
    "hang_up": _END,
}


TAKEN, PARTLY, MISSED = "#1f9d63", "#d08a1d", "#d5453f"
"""Arrows of which all branches were taken, some, none."""
PALE = "#a3adb8"
"""Texts of elements that were never entered, and ways that do not count."""
TIMES = "\N{MULTIPLICATION SIGN}"
"""Before how often something happened."""
_UNVISITED = _Look("#f4f5f7", "#fcfcfd", "#d5dae0")


def element_ids(flow: Flow) -> dict[str, str]:
    """Ids of the cards in the drawing as SVG, by element."""
    return {name: f"element-{index}" for index, name in enumerate(flow.elements)}


def dot_source(flow: Flow, coverage: FlowCoverage | None = None) -> str:
    """The drawing of a flow, in the language of `dot`; with `coverage` it shows what was walked of it."""
    ids = {name: f"n{index}" for index, name in enumerate(flow.elements)}
    out = [
        "digraph flow {",
        f'  graph [rankdir=TB, nodesep=0.45, ranksep=0.6, pad=0.35, bgcolor="white", fontname="{FONT}", fontsize=15,'
        f' fontcolor="{INK}", labelloc=t, labeljust=l, label={_title(flow, coverage)}];',
        f'  node [shape=plain, fontname="{FONT}", fontsize=11, fontcolor="{INK}"];',
        f'  edge [fontname="{FONT}", fontsize=10, fontcolor="{INK}", color="{LINE}", arrowsize=0.7, penwidth=1.2];',
    ]
    marks = element_ids(flow)
    out.extend(f'  {ids[name]} [id="{marks[name]}", label={_card(flow, name, coverage)}];' for name in flow.elements)
    entries = [ids[name] for name in flow.entries if flow.elements[name].type == "start_incoming_call"]
    if entries:
        out.append(f"  {{ rank=source; {'; '.join(entries)} }}")
    out.extend(_arrows(flow, ids, coverage))
    out.extend(_insertions(flow, ids, coverage))
    out.append("}")
    return "\n".join(out) + "\n"


# Cards


def _escape(text: str) -> str:
    """Text for an HTML-like label: no markup, no control characters."""
    return html.escape("".join(" " if ord(letter) < 32 or ord(letter) == 127 else letter for letter in text))


def _wrapped(text: str, width: int, lines: int) -> list[str]:
    found = textwrap.wrap(" ".join(text.split()), width, break_long_words=True, max_lines=lines, placeholder=" …")
    return [_escape(line) for line in found]


def _short(text: str, width: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


def _title(flow: Flow, coverage: FlowCoverage | None) -> str:
    text = f"<B>{_escape(flow.name)}</B>"
    if flow.description:
        text += f'<FONT COLOR="{MUTED}">  {_escape(_short(flow.description, 80))}</FONT>'
    return f"<{text}>" if coverage is None else f"<{_legend(text, coverage)}>"


def _legend(title: str, coverage: FlowCoverage) -> str:
    """The title over what was walked, and what the colours mean."""
    entered = len(coverage.flow.elements) - len(coverage.unvisited)
    figures = (
        f"{coverage.hit} of {len(coverage.branches)} branches taken ({int(coverage.percent)} %),"
        f" {entered} of {len(coverage.flow.elements)} elements entered"
    )
    shares = (
        (TAKEN, f"taken {TIMES}times"),
        (PARTLY, "some of several"),
        (MISSED, "never taken"),
        (PALE, "not counted"),
    )
    words = "".join(f'<FONT COLOR="{colour}">  ●</FONT> {text}' for colour, text in shares)
    rows = (title, f'<FONT POINT-SIZE="12">{figures}</FONT>', f'<FONT POINT-SIZE="11" COLOR="{MUTED}">{words}</FONT>')
    cells = "".join(f'<TR><TD ALIGN="LEFT">{row}</TD></TR>' for row in rows)
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">{cells}</TABLE>'


def _card(flow: Flow, name: str, coverage: FlowCoverage | None) -> str:
    element = flow.elements[name]
    look = _ENTRY if element.ENTRY else _LOOKS.get(element.type, _OUTSIDE if "." in element.type else _LOGIC)
    ink = "white" if element.ENTRY else INK
    quiet = "#d5efe2" if element.ENTRY else MUTED
    kind, unseen = element.type, False
    if coverage is not None:
        visits = coverage.visits[name]
        unseen = not visits
        kind += f" {TIMES}{visits}" if visits else ", never entered"
    if unseen:
        look, ink, quiet = _UNVISITED, PALE, PALE
    break_ = '<BR ALIGN="LEFT"/>'
    lines = _wrapped(summary(element, flow.first), WRAP, MAX_LINES)
    body = "".join(f'<FONT COLOR="{PALE}">{line}</FONT>{break_}' if unseen else f"{line}{break_}" for line in lines)
    if coverage is not None and not unseen:
        body += "".join(
            f'<FONT COLOR="{MISSED}">never {_escape(each)}</FONT>{break_}' for each in _unseen(name, coverage)
        )
    rows = (
        f'<TR><TD ALIGN="LEFT" CELLPADDING="6"><FONT COLOR="{ink}"><B>{_escape(_short(name, 32))}</B></FONT>{break_}'
        f'<FONT COLOR="{quiet}" POINT-SIZE="9">{_escape(kind)}</FONT>{break_}</TD></TR>'
    )
    if body:
        rows += f'<TR><TD BGCOLOR="{look.body}" ALIGN="LEFT" BALIGN="LEFT" CELLPADDING="6">{body}</TD></TR>'
    return (
        f'<<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" STYLE="ROUNDED" COLOR="{look.border}"'
        f' BGCOLOR="{look.band}">{rows}</TABLE>>'
    )


def _unseen(name: str, coverage: FlowCoverage) -> list[str]:
    """Branches of an element that were never taken and for which no arrow is drawn."""
    drawn = coverage.flow.inserted
    missed = [edge for edge in coverage.missed if edge.source == name and edge.target is None and edge not in drawn]
    return [edge.branch for edge in missed]


# Arrows


def _label(flow: Flow, edge: Edge) -> str:
    """Name of a way: of a condition what it asks; none for what the flow itself calls `next`."""
    element = flow.elements[edge.source]
    if isinstance(element, BranchElement) and edge.branch in element.ways:
        condition = element.ways[edge.branch]
        if condition.name is not None:
            return condition.name
        if condition.when is not None:
            return bare(condition.when.source)
        value = bare(condition.value.source) if condition.value is not None else ""
        asked = [f"{name.replace('_', ' ')} {template.source}" for name, _, template in condition.comparisons()]
        return f"{value} {', '.join(asked)}".strip() if asked else value
    if edge.field == "next" and not isinstance(element, BranchElement):
        return ""
    return edge.branch


def _arrows(flow: Flow, ids: Mapping[str, str], coverage: FlowCoverage | None) -> list[str]:
    joined: dict[tuple[str, str, bool], list[Edge]] = {}
    for edge in flow.edges:
        if edge.target is not None and edge.named:
            joined.setdefault((edge.source, edge.target, edge.session_over), []).append(edge)
    found = []
    for (source, target, over), edges in joined.items():
        style = ', style=dashed, color="#b3bdc8"' if over else ""
        if coverage is not None:
            style = _style(edges, coverage, dashed=over)
        found.append(f"  {ids[source]} -> {ids[target]} [label={_names(flow, edges, coverage)}{style}];")
    return found


def _style(edges: Sequence[Edge], coverage: FlowCoverage, dashed: bool) -> str:
    """Colour and width of an arrow by how often its branches were taken."""
    counted = [edge for edge in edges if edge in coverage.counted]
    times = [coverage.taken[edge.source, edge.branch] for edge in counted]
    colour = PALE if not counted else TAKEN if all(times) else PARTLY if any(times) else MISSED
    line = "dashed" if dashed or colour == PALE else "solid"
    return f', style={line}, color="{colour}", penwidth={1.2 if colour == PALE else 1.9}'


def _names(flow: Flow, edges: Sequence[Edge], coverage: FlowCoverage | None, colour: str = INK) -> str:
    """What stands on an arrow: the names of its branches, and where there is coverage how often each was taken."""
    labels = [_told(flow, edge, coverage, colour, len(edges) == 1) for edge in edges]
    shown: list[tuple[str, str]] = []
    for ink in dict.fromkeys(ink for text, ink, key in labels if key):
        keys = ", ".join(text for text, each, key in labels if key and each == ink)
        shown += [(line, ink) for line in textwrap.wrap(keys, MAX_LABEL)]
    shown += [(text, ink) for text, ink, key in labels if text and not key]
    if len(shown) > MAX_LABELS:
        more = len(shown) - MAX_LABELS + 1
        shown = [*shown[: MAX_LABELS - 1], (f"and {more} more", colour)]
    if not shown:
        return '""'
    lines = "".join(f'<TR><TD ALIGN="LEFT"><FONT COLOR="{ink}">{_escape(text)}</FONT></TD></TR>' for text, ink in shown)
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1" BGCOLOR="white">{lines}</TABLE>>'


def _told(flow: Flow, edge: Edge, coverage: FlowCoverage | None, colour: str, alone: bool) -> tuple[str, str, bool]:
    """Name of a way, its colour, and whether it is a key, of which several share a line."""
    label = _label(flow, edge)
    key = len(label) == 1
    if coverage is None:
        return _short(label, MAX_LABEL), colour, key
    label = _short(label if label or alone else edge.branch, MAX_LABEL)
    if edge not in coverage.counted:
        return label, PALE, key
    times = coverage.taken[edge.source, edge.branch]
    return f"{label} {TIMES}{times}".strip() if times else label or "never", TAKEN if times else MISSED, key


def _insertions(flow: Flow, ids: Mapping[str, str], coverage: FlowCoverage | None) -> list[str]:
    """The hang_ups that stand in no file, dimmed; one for each element."""
    joined: dict[str, list[Edge]] = {}
    for edge in flow.inserted:
        joined.setdefault(edge.source, []).append(edge)
    text = "hang up or return" if flow.flow_entry is not None else "hang up"
    found = []
    for number, (source, edges) in enumerate(joined.items()):
        found.append(
            f'  h{number} [shape=box, style="rounded,dashed", color="#c3ccd6", fontcolor="#94a1af", fontsize=9,'
            f' margin="0.1,0.04", height=0.25, label="{text}"];'
        )
        style = ', style=dashed, color="#c3ccd6"' if coverage is None else _style(edges, coverage, dashed=True)
        found.append(f"  {ids[source]} -> h{number} [label={_names(flow, edges, coverage, '#94a1af')}{style}];")
    return found
