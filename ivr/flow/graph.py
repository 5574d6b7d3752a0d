"""Draws a flow: the source text for Graphviz `dot`. Running the program is the caller's, with a time limit.

An element is a card: its name, its type, a line of what it says or does. Ways that share both ends are one arrow with
several names. Not drawn: branches that take the target of another one, and the end of the call where nothing is named
for it. Names and texts of flows are data here: they reach `dot` only escaped, and nodes have numbers for names.
"""

from __future__ import annotations

import html
import textwrap
from dataclasses import dataclass

from ivr.flow.elements.base import Element
from ivr.flow.elements.branch import BranchElement
from ivr.flow.elements.collect import CollectElement
from ivr.flow.elements.forward_call import ForwardCallElement
from ivr.flow.elements.hang_up import HangUpElement
from ivr.flow.elements.pause import PauseElement
from ivr.flow.elements.prompts import PromptFields
from ivr.flow.elements.record_voicemail import RecordVoicemailElement
from ivr.flow.elements.set_variable import SetVariableElement
from ivr.flow.elements.start import StartIncomingCallElement
from ivr.flow.elements.transfer_to_flow import TransferToFlowElement
from ivr.flow.expressions import Scope
from ivr.flow.model import Edge, Flow
from ivr.flow.walk import at_first

__all__ = ["dot_source", "summary"]

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
_LOGIC = _Look("#e6eaef", "#fafbfc", "#9aa7b5")
_END = _Look("#f9d9d9", "#fff7f7", "#d98080")

_LOOKS = {
    "play": _VOICE,
    "answer": _VOICE,
    "collect": _INPUT,
    "record_voicemail": _INPUT,
    "forward_call": _PEOPLE,
    "transfer_to_flow": _PEOPLE,
    "hang_up": _END,
}


def dot_source(flow: Flow) -> str:
    """The drawing of a flow, in the language of `dot`."""
    ids = {name: f"n{index}" for index, name in enumerate(flow.elements)}
    out = [
        "digraph flow {",
        f'  graph [rankdir=TB, nodesep=0.45, ranksep=0.6, pad=0.35, bgcolor="white", fontname="{FONT}", fontsize=15,'
        f' fontcolor="{INK}", labelloc=t, labeljust=l, label={_title(flow)}];',
        f'  node [shape=plain, fontname="{FONT}", fontsize=11, fontcolor="{INK}"];',
        f'  edge [fontname="{FONT}", fontsize=10, fontcolor="{INK}", color="{LINE}", arrowsize=0.7, penwidth=1.2];',
    ]
    out.extend(f"  {ids[name]} [label={_card(name, element, flow.first)}];" for name, element in flow.elements.items())
    entries = [ids[name] for name in flow.entries if flow.elements[name].type == "start_incoming_call"]
    if entries:
        out.append(f"  {{ rank=source; {'; '.join(entries)} }}")
    out.extend(_arrows(flow, ids))
    out.extend(_insertions(flow, ids))
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


def _title(flow: Flow) -> str:
    text = f"<B>{_escape(flow.name)}</B>"
    if flow.description:
        text += f'<FONT COLOR="{MUTED}">  {_escape(_short(flow.description, 80))}</FONT>'
    return f"<{text}>"


def _card(name: str, element: Element, first: Scope) -> str:
    look = _ENTRY if element.ENTRY else _LOOKS.get(element.type, _LOGIC)
    ink = "white" if element.ENTRY else INK
    quiet = "#d5efe2" if element.ENTRY else MUTED
    break_ = '<BR ALIGN="LEFT"/>'
    body = "".join(f"{line}{break_}" for line in _wrapped(summary(element, first), WRAP, MAX_LINES))
    rows = (
        f'<TR><TD ALIGN="LEFT" CELLPADDING="6"><FONT COLOR="{ink}"><B>{_escape(_short(name, 32))}</B></FONT>{break_}'
        f'<FONT COLOR="{quiet}" POINT-SIZE="9">{_escape(element.type)}</FONT>{break_}</TD></TR>'
    )
    if body:
        rows += f'<TR><TD BGCOLOR="{look.body}" ALIGN="LEFT" BALIGN="LEFT" CELLPADDING="6">{body}</TD></TR>'
    return (
        f'<<TABLE BORDER="1" CELLBORDER="0" CELLSPACING="0" STYLE="ROUNDED" COLOR="{look.border}"'
        f' BGCOLOR="{look.band}">{rows}</TABLE>>'
    )


