"""Run failure drills and print what was asked and measured: `python -m tests.drills.run --help` (deploy/drills.sh)."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.bench.harness import machine
from tests.drills.harness import ROOT, Result, drills, perform

__all__ = ["main"]


def row(result: Result) -> list[tuple[str, str, str, str]]:
    """Lines of the table: drill, asked, measured, passed."""
    if result.skipped:
        return [(result.name, "-", result.skipped, "skipped")]
    lines = [(figure.asked, figure.measured, "yes" if figure.passed else "NO") for figure in result.figures]
    if result.error:
        lines.append(("to come to its end", "an error, shown on standard error", "NO"))
    return [(result.name if index == 0 else "", *line) for index, line in enumerate(lines)]


def commit() -> str:
    """The state of the tree that was measured; empty where it is no checkout."""
    line = ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def document(results: list[Result], scale: str) -> dict[str, Any]:
    """All results with where, when and of what they were measured."""
    found = [{**asdict(result), "passed": result.passed, "scale": scale} for result in results]
    return {"machine": machine(), "at": time.strftime("%Y-%m-%d"), "commit": commit(), "drills": found}


def save(path: Path, results: list[Result], scale: str, *, merge: bool) -> None:
    """Write the results; with `merge` those of other drills that the file has stay in it."""
    new = document(results, scale)
    if merge and path.exists():
        names = {result.name for result in results}
        old = [drill for drill in json.loads(path.read_text())["drills"] if drill["name"] not in names]
        new["drills"] = sorted([*old, *new["drills"]], key=lambda drill: str(drill["name"]))
    path.write_text(json.dumps(new, indent=1, ensure_ascii=False) + "\n")


def main() -> int:
    """Run, print, save; 1 where something asked did not come true."""
    parser = argparse.ArgumentParser(prog="deploy/drills.sh", description="Failure drills on a daemon of their own.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="drills to run; default: all")
    parser.add_argument("--list", action="store_true", help="print the drills and what each does")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    parser.add_argument("--merge", action="store_true", help="keep the figures of other drills that FILE has")
    parser.add_argument("--quick", action="store_true", help="smaller floods and crowds, for every night")
    options = parser.parse_args()
    known = drills()
    if options.list:
        for name, drill in known.items():
            print(f"{name:22} {drill.done}")
        return 0
    if unknown := [name for name in options.names if name not in known]:
        parser.error(f"no drill is called {', '.join(unknown)}: --list names them")
    scale = "quick" if options.quick else "full"
    print(f"{machine()}, {scale} drills")
    print(f"{'drill':20} {'asked':60} {'measured':34} passed", flush=True)
    results = []
    for name in options.names or known:
        result = perform(name, known[name], "quick" if options.quick else "full")
        results.append(result)
        for cells in row(result):
            print("{:20} {:60} {:34} {}".format(*cells), flush=True)
        if result.error:
            print(result.error, file=sys.stderr, flush=True)
        if options.json:
            save(options.json, results, scale, merge=options.merge)
    failed = [result.name for result in results if not result.passed]
    skipped = [result.name for result in results if result.skipped]
    took = sum(result.seconds for result in results)
    passed = len(results) - len(failed) - len(skipped)
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped, {took:.0f} s")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
