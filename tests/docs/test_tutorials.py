"""The tutorials do what they say: their files are written, their commands are run in order, and what they show comes.

A block `console` holds commands after `$ ` and under each the lines that it is to print: those shown must be there in
this order; `...` alone stands for any lines, `…` inside a line for any text. A block `yaml file=NAME` is a file of the
reader's. Ports are replaced by free ones, so that a daemon on this machine is not in the way.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.conftest import free_port
from tests.kit.needs import lacks

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
TUTORIALS = ("first-flow", "test-it", "ship-it")
_BLOCK = re.compile(r"^```(console|\w+ file=\S+)\n(.*?)^```$", re.M | re.S)
COMMAND_SECONDS = 60.0
DONE = "__done__"


class Command(NamedTuple):
    """A command with what it is to print."""

    text: str
    shown: list[str]


def commands_of(block: str) -> list[Command]:
    found: list[Command] = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:], []))
        elif line.startswith(">") and found and not found[-1].shown:
            found[-1] = Command(f"{found[-1].text}\n{line[2:]}", [])
        elif found:
            found[-1].shown.append(line)
    return found


def missing(shown: list[str], printed: list[str]) -> str | None:
    """The first line that was not printed where it was to be."""
    at = 0
    for line in shown:
        if line.strip() in ("", "..."):
            continue
        wanted = re.compile(".*".join(re.escape(part.rstrip()) for part in line.rstrip().split("…")) + r"\s*")
        while at < len(printed) and not wanted.fullmatch(printed[at].rstrip()):
            at += 1
        if at == len(printed):
            return line
        at += 1
    return None


class Shell:
    """One shell for all commands of a page, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        programs = folder / ".bin"
        programs.mkdir()
        for name, arguments in (("ivr", "-m ivr"), ("python", "")):
            path = programs / name
            path.write_text(f'#!/bin/sh\nexec {sys.executable} {arguments} "$@"\n')
            path.chmod(0o755)
        self.folder = folder
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env={
                **{name: value for name, value in os.environ.items() if not name.startswith("IVR_")},
                "PATH": f"{programs}:{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT),
                "COLUMNS": "120",
                "LC_ALL": "C.UTF-8",
            },
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def run(self, text: str) -> tuple[list[str], int]:
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{text}\necho {DONE} $?\n".encode())
        self.process.stdin.flush()
        output = b""
        deadline = time.monotonic() + COMMAND_SECONDS
        with selectors.DefaultSelector() as ready:
            ready.register(self.process.stdout, selectors.EVENT_READ)
            while not (end := re.search(rf"^{DONE} (\d+)\n".encode(), output, re.M)):
                left = deadline - time.monotonic()
                assert left > 0, f"$ {text}\n{output.decode(errors='replace')}\n(no end within {COMMAND_SECONDS} s)"
                if ready.select(left):
                    piece = os.read(self.process.stdout.fileno(), 65536)
                    assert piece, f"$ {text}\n{output.decode(errors='replace')}\n(the shell has ended)"
                    output += piece
        return output[: end.start()].decode(errors="replace").splitlines(), int(end[1])

    def close(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.mark.interop
@pytest.mark.timeout(300)
def test_the_commands_of_the_tutorials_do_what_they_say(tmp_path: Path) -> None:
    """One page goes on where the one before it ended, in one shell."""
    for program in ("bash", "dot", "espeak-ng"):
        if lacks(program):
            pytest.skip(f"needs {program}")
    ports = {"5060": str(free_port()), "8080": str(free_port(socket.SOCK_STREAM))}
    shell = Shell(tmp_path)
    folder = tmp_path
    try:
        for page, kind, block in [(name, *found) for name in TUTORIALS for found in _blocks(name)]:
            block = _moved(block, ports)
            if kind != "console":
                path = folder / kind.partition("file=")[2]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block)
                continue
            for command in commands_of(block):
                printed, status = shell.run(command.text)
                everything = "\n".join([f"$ {command.text}", *printed])
                assert status == 0, f"{page}: {everything}\n(exit code {status})"
                gone = missing(command.shown, printed)
                assert gone is None, f"{page}: {everything}\n\nhas not the line: {gone}"
                folder = Path(shell.run("pwd")[0][0])
    finally:
        shell.close()


def _blocks(page: str) -> list[tuple[str, str]]:
    return _BLOCK.findall((DOCS / f"{page}.md").read_text())


def _moved(text: str, ports: dict[str, str]) -> str:
    for port, free in ports.items():
        text = re.sub(rf"(?<=:){port}\b", free, text)
    return text


def test_lines_shown_are_looked_for_in_their_order() -> None:
    printed = ["one", "two  ", "three: 17 s", "four"]
    assert missing(["one", "...", "three: … s"], printed) is None
    assert missing(["two", "one"], printed) == "one"
    assert missing(["thre"], printed) == "thre"


def test_commands_are_read_with_what_they_print() -> None:
    block = "$ cd x\n$ ivr check\nall is well\n...\n$ cat <<END\n> text\n> END\n"
    assert commands_of(block) == [
        Command("cd x", []),
        Command("ivr check", ["all is well", "..."]),
        Command("cat <<END\ntext\nEND", []),
    ]
