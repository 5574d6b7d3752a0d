"""A campaign as people watch it: a bar that moves on a terminal, lines now and then in a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import click

from ivr.cli.live import DaemonError

__all__ = ["follow", "told"]

LOOK_SECONDS = 0.5
"""Between two looks: a bar that moves, and 30 ms of the daemon's time for a hundred thousand contacts."""
LINE_EVERY = 10.0
"""Seconds between two lines where there is no terminal."""
PATIENCE = 30.0
"""Seconds without a daemon: it may be starting again."""
OVER = ("finished", "cancelled")
SHOWN = ("answered", "voicemail", "no_answer", "busy", "declined", "failed")
"""Results that the bar has beside it; others follow when there are any."""

Campaign = dict[str, Any]


def follow(
    found: Campaign, look: Callable[[], Campaign], sleep: Callable[[float], None], *, quiet: bool = False
) -> Campaign:
    """Show how far a campaign is until it is over or paused by itself; as it was last. DaemonError where nobody answers
    for long."""
    shows = _nothing(found) if quiet else _shows()
    missed = 0.0
    try:
        next(shows)
        while True:
            shows.send(found)
            if found["problem"] or (found["state"] in OVER and not found["states"]["running"]):
                return found
            sleep(LOOK_SECONDS)
            try:
                found, missed = look(), 0.0
            except DaemonError:
                missed += LOOK_SECONDS
                if missed >= PATIENCE:
                    raise
    finally:
        shows.close()


def _shows() -> Any:
    from rich.console import Console

    console = Console(highlight=False, markup=False)
    return _bar(console) if console.is_terminal else _lines()


def _nothing(found: Campaign) -> Any:
    while True:
        yield


def _lines() -> Any:
    last, next_at = "", 0.0
    while True:
        found: Campaign = yield
        line = summary(found)
        over = found["state"] in OVER
        if line != last and (over or time.monotonic() >= next_at):
            click.echo(line)
            last, next_at = line, time.monotonic() + LINE_EVERY


def _bar(console: Any) -> Any:
    from rich.progress import BarColumn, Progress, TextColumn

    with Progress(
        TextColumn("{task.fields[state]}"),
        BarColumn(bar_width=30),
        TextColumn("{task.completed:.0f}/{task.total:.0f}  {task.fields[rest]}", markup=False),
        console=console,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as progress:
        task = progress.add_task("", total=1, state="", rest="")
        while True:
            found: Campaign = yield
            progress.update(
                task,
                total=max(1, found["contacts"]),
                completed=found["states"]["done"],
                state=found["state"],
                rest=_rest(found),
            )


def summary(found: Campaign) -> str:
    """How far a campaign is, in a line."""
    return f"{found['state']} {found['states']['done']}/{found['contacts']}  {_rest(found)}"


def _rest(found: Campaign) -> str:
    parts = [f"{found['rate']}/min", f"{found['calling']} on the line"] if found["state"] == "running" else []
    results = found["results"]
    parts += [f"{word(name)} {results[name]}" for name in _in_order(results)]
    if found["eta"] is not None:
        left = max(0, round(found["eta"] - time.time()))
        parts.append(f"{timedelta(seconds=left)} left")
    return ", ".join(parts)


def _in_order(results: dict[str, int]) -> Iterator[str]:
    yield from (name for name in SHOWN if name in results)
    yield from sorted(results.keys() - set(SHOWN))


def told(found: Campaign) -> list[str]:
    """A campaign with all its figures, for people."""
    options = found["options"]
    lines = [f"campaign {found['id']} ({found['name']}), flow {found['flow']}: {found['state']}"]
    if found["problem"]:
        lines.append(f"it was paused by itself: {found['problem']}")
    if found["started_at"] is not None:
        ended = "" if found["ended_at"] is None else f", ended {_moment(found['ended_at'])}"
        lines.append(f"started {_moment(found['started_at'])}{ended}")
    speed = found["speed"] or options.get("speed")
    if speed is not None:
        lines.append(f"at most {speed['calls']} calls a {speed['per']}")
    states = found["states"]
    lines.append(
        f"{found['contacts']} contacts: {states['waiting']} wait, {states['running']} are under way "
        f"({found['calling']} on the line), {states['done']} are done after {found['attempts']} calls"
    )
    lines += [f"  {word(name):16} {found['results'][name]}" for name in _in_order(found["results"])]
    for name, text in (("duplicates", "numbers came more than once"), ("bad_rows", "rows were left out")):
        if found[name]:
            lines.append(f"{found[name]} {text}")
    if found["state"] == "running":
        eta = "" if found["eta"] is None else f", over at about {_moment(found['eta'])}"
        lines.append(f"{found['rate']} calls in the last minute{eta}")
    return lines


def word(result: str) -> str:
    """A result as people read it."""
    return result.replace("_", " ")


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M:%S")