def summary(element: Element, first: Scope) -> str:
    """What an element says or does, in a few words; empty where its type says all. `first` has the defaults."""
    match element:
        case PromptFields():
            return _prompt(element, first)
        case StartIncomingCallElement():
            line = f" on {element.line}" if element.line else ""
            return ", ".join("any number" if number == "*" else number for number in element.numbers) + line
        case CollectElement():
            return _collect(element)
        case ForwardCallElement():
            joint = ", then " if element.ring == "in_turn" else " + "
            return "to " + joint.join(target.source for target in element.to)
        case RecordVoicemailElement():
            return f"up to {element.max_duration:g} s"
        case HangUpElement():
            words = "" if element.cause == "normal" else element.cause
            return _prompt(element.prompt, first) if element.prompt is not None else words
        case SetVariableElement():
            return ", ".join(f"{name} = {_bare(value.source)}" for name, value in element.variables.items())
        case TransferToFlowElement():
            return f"to flow {element.flow.source}"
        case PauseElement():
            return f"{element.duration:g} s"
    return ""


def _bare(source: str) -> str:
    """A template without its braces, where it is one expression."""
    inner = source.strip()
    return inner[2:-2].strip() if inner.startswith("{{") and inner.endswith("}}") and inner.count("{{") == 1 else inner


def _prompt(prompt: PromptFields, first: Scope) -> str:
    if prompt.text is not None:
        text = at_first(prompt.text, first)
        return _bare(prompt.text.source) if text is None else f"“{text}”"
    for kind, source in (("file", prompt.file), ("url", prompt.url), ("recording", prompt.voicemail)):
        if source is not None:
            return f"{kind} {source.source}"
    return ""


def _collect(element: CollectElement) -> str:
    parts = []
    if not element.responses:
        least, most = element.min_digits, element.max_digits
        if most is None:
            parts.append(f"{least} digits or more" if least > 1 else "digits")
        elif least == most:
            parts.append("1 digit" if most == 1 else f"{most} digits")
        else:
            parts.append(f"{least} to {most} digits")
    if element.attempts > 1:
        parts.append(f"{element.attempts} attempts")
    if element.save_as:
        parts.append(f"into {element.save_as}")
    return ", ".join(parts)


# Arrows


def _label(flow: Flow, edge: Edge) -> str:
    """Name of a way: of a condition what it asks; none for what the flow itself calls `next`."""
    element = flow.elements[edge.source]
    if isinstance(element, BranchElement) and edge.branch in element.ways:
        condition = element.ways[edge.branch]
        if condition.name is not None:
            return condition.name
        if condition.when is not None:
            return _bare(condition.when.source)
        value = _bare(condition.value.source) if condition.value is not None else ""
        asked = [f"{name.replace('_', ' ')} {template.source}" for name, _, template in condition.comparisons()]
        return f"{value} {', '.join(asked)}".strip() if asked else value
    if edge.field == "next" and not isinstance(element, BranchElement):
        return ""
    return edge.branch


def _arrows(flow: Flow, ids: dict[str, str]) -> list[str]:
    joined: dict[tuple[str, str, bool], list[str]] = {}
    for edge in flow.edges:
        if edge.target is not None and edge.named:
            joined.setdefault((edge.source, edge.target, edge.session_over), []).append(_label(flow, edge))
    found = []
    for (source, target, over), labels in joined.items():
        style = ', style=dashed, color="#b3bdc8"' if over else ""
        found.append(f"  {ids[source]} -> {ids[target]} [label={_names(labels)}{style}];")
    return found


def _names(labels: list[str], colour: str = INK) -> str:
    keys = [label for label in labels if len(label) == 1]
    texts = [*textwrap.wrap(", ".join(keys), MAX_LABEL), *(label for label in labels if len(label) > 1)]
    shown = [_short(text, MAX_LABEL) for text in texts]
    if len(shown) > MAX_LABELS:
        shown = [*shown[: MAX_LABELS - 1], f"and {len(shown) - MAX_LABELS + 1} more"]
    if not shown:
        return '""'
    lines = "".join(f'<TR><TD ALIGN="LEFT"><FONT COLOR="{colour}">{_escape(label)}</FONT></TD></TR>' for label in shown)
    return f'<<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1" BGCOLOR="white">{lines}</TABLE>>'


def _insertions(flow: Flow, ids: dict[str, str]) -> list[str]:
    """The hang_ups that stand in no file, dimmed; one for each element."""
    labels: dict[str, list[str]] = {}
    for edge in flow.inserted:
        labels.setdefault(edge.source, []).append(_label(flow, edge))
    text = "hang up or return" if flow.flow_entry is not None else "hang up"
    found = []
    for number, (source, names) in enumerate(labels.items()):
        found.append(
            f'  h{number} [shape=box, style="rounded,dashed", color="#c3ccd6", fontcolor="#94a1af", fontsize=9,'
            f' margin="0.1,0.04", height=0.25, label="{text}"];'
        )
        found.append(f'  {ids[source]} -> h{number} [style=dashed, color="#c3ccd6", label={_names(names, "#94a1af")}];')
    return found
