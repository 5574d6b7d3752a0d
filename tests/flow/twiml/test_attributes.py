"""Verb by verb, attribute by attribute: the table of the documentation, the interpreter, and what other documents may
have in them."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from pathlib import Path

import pytest
from twilio.twiml import TwiML, voice_response

from ivr.flow.twiml.attributes import USED
from tests.flow.twiml.kit import Application

PAGE = Path(__file__).parents[3] / "docs" / "voice-applications.md"
WIRE = {
    "Say": "voice loop language",
    "Play": "loop digits",
    "Pause": "length",
    "Gather": "input action method timeout speechTimeout maxSpeechTime profanityFilter finishOnKey numDigits "
    "partialResultCallback language hints bargeIn actionOnEmptyResult speechModel enhanced",
    "Record": "action method timeout finishOnKey maxLength playBeep trim recordingStatusCallback "
    "recordingStatusCallbackMethod recordingStatusCallbackEvent transcribe transcribeCallback",
    "Dial": "action method timeout hangupOnStar timeLimit callerId record trim answerOnBridge ringTone recordingTrack "
    "sequential referUrl referMethod recordingStatusCallback",
    "Number": "sendDigits url method statusCallback statusCallbackMethod statusCallbackEvent machineDetection",
    "Sip": "username password url method statusCallback",
    "Client": "url method statusCallback",
    "Enqueue": "action method maxQueueSize waitUrl waitUrlMethod workflowSid",
    "Task": "priority timeout",
    "Redirect": "method",
    "Reject": "reason",
    "Refer": "action method",
    "Connect": "action method",
    "Stream": "name url track statusCallback statusCallbackMethod",
    "Start": "action method",
    "Recording": "recordingStatusCallback track trim",
}
"""Attributes that existing documents use, besides those that the package writes."""
VALUES = {
    "action": "/after", "url": "/document", "waitUrl": "/wait", "statusCallback": "/status", "voice": "woman",
    "recordingStatusCallback": "/recorded", "method": "GET", "language": "en", "input": "dtmf",
    "track": "inbound_track",
    "reason": "busy", "name": "x", "callerId": "100", "sendDigits": "1", "digits": "1", "record": "true",
    "statusCallbackEvent": "answered", "recordingStatusCallbackEvent": "completed", "finishOnKey": "1", "value": "x",
}  # fmt: skip
"""For attributes that are used; others are numbers, or true."""
BODIES = {
    "Say": "<Say {}>x</Say>",
    "Play": "<Play {}>/a.wav</Play>",
    "Gather": "<Gather {}><Say>x</Say></Gather>",
    "Dial": "<Dial {}>100</Dial>",
    "Number": "<Dial><Number {}>100</Number></Dial>",
    "Sip": "<Dial><Sip {}>sip:a@b.test</Sip></Dial>",
    "Client": "<Dial><Client {}>200</Client></Dial>",
    "Enqueue": "<Enqueue {}>x</Enqueue>",
    "Task": "<Enqueue><Task {}>{{}}</Task></Enqueue>",
    "Refer": "<Refer {}><Sip>sip:a@b.test</Sip></Refer>",
    "Connect": '<Connect {}><Stream url="wss://bot.test/"/></Connect>',
    "Stream": '<Start><Stream url="wss://bot.test/" {}/></Start>',
    "Start": '<Start {}><Stream url="wss://bot.test/"/></Start>',
    "Recording": "<Start><Recording {}/></Start>",
    "Parameter": '<Start><Stream url="wss://bot.test/"><Parameter {}/></Stream></Start>',
    "Redirect": "<Redirect {}>/x</Redirect>",
}
"""A document with the verb or noun; others stand alone."""


def documented() -> dict[str, set[str]]:
    """Attributes by verb and noun, as the table of the page has them."""
    text = PAGE.read_text()
    rows = text[text.index("| verb | attributes | nouns | notes |") :].partition("\n\n")[0].splitlines()[2:]
    found: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        verbs, attributes, nouns, _ = row.strip("|").split("|")
        named = re.findall(r"`(\w+)`", verbs)
        for verb in named:
            found[verb] |= set(_whole(re.sub(r"\([^)]*\)", "", attributes)))
        group: list[str] = []
        begins = True
        for name in _whole(nouns.replace("with `Parameter`", "")):
            if name[0].isupper():
                group = [name] if begins else [*group, name]
                begins = False
                found[name] |= set()
            else:  # of all nouns before it
                begins = True
                for noun in group:
                    found[noun].add(name)
    found["Parameter"] |= {"name", "value"}
    return dict(found)


def _whole(cell: str) -> list[str]:
    """Names in a cell, short ones (`…Method`) in full."""
    names: list[str] = []
    for name in re.findall(r"`(…?\w+)`", cell):
        stem = next((known for known in reversed(names) if known.endswith(("Callback", "Url"))), "")
        names.append(stem + name[1:] if name.startswith("…") else name)
    return names


def written() -> dict[str, set[str]]:
    """Attributes by verb and noun that the package can write."""
    classes = {
        name.lower(): made
        for name, made in inspect.getmembers(voice_response, inspect.isclass)
        if issubclass(made, TwiML) and not name.startswith("Ssml") and made is not TwiML
    }
    found: dict[str, set[str]] = defaultdict(set)
    for made in classes.values():
        for name, method in inspect.getmembers(made, inspect.isfunction):
            noun = classes.get(name.replace("_", ""))
            if noun is None or name.startswith("_") or name in vars(TwiML):
                continue
            body = set(inspect.signature(noun.__init__).parameters)
            wanted = set(inspect.signature(method).parameters) - body - {"self", "kwargs"}
            found[noun.__name__] |= {_camel(one) for one in wanted}
    for verb, names in WIRE.items():
        found[verb] |= set(names.split())
    return dict(found)


def _camel(name: str) -> str:
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(part.capitalize() for part in rest)


def errors(verb: str, attributes: dict[str, str]) -> list[tuple[str, str]]:
    """Verb and text of what is said of a document."""
    held = " ".join(f'{name}="{value}"' for name, value in attributes.items())
    body = BODIES.get(verb, f"<{verb} {{}}/>").format(held)
    app = Application().answer(body)
    return [(str(data.get("Verb", "")), str(data["ErrorMessage"])) for data in app.told("error")]


def test_the_page_names_what_is_used() -> None:
    assert documented() == {verb: set(names) for verb, names in USED.items()}


@pytest.mark.parametrize("verb", sorted(USED))
def test_of_what_is_used_nothing_is_said(verb: str) -> None:
    names = USED[verb] - ({"url"} if verb == "Stream" else set())
    held = {name: VALUES.get(name, "GET" if name.endswith("Method") else "5") for name in sorted(names)}
    said = [text for at, text in errors(verb, held) if at == verb]
    assert not [text for text in said if "not used" in text or any(f"{name}:" in text for name in names)]


@pytest.mark.parametrize("verb", sorted({*USED, *written()}))
def test_of_all_else_is_said_which_it_is(verb: str) -> None:
    """A verb or noun that is not there is named; of one that is, each attribute that is not."""
    known = written().get(verb, set())
    if verb not in USED:
        parents = {"Conference": "Dial", "Sim": "Dial", "Application": "Dial", "Queue": "Dial"}
        held = f"<{verb}/>"
        if (parent := parents.get(verb)) is not None:
            held = f"<{parent}>{held}</{parent}>"
        app = Application().answer(held)
        told = [f"{data.get('Verb')} {data['ErrorMessage']}" for data in app.told("error")]
        assert any(verb in text for text in told), told
        return
    left = {*known - USED[verb], "somethingNew"}
    said = errors(verb, dict.fromkeys(sorted(left), "x"))
    for name in left:
        assert [text for at, text in said if at == verb and text.startswith(f"{name} is not used here")], (name, said)


@pytest.mark.parametrize(
    ("verb", "attributes"),
    [
        ("Dial", {"ringTone": "automatic", "trim": "do-not-trim", "recordingTrack": "both"}),
        ("Record", {"transcribe": "false", "trim": ""}),
        ("Gather", {"enhanced": "false", "hints": ""}),
    ],
)
def test_what_asks_for_nothing_is_not_said(verb: str, attributes: dict[str, str]) -> None:
    assert errors(verb, attributes) == []


@pytest.mark.parametrize("parent", ["Start", "Connect"])
def test_a_track_that_is_not_sent_is_named(parent: str) -> None:
    app = Application().answer(f'<{parent}><Stream url="wss://bot.test/" track="sideways"/></{parent}>')
    (error,) = app.told("error")
    assert error["Verb"] == "Stream" and error["ErrorMessage"].startswith("track: ")
