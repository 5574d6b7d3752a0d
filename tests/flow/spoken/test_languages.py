"""Finding out the language of a text."""

from __future__ import annotations

from pathlib import Path

import yaml

from ivr.flow.loader import parse_flow
from ivr.flow.model import FlowSet
from ivr.flow.spoken import Languages
from ivr.flow.spoken.languages import detect
from tests.kit.flow import Talk

CONFIG = Path(__file__).resolve().parents[3] / "config"
AMONG = ("en", "de", "es", "fr")


def test_texts_of_the_example_flows_are_found_to_be_in_their_languages() -> None:
    texts = {
        text: language
        for path in CONFIG.glob("**/flows/*.yaml")
        if not path.stem.endswith(".test")
        for language, table in yaml.safe_load(path.read_text()).get("variables", {}).get("texts", {}).items()
        for text in table.values()
    }
    found = detect(texts, AMONG)
    assert set(texts.values()) == set(AMONG)
    assert len(found) >= 0.9 * len(texts)
    assert {text: language for text, language in found.items() if texts[text] != language} == {}


def test_only_configured_languages_are_found() -> None:
    german = "Bitte drücken Sie eine Taste von eins bis fünf."
    assert detect([german], ("en", "de-AT")) == {german: "de-AT"}
    assert detect([german], ("en", "fr")).get(german) != "de"
    assert detect([german], ("de",)) == {}
    assert detect([german], ("en", "xx")) == {}


def test_short_texts_are_in_the_configured_language() -> None:
    assert detect(["Guten Tag", "1 2 3 4 5", "", "…"], AMONG) == {}


def test_what_was_found_out_is_looked_up_and_kept() -> None:
    languages = Languages("en", ["de"])
    text = "Willkommen bei der Beispiel GmbH."
    assert languages.known(text) is None
    assert languages.open([text, text, "Hallo"]) == [text]
    languages.learn([text])
    assert languages.known(text) == "de"
    assert languages.open([text]) == []
    languages.keep({"a b c": "fr"})
    assert languages.known("a b c") is None


def test_one_language_leaves_nothing_to_find_out() -> None:
    assert Languages("de").open(["Willkommen bei der Beispiel GmbH."]) == []
    assert Languages("de", ["de"]).among == ("de",)


FLOW = """
variables: {balance: 12.5}
elements:
  start: {type: start_incoming_call, numbers: ["1"], next: hello}
  hello: {type: play, text: 'Ihr Guthaben beträgt jetzt {{ money(balance, "EUR") }}.', next: english}
  english: {type: play, text: 'That is {{ money(balance, "EUR") }} for you.', language: en, next: plain}
  plain: {type: play, text: '{{ money(balance, "EUR") }}', next: set}
  set: {type: set_variable, variables: {language: fr}, next: french}
  french: {type: play, text: '{{ money(balance, "EUR") }}'}
"""


def test_a_prompt_and_the_values_in_it_are_in_one_language() -> None:
    flow = parse_flow(FLOW, "main")
    languages = Languages("es", ["de", "en"])
    languages.learn([flow.elements["hello"].text.words])  # type: ignore[attr-defined]
    talk = Talk(flow, FlowSet({"main": flow}), languages=languages).start().finish()
    from ivr.flow.ports import Play

    heard = [(prompt.language, prompt.value) for command in talk.commands(Play) for prompt in command.prompts]
    assert heard == [
        ("de", "Ihr Guthaben beträgt jetzt zwölf Euro und fünfzig Cent."),
        ("en", "That is twelve euros and fifty cents for you."),
        (None, "doce euros con cincuenta céntimos"),
        ("fr", "douze euros et cinquante centimes"),
    ]
