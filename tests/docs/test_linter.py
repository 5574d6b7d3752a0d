"""The page of the linter has the table of codes as it is. `python tests/docs/test_linter.py` writes it."""

from __future__ import annotations

import re
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ivr.flow.lint import CODES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "linter.md"
_TABLE = re.compile(r"(<!-- The table of codes:.*?-->\n)(.*?)(<!-- end -->)", re.DOTALL)


def table() -> str:
    """The table of codes in Markdown."""
    rows = ["| code | | finding | what it means |", "|---|---|---|---|"]
    for name in sorted(CODES):
        code = CODES[name]
        rows.append(f"| {name} | {code.severity} | {code.title} | {code.explanation.replace('|', '&#124;')} |")
    return "\n".join(rows) + "\n"


def test_the_table_is_true() -> None:
    found = _TABLE.search(PAGE.read_text())
    assert found is not None
    assert found[2] == table(), "run: python tests/docs/test_linter.py"


if __name__ == "__main__":
    PAGE.write_text(_TABLE.sub(lambda found: found[1] + table() + found[3], PAGE.read_text()))
