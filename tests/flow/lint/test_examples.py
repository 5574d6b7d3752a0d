"""The flows that come with this project have no findings but notes."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.cli.check import _world
from ivr.flow.lint import check_flows
from ivr.flow.loader import load_folder
from ivr.settings import parse_settings

ROOT = Path(__file__).resolve().parents[3]
CONFIGURATIONS = sorted(path for path in (ROOT / "config").rglob("ivr.yaml"))


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=[path.parent.name for path in CONFIGURATIONS])
def test_nothing_but_notes(path: Path) -> None:
    settings = parse_settings(path.read_text(), path, {}, need_secrets=False)
    flows = load_folder(settings.flows, settings)
    found = check_flows(flows.values(), _world(settings))
    assert len(found) == len(flows) > 4
    assert [str(each) for findings in found.values() for each in findings if each.severity != "info"] == []
