"""Places a call, waits for its end, and fetches what was recorded.

    ivr token create --name example --scope calls --scope calls:read --scope events:read --scope recordings:read
    IVR_TOKEN=ivr_… python client.py http://127.0.0.1:8080 +15550100 --say "Your parcel is here." --record

Needs Python alone. What a program of one's own should do as this one does: place with an `Idempotency-Key`, so that a
request whose answer was lost places no second call; listen before it places, and go on listening with `Last-Event-ID`
after the connection broke; ask where the stream says that something was missed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

TIMEOUT = 30.0
"""Seconds without a byte: the stream sends a comment at least every 15."""
TRIES = 5
"""Of a request that finds nobody, or is told to come back later."""


class ProblemError(Exception):
    """What the interface refused, and why (RFC 9457)."""

    def __init__(self, status: int, detail: str, retry_after: float | None) -> None:
        super().__init__(f"{status}: {detail}")
        self.status, self.retry_after = status, retry_after


@dataclass(frozen=True)
class Event:
    """Something that happened."""

    id: str
    type: str
    call: str | None
    data: dict[str, Any]


class Ivr:
    """The HTTP interface of a daemon."""

    def __init__(self, base: str, token: str) -> None:
        self.base, self.token = base.rstrip("/"), token

    def place(self, to: str, **wish: Any) -> str:
        """Have somebody called; the id of the call. `wish`: `flow` or `say`, `properties`, `record_call` …"""
        key = uuid.uuid4().hex  # the same for each try: however often it is sent, it is one call
        for attempt in range(TRIES):
            try:
                with self._ask("POST", "/v1/calls", {"to": to, **wish}, {"Idempotency-Key": key}) as answer:
                    return str(json.load(answer)["id"])
            except ProblemError as problem:
                if problem.status not in (429, 503) or attempt == TRIES - 1:
                    raise
                time.sleep(problem.retry_after or 1.0)
            except OSError:
                if attempt == TRIES - 1:
                    raise
                time.sleep(2.0**attempt)
        raise AssertionError("unreachable")

    def call(self, call: str) -> dict[str, Any]:
        """A call as it is now, or as it was."""
        with self._ask("GET", f"/v1/calls/{quote(call, safe='')}") as answer:
            found: dict[str, Any] = json.load(answer)
            return found

    def events(self, types: str, last: str = "") -> Iterator[Event]:
        """What happens from now on, or from an event on, for ever; the connection is made again when it breaks. First
        comes `open`: what happens from then on is heard. `gap` says that something was missed."""
        opened = False
        while True:
            try:
                headers = {"Last-Event-ID": last} if last else {}
                with self._ask("GET", f"/v1/events?{urlencode({'types': types})}", None, headers) as stream:
                    for fields in _blocks(stream):
                        last = fields.get("id", last)
                        if not opened:
                            opened = True
                            yield Event(last, "open", None, {})
                        if "data" in fields:
                            told = json.loads(fields["data"])
                            yield Event(last, fields["event"], told.get("call"), told.get("data", told))
            except ProblemError as problem:
                if problem.status not in (429, 503):
                    raise
                time.sleep(problem.retry_after or 1.0)
            except OSError:
                time.sleep(1.0)

    def recordings(self, call: str) -> list[dict[str, Any]]:
        """What was recorded of a call."""
        with self._ask("GET", f"/v1/recordings?{urlencode({'call': call})}") as answer:
            found: list[dict[str, Any]] = json.load(answer)["recordings"]
            return found

    def fetch(self, recording: str, file: Path) -> int:
        """Write a recording to a file; goes on where an earlier try was broken off. Its size in bytes."""
        have = file.stat().st_size if file.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        try:
            with self._ask("GET", f"/v1/recordings/{quote(recording, safe='')}/audio", None, headers) as answer:
                out = file.open("ab" if answer.status == 206 else "wb")
                with out:
                    while block := answer.read(65536):
                        out.write(block)
        except ProblemError as problem:
            if problem.status != 416:  # all of it is there
                raise
        return file.stat().st_size

    def _ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
        request = urllib.request.Request(self.base + path, method=method, headers=headers or {})
        request.add_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            return urllib.request.urlopen(request, timeout=TIMEOUT)
        except urllib.error.HTTPError as error:
            with error:
                told = json.loads(error.read() or b"{}")
                wait = float(error.headers.get("Retry-After", 0)) or None
                raise ProblemError(error.code, told.get("detail", error.reason), wait) from None


def _blocks(stream: Any) -> Iterator[dict[str, str]]:
    """The fields of each event of a stream (WHATWG HTML, 9.2.6); ends with the connection."""
    fields: dict[str, str] = {}
    for raw in stream:
        line = raw.decode().rstrip("\r\n")
        if not line:
            yield fields
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")


def call_and_fetch(ivr: Ivr, to: str, folder: Path, **wish: Any) -> tuple[str, list[Path]]:
    """Call somebody, wait for the end, fetch the recordings: why it ended, and the files."""
    call = ""
    for event in ivr.events("call.*"):
        if event.type == "open":  # heard from here on: nothing of the call is missed
            call = ivr.place(to, **wish)
        if event.type in ("call.ended", "gap") and event.call in (call, None):
            found = ivr.call(call)
            if found.get("ended_at") is not None:
                break
    files = []
    for recording in ivr.recordings(call):
        files.append(folder / f"{recording['id']}.wav")
        ivr.fetch(recording["id"], files[-1])
    return str(found["cause"]), files


def main() -> int:
    parser = argparse.ArgumentParser(description="Places a call, waits for its end, fetches what was recorded.")
    parser.add_argument("base")
    parser.add_argument("to")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--say")
    what.add_argument("--flow")
    parser.add_argument("--record", action="store_true", help="record the whole call")
    told = parser.parse_args()
    wish = {"say": told.say} if told.say else {"flow": told.flow}
    if told.record:
        wish["record_call"] = True
    cause, files = call_and_fetch(Ivr(told.base, os.environ["IVR_TOKEN"]), told.to, Path("."), **wish)
    print(cause, *files)
    return 0


if __name__ == "__main__":
    sys.exit(main())
