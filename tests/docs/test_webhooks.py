"""What the documentation says about webhooks holds: its receiver takes what the daemon sends."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ivr.webhooks import sign

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "webhooks.md").read_text()
EXAMPLE = ROOT / "docs" / "examples" / "webhook" / "receiver.py"
SECRET, BODY, AT = "0123456789abcdef", b'{"id": "1"}', 1_772_000_000


def checks() -> Iterator[tuple[str, Any]]:
    names: dict[str, Any] = {}
    exec(EXAMPLE.read_text().partition("if __name__ ==")[0], names)
    yield "example", names["is_genuine"]
    (block,) = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    assert block in EXAMPLE.read_text()
    for language, program in (("js", script), ("php", page)):
        (block,) = re.findall(rf"```{language}\n((?:import|function).*?)```", PAGE, re.S)
        yield language, partial(program, block)


def script(block: str, *told: Any) -> bool:
    """Whether the check in JavaScript takes a request."""
    return ran("node", "--input-type=module", "-e", f"{block}\n{JUDGED}", told=told)


def page(block: str, *told: Any) -> bool:
    """Whether the check in PHP does."""
    return ran("php", "-r", f"{block}\n{CHECKED}", told=told)


JUDGED = """
import { readFileSync } from "node:fs";
const [secret, body, header, now] = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(String(isGenuine(secret, Buffer.from(body), header, now)));
"""
CHECKED = """
[$secret, $body, $header, $now] = json_decode(file_get_contents('php://stdin'), true);
echo is_genuine($secret, $body, $header, $now) ? 'true' : 'false';
"""


def ran(*command: str, told: tuple[Any, ...]) -> bool:
    """What a program answers that is told a secret, a body, a header and a time."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"needs {command[0]}")
    text = json.dumps([part.decode() if isinstance(part, bytes) else part for part in told])
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout in ("true", "false"), done.stdout + done.stderr
    return done.stdout == "true"


@pytest.mark.parametrize(("name", "check"), list(checks()))
def test_the_check_of_signatures(name: str, check: Any) -> None:
    header = sign(SECRET, BODY, AT)
    assert check(SECRET, BODY, header, AT + 10.0)
    assert check(SECRET, BODY, f"{header},v1=old", AT + 10.0)
    assert check(SECRET, BODY, sign(("another of 16 characters", SECRET), BODY, AT), AT + 10.0)
    for secret, body, text, now in (
        ("other", BODY, header, AT), (SECRET, b"{}", header, AT), (SECRET, BODY, header, AT + 301),
        (SECRET, BODY, "", AT), (SECRET, BODY, "t=1", AT),
    ):  # fmt: skip
        assert not check(secret, body, text, now)


def test_the_line_for_a_shell(tmp_path: Path) -> None:
    (line,) = re.findall(r"```sh\n(.*?)\n```", PAGE, re.S)
    (tmp_path / "body.json").write_bytes(BODY)
    done = subprocess.run(
        ["sh", "-c", line], cwd=tmp_path, env={"t": str(AT), "secret": SECRET, "PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split()[-1] == sign(SECRET, BODY, AT).rpartition("=")[2]


def told() -> set[str]:
    """Types of events that the sources tell."""
    found: set[str] = set()
    for path in (ROOT / "ivr").rglob("*.py"):
        found |= set(re.findall(r'\btell\w*\(\s*"([a-z]+\.[a-z_]+)"', path.read_text()))
    return found


def test_every_event_is_in_the_table() -> None:
    table = PAGE.partition("## What there is to hear")[2].partition("## Have events posted")[0]
    named: set[str] = set()
    for row in re.findall(r"^\| (`.*?) \|", table, re.M):
        words = re.findall(r"`([a-z.]+)`", row)
        noun = words[0].partition(".")[0]
        named |= {f"{noun}{word}" if word.startswith(".") else word for word in words}
    assert told() - named == set()
