"""Makes the pictures of the tutorials out of what the commands really print and draw.

Run by hand: `.venv/bin/python -m tests.docs.pictures` writes docs/img/simulate.svg and docs/img/pizzeria.svg.
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

from tests.kit.svg import self_contained

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "docs" / "first-flow.md", ROOT / "docs" / "test-it.md"]
PICTURES = ROOT / "docs" / "img"
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


def write_files(folder: Path) -> None:
    """Files that the tutorials have their reader write, the slip of the pen mended."""
    for page in PAGES:
        for name, text in re.findall(r"^```yaml file=(\S+)\n(.*?)^```$", page.read_text(), re.M | re.S):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace("goodby,", "goodbye,"))


def ivr(folder: Path, *arguments: str, keys: str = "") -> list[str]:
    """Lines that a command prints."""
    done = subprocess.run(
        [sys.executable, "-m", "ivr", *arguments],
        input=keys,
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
    )
    return [f"$ ivr {' '.join(arguments)}", *done.stdout.rstrip().splitlines()]


def picture(lines: list[str], title: str) -> str:
    """Lines of a terminal as SVG."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for line in lines:
        text = Text(line, overflow="fold")
        for pattern, style in STYLES:
            text.highlight_regex(pattern, style)
        console.print(text)
    return self_contained(console.export_svg(title=title, theme=MONOKAI, unique_id="ivr"))


def main() -> None:
    """Make them all."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder)
        lines = ivr(folder, "simulate", "pizzeria", keys="1\nb\n\n")
        (PICTURES / "simulate.svg").write_text(picture(lines, "ivr simulate"))
        ivr(folder, "graph", "pizzeria", "--coverage", "-o", str(PICTURES / "pizzeria.svg"))


if __name__ == "__main__":
    main()
