"""The page on hand-offs: its cases pass, and its pictures are those of the sequences."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ivr.flow import FlowSet, parse_flow
from ivr.flow.loader import load_folder
from ivr.flow.sim import configured
from ivr.flow.testing import Case, parse_cases, run_case
from ivr.settings import load_settings
from tests.docs.sequences import PICTURES, SEQUENCES, drawing

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "hand-offs.md").read_text()
SETTINGS = load_settings(ROOT / "config" / "examples" / "ivr.yaml", {}, need_secrets=False)
SURROUNDINGS = configured(SETTINGS)
DESK = load_folder(SETTINGS.flows, SETTINGS)["ai-front-desk"]

ELEMENTS = {
    "support": "type: transfer_to_agent, queue: support, branches: {call_not_forwarded: bye}",
    "sales": "type: transfer_to_agent, queue: sales, branches: {call_not_forwarded: bye}",
    "crm": "type: transfer_to_voice_application, application: crm, branches: {call_not_transferred: bye}, next: bye",
    "menu": "type: transfer_to_voice_application, application: menu, branches: {call_not_transferred: bye}",
    "chat": 'type: transfer_to_chat, url: "https://chat.example/hand-over", text: About your order., next: bye',
}
"""What the cases of the page are about, by its name; all others are about the AI front desk of the examples."""

_FLOW = """
elements:
  start: {{type: start_incoming_call, numbers: ["999"], next: {name}}}
  {name}: {{{fields}}}
  bye: {{type: play, text: Goodbye.}}
"""

[_BLOCK] = re.findall(r"^```yaml cases\n(.*?)^```$", PAGE, re.M | re.S)
CASES = list(parse_cases(_BLOCK, "hand-offs.test.yaml"))


def _about(case: Case) -> str | None:
    given = str(case)
    if "AiAnswer" in given:
        return None
    return next(
        name for name in ("crm", "menu", "chat", "sales", "support") if f"'{name}" in given or f"{name}." in given
    )


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_cases_of_the_page_pass(case: Case) -> None:
    about = _about(case)
    flow = DESK if about is None else parse_flow(_FLOW.format(name=about, fields=ELEMENTS[about]), "desk")
    outcome = run_case(case, flow, FlowSet({flow.name: flow}), SURROUNDINGS)
    assert outcome.passed, "\n".join(map(str, outcome.differences))


@pytest.mark.parametrize("name", SEQUENCES)
def test_the_pictures_are_those_of_the_sequences(name: str) -> None:
    assert f"(img/hand-off-{name}.svg)" in PAGE
    kept = (PICTURES / f"hand-off-{name}.svg").read_text()
    assert kept == drawing(SEQUENCES[name]), "run: .venv/bin/python -m tests.docs.sequences"
