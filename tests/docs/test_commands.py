"""Commands that the documentation names are there, with the options that it gives them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ivr.cli.main import cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md")), *sorted((ROOT / "config").glob("**/*.md"))]
_INLINE = re.compile(r"`((?:\.venv/bin/)?ivr [^`\n]+)`")
_SHOWN = re.compile(r"^ *(?:\$ )?(?:sudo )?((?:\.venv/bin/)?ivr .*)$", re.M)
_SCRIPT = re.compile(r"\bsh (deploy/[\w.-]+\.sh)((?: --[\w-]+)*)")


def commands(text: str) -> Iterator[str]:
    """What is written as a command: without what is piped, redirected or remarked behind it."""
    lines = "\n".join(line for line in text.splitlines() if line.startswith("    "))
    fenced = "\n".join(re.findall(r"^```\w*[^\n]*\n(.*?)^```", text, re.M | re.S))
    for found in (*_INLINE.findall(text), *_SHOWN.findall(lines), *_SHOWN.findall(fenced)):
        yield re.split(r" {2,}#| # | \| | > ", found)[0].removeprefix(".venv/bin/")


def problem(words: list[str]) -> str | None:
    """Why the command line knows no such command; None: it does."""
    command: click.Command = cli
    context = click.Context(cli)
    rest = words[1:]
    while rest:
        word = rest.pop(0)
        if word.startswith("-") and word != "-":
            name, given, _ = word.partition("=")
            options = {name: found for found in command.params for name in (*found.opts, *found.secondary_opts)}
            if name != "--help" and name not in options:
                return f"no option {name}"
            option = options.get(name)
            if isinstance(option, click.Option) and not (option.is_flag or option.count or given) and rest:
                rest.pop(0)
        elif isinstance(command, click.Group):
            found = command.get_command(context, word)
            if found is None:
                return f"no command {word}"
            command = found
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_command_is_there(page: Path) -> None:
    for written in commands(page.read_text()):
        try:
            words = shlex.split(written)
        except ValueError:  # a command over several lines
            words = written.split()
        assert problem(words) is None, f"{written}: {problem(words)}"


def test_commands_are_found_and_wrong_ones_are_known() -> None:
    found = [command for page in PAGES for command in commands(page.read_text())]
    assert "ivr check" in found and len(found) > 200
    assert problem(["ivr", "chek"]) == "no command chek"
    assert problem(["ivr", "calls", "--jsn"]) == "no option --jsn"


def test_every_script_is_there_and_knows_its_options() -> None:
    found = [match for page in PAGES for match in _SCRIPT.findall(page.read_text())]
    assert ("deploy/run.sh", "") in found and ("deploy/test.sh", " --heavy") in found
    for script, options in found:
        text = (ROOT / script).read_text()
        assert all(option in text for option in options.split()), f"{script}{options}"
