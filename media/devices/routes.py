"""Whether PipeWire plays our sound on another card than the one that was asked for.

A card that vanishes under PipeWire leaves its streams running: they are moved to whatever card there is, and nobody is
told. What the graph is made of is told by ``pw-dump --monitor``: our nodes name the card they want (``target.object``),
and links say which one they have.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import threading
from typing import Any, Final

__all__ = ["RouteWatch", "Routes"]

_UNNAMED: Final = ("", "-1", "0")
"""Targets that mean any card."""
_MOST_TEXT: Final = 8 << 20
"""Signs of one message: a desktop's whole graph has a tenth of it."""


class Routes:
    """The graph as far as it matters here, from what pw-dump writes."""

    def __init__(self) -> None:
        self._infos: dict[int, tuple[str, dict[str, Any]]] = {}

    def take(self, text: str) -> None:
        """Take one message: a JSON array of objects that are new or changed, or gone (``info`` null)."""
        try:
            items = json.loads(text)
        except (ValueError, RecursionError):
            return
        for item in items if isinstance(items, list) else ():
            if not isinstance(item, dict) or not isinstance(number := item.get("id"), int):
                continue
            info = item.get("info")
            if isinstance(info, dict):
                kind = str(item.get("type", "")).rpartition(":")[2]
                self._infos[number] = kind, info
            elif info is None and "info" in item:
                self._infos.pop(number, None)

    def astray(self, pid: int) -> str:
        """Which card the process ``pid`` has instead of the one it asked for: a sentence, empty where all is well."""
        for _, info in self._of("Link"):
            ends = info.get("output-node-id"), info.get("input-node-id")
            for mine, other in (ends, ends[::-1]):
                wanted = self._target(mine, pid)
                if wanted and not self._is(other, wanted):
                    return f"{wanted} is gone, and the sound was moved to {self._name(other)}"
        return ""

    def _of(self, kind: str) -> list[tuple[int, dict[str, Any]]]:
        return [(number, info) for number, (what, info) in self._infos.items() if what == kind]

    def _props(self, number: object) -> dict[str, Any]:
        props = self._infos[number][1].get("props") if isinstance(number, int) and number in self._infos else None
        return props if isinstance(props, dict) else {}

    def _target(self, node: object, pid: int) -> str:
        props = self._props(node)
        owner = self._props(props.get("client.id"))
        if owner.get("pipewire.sec.pid", owner.get("application.process.id")) != pid:
            return ""
        target = str(props.get("target.object", ""))
        return "" if target in _UNNAMED else target

    def _is(self, node: object, wanted: str) -> bool:
        props = self._props(node)
        return not props or wanted in (str(props.get("node.name")), str(props.get("object.serial")), str(node))

    def _name(self, node: object) -> str:
        props = self._props(node)
        return str(props.get("node.description") or props.get("node.name"))


class RouteWatch:
    """Watches the graph for this process; does nothing where there is no PipeWire."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._process: subprocess.Popen[str] | None = None
        self.astray = ""
        """What :meth:`Routes.astray` says now."""
        program = shutil.which("pw-dump")
        if program is None:
            return
        self._process = subprocess.Popen(
            (program, "--monitor", "--no-colors"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
        )
        threading.Thread(target=self._read, args=(self._process,), name="routes", daemon=True).start()

    @property
    def running(self) -> bool:
        """Whether there is a PipeWire that tells us."""
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """Stop watching."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _read(self, process: subprocess.Popen[str]) -> None:
        routes = Routes()
        lines: list[str] = []
        size = 0
        with process.stdout or contextlib.nullcontext() as stdout:
            for line in stdout or ():
                lines.append(line)
                size += len(line)
                if line.rstrip() == "]" or size > _MOST_TEXT:
                    routes.take("".join(lines))
                    lines.clear()
                    size = 0
                    self.astray = routes.astray(self._pid)
        self.astray = ""
