"""The table of docs/what-we-survive.md out of the figures that were measured: `python -m tests.drills.report [JSON]`.

sh deploy/drills.sh --json tests/drills/measured.json && .venv/bin/python -m tests.drills.report
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tests.drills.harness import ROOT

__all__ = ["MEASURED", "PAGE", "page"]

MEASURED = Path("tests/drills/measured.json")
PAGE = Path("docs/what-we-survive.md")
BEGIN, END = "<!-- measured: begin -->\n", "<!-- measured: end -->\n"


def table(measured: str) -> str:
    """The drills as Markdown, each with what was done and its figures."""
    found = json.loads(measured)
    lines = [
        f"Measured on {found['at']} at commit {found['commit']}: {found['machine']}.",
        "",
        "| drill | what is asked | measured |",
        "|---|---|---|",
    ]
    for drill in found["drills"]:
        quick = " (quick form)" if drill["scale"] == "quick" else ""
        lines.append(f"| **`{drill['name']}`** | {_cell(drill['done'])}{quick} | |")
        for figure in drill["figures"]:
            bad = "" if figure["passed"] else ": **not reached**"
            lines.append(f"| | {_cell(figure['asked'])} | {_cell(figure['measured'])}{bad} |")
        if drill["skipped"]:
            lines.append(f"| | | did not run: {_cell(drill['skipped'])} |")
        if drill["error"]:
            lines.append("| | to come to its end | **not reached** |")
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def page(text: str, measured: str) -> str:
    """The page with the table of these figures."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{table(measured)}{END}{after}"


def main() -> None:
    """Write the page anew."""
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / MEASURED
    path = ROOT / PAGE
    path.write_text(page(path.read_text(), source.read_text()))


if __name__ == "__main__":
    main()
