"""The languages of the flows' texts, found out in a process of its own."""

from __future__ import annotations

import logging

import pytest

from ivr.call import languages as module
from ivr.call.languages import learn_languages, texts_of
from ivr.flow.loader import parse_flow
from ivr.flow.spoken import Languages

FLOW = """
variables: {{{variables}}}
elements:
  start: {{type: start_incoming_call, numbers: ["1"], next: hello}}
  hello: {{type: play, text: "Guten Tag, was kann ich für Sie tun?", next: second}}
  second: {{type: play, text: "Good day, what can I do for you?", language: en, next: menu}}
  menu:
    type: collect
    max_digits: 1
    attempts: 2
    retry_prompt: "Bitte drücken Sie eine Taste, {{{{ call.from }}}}."
    next: hello
"""
TEXTS = ["Guten Tag, was kann ich für Sie tun?", "Bitte drücken Sie eine Taste, ."]


def test_texts_without_a_language_are_looked_at() -> None:
    assert texts_of([parse_flow(FLOW.format(variables=""), "a")]) == TEXTS
    assert texts_of([parse_flow(FLOW.format(variables="language: de"), "a")]) == []


async def test_they_are_found_out() -> None:
    languages = Languages("en", ["de", "fr"])
    await learn_languages(languages, [parse_flow(FLOW.format(variables=""), "a")])
    assert [languages.known(text) for text in TEXTS] == ["de", "de"]


async def test_a_child_that_fails_leaves_the_configured_language(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module.sys, "executable", "/bin/false")
    languages = Languages("en", ["de", "fr"])
    with caplog.at_level(logging.WARNING):
        await learn_languages(languages, [parse_flow(FLOW.format(variables=""), "a")])
    assert "2 texts" in caplog.text
    assert languages.known(TEXTS[0]) is None
