"""One dot for each call: when it was decided, and whether rightly. Ours above, Asterisk's rules below."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tests.kit.greetings import Sample

__all__ = ["draw"]

WIDTH, LANE, LEFT, RIGHT, TOP = 960, 74, 150, 150, 64
SECONDS = 8.0
COLOURS = {"human": "#2a7f62", "machine": "#d1495b", "unknown": "#9aa0a6", "": "#9aa0a6"}
NAMES = {"human": "person", "machine": "machine", "neither": "nobody"}


def draw(calls: Sequence[Sample], ours: Sequence[tuple[str, float]], theirs: Sequence[tuple[str, float]]) -> str:
    """An SVG. Colour: what was decided; lane: what it was; place: seconds after the answer."""
    lanes = [
        (who, name, said) for who, said in (("this runtime", ours), ("Asterisk's rules", theirs)) for name in NAMES
    ]
    height = TOP + LANE * len(lanes) + 92
    scale = (WIDTH - LEFT - RIGHT) / SECONDS
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        'font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="{LEFT}" y="26" font-size="17" fill="#202124">'
        "Who answered? Each dot is a call, where it was decided</text>",
        f'<text x="{LEFT}" y="46" fill="#5f6368">colour: what was decided · row: what it really was · {len(calls)} '
        "held-out calls</text>",
    ]
    rng = np.random.default_rng(1)
    for number, (who, name, said) in enumerate(lanes):
        y = TOP + number * LANE + (24 if number >= len(NAMES) else 0)
        if number % len(NAMES) == 0:
            out.append(f'<text x="12" y="{y + 18}" font-weight="bold" fill="#202124">{who}</text>')
        shade = "#f6f8fa" if number % 2 else "#eef2f5"
        out.append(
            f'<rect x="{LEFT}" y="{y}" width="{SECONDS * scale:.0f}" height="{LANE - 6}" fill="{shade}" rx="4"/>'
        )
        out.append(
            f'<text x="{LEFT - 10}" y="{y + LANE / 2 + 2}" text-anchor="end" fill="#202124">{NAMES[name]}</text>'
        )
        chosen = [(w, at) for call, (w, at) in zip(calls, said, strict=True) if call.label == name and w]
        for colour in ("unknown", "human", "machine") if name != "machine" else ("unknown", "machine", "human"):
            dots = [at for w, at in chosen if w == colour]
            for at in dots:
                x = LEFT + min(at, SECONDS) * scale
                dot = y + 6 + float(rng.random()) * (LANE - 18)
                out.append(
                    f'<circle cx="{x:.1f}" cy="{dot:.1f}" r="2.4" fill="{COLOURS[colour]}" fill-opacity="0.62"/>'
                )
        wanted = "unknown" if name == "neither" else name
        right = sum(w == wanted for w, _ in chosen)
        share = 100 * right / max(len(chosen), 1)
        out.append(f'<text x="{WIDTH - RIGHT + 12}" y="{y + LANE / 2 + 2}" fill="#202124">{share:.0f} % right</text>')
    base = TOP + len(lanes) * LANE + 24
    for second in range(int(SECONDS) + 1):
        x = LEFT + second * scale
        out.append(f'<text x="{x:.0f}" y="{base + 18}" text-anchor="middle" fill="#5f6368">{second} s</text>')
    for place, (word, text) in enumerate((("human", "person"), ("machine", "machine"), ("unknown", "unknown"))):
        x = LEFT + place * 130
        out.append(f'<circle cx="{x + 6}" cy="{base + 44}" r="5" fill="{COLOURS[word]}"/>')
        out.append(f'<text x="{x + 18}" y="{base + 48}" fill="#202124">{text}</text>')
    return "\n".join([*out, "</svg>\n"])
