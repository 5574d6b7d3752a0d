"""Drawings by Graphviz: its program `dot` turns a description into SVG or PNG."""

from __future__ import annotations

import shutil
import subprocess

from ivr.errors import IvrError

__all__ = ["DrawingError", "draw"]

TIME_LIMIT = 30.0
"""Seconds for one drawing: a flow of 100 elements takes one or two, a hopeless tangle minutes."""

RESOLUTION = 130
"""Dots per inch of a PNG: text is sharp on a screen, a large flow still opens."""


class DrawingError(IvrError):
    """The drawing cannot be made."""

    http_status = 503


def draw(source: str, kind: str, time_limit: float = TIME_LIMIT) -> bytes:
    """Run `dot`; DrawingError where it is missing, fails, or takes longer than the limit (seconds). Blocks."""
    program = shutil.which("dot")
    if program is None:
        raise DrawingError("the program dot is not installed (Debian: apt-get install graphviz)")
    options = ["-Gdpi=" + str(RESOLUTION)] if kind == "png" else []
    try:
        done = subprocess.run(
            [program, f"-T{kind}", *options],
            input=source.encode(),
            capture_output=True,
            timeout=time_limit,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DrawingError(f"dot found no drawing within {time_limit:g} s: the flow is too tangled, split it") from None
    if done.returncode or not done.stdout:
        reason = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise DrawingError(f"dot failed: {reason[0] if reason else f'exit code {done.returncode}'}")
    return done.stdout
