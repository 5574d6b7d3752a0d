"""`ivr graph`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ivr.cli.main import cli
from ivr.drawing import DrawingError, draw
from tests.kit.needs import lacks

FLOW = 'elements: {start: {type: start_incoming_call, numbers: ["100"]}}'

needs_dot = pytest.mark.skipif(lacks("dot"), reason="needs graphviz")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "desk.yaml").write_text(FLOW)
    (tmp_path / "ivr.yaml").write_text("flows: flows/\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", "ivr.yaml", "graph", *arguments])


@needs_dot
@pytest.mark.parametrize(("name", "start"), [("desk.svg", b"<?xml"), ("desk.png", b"\x89PNG")])
def test_drawings(house: Path, name: str, start: bytes) -> None:
    assert run("desk", "-o", name).exit_code == 0
    assert (house / name).read_bytes().startswith(start)


def test_source(house: Path) -> None:
    assert run("flows/desk.yaml", "-o", "desk.dot").exit_code == 0
    assert (house / "desk.dot").read_text().startswith("digraph flow {")


def test_faults(house: Path) -> None:
    assert run("nope").exit_code == 2
    assert run("desk", "-o", "desk.pdf").exit_code == 2
    assert run("desk", "-o", "none/desk.dot").exit_code == 1
    (house / "flows" / "desk.yaml").write_text("x: 1")
    assert run("desk").exit_code == 1


@needs_dot
def test_a_drawing_that_fails_or_takes_too_long() -> None:
    with pytest.raises(DrawingError, match="dot failed"):
        draw("digraph {", "svg")
    tangle = "".join(f"a{x} -> a{y};" for x in range(80) for y in range(80))
    with pytest.raises(DrawingError, match="too tangled"):
        draw(f"digraph {{ {tangle} }}", "svg", 0.05)


def test_without_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    with pytest.raises(DrawingError, match="apt-get install graphviz"):
        draw("digraph {}", "svg")
