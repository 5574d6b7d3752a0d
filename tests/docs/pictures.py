"""Makes the pictures of terminals in the documentation out of what the commands really print.

.venv/bin/python tests/docs/pictures.py          writes docs/img/simulate.svg
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "first-flow.md"
COLUMNS = 100

STYLES = (
    (r"^\$ .*$", "bold"),
    (r"(?<=says )\".*\"", "green"),
    (r"caller .*$", "yellow"),
    (r"(?<=> )\S+$", "bold yellow"),
    (r"\[.*\] >", "dim"),
    (r"^\d+:\d\d\.\d", "dim"),
    (r"(?<=-> ).*$", "cyan"),
)


def files(page: Path) -> dict[str, str]:
    """Files that a tutorial has its reader write."""
    return dict(re.findall(r"^```yaml file=(\S+)\n(.*?)^```$", page.read_text(), re.M | re.S))


def picture(lines: list[str], title: str) -> str:
    """Lines of a terminal as SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for line in lines:
        text = Text(line, overflow="fold")
        for pattern, style in STYLES:
            text.highlight_regex(pattern, style)
        console.print(text)
    return console.export_svg(title=title, theme=MONOKAI, unique_id="ivr")


def simulate() -> None:
    """A call in the simulator, keys typed by hand."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in files(PAGE).items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("goodby,", "goodbye,"))
        done = subprocess.run(
            [sys.executable, "-m", "ivr", "simulate", "pizzeria"],
            input="1\nb\n\n",
            capture_output=True,
            text=True,
            check=True,
            cwd=folder,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        )
    lines = ["$ ivr simulate pizzeria", *done.stdout.rstrip().splitlines()]
    (ROOT / "docs" / "img" / "simulate.svg").write_text(picture(lines, "ivr simulate"))


if __name__ == "__main__":
    simulate()
