"""Secrets: sensitive values that are spoken, sent out, or stand where people read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ivr.flow.elements.collect import CollectElement
from ivr.flow.elements.prompts import PromptFields
from ivr.flow.expressions import Template
from ivr.flow.lint.codes import Code, code
from ivr.flow.lint.findings import Finding
from ivr.flow.lint.view import View
from ivr.flow.positions import Path, dotted

__all__ = ["rules"]

P001 = code(
    "P001",
    "warning",
    "secret spoken",
    """A prompt says a sensitive value aloud: whoever stands beside the caller hears it, and so does a recording of
    the call. Say something about it instead (its last digits, whether it was right). A value that is made of a secret
    one is secret too.""",
    """
    variables: {pin: ""}
    sensitive: [pin]
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "Your PIN, please.", interruptible: true, next: keys}
      keys: {type: collect, max_digits: 4, save_as: pin, next: say, branches: {no_match: bye}}
      say: {type: play, text: "Your PIN is {{ digits(pin) }}.", next: bye}
      bye: {type: hang_up}
    """,
    """
    variables: {pin: ""}
    sensitive: [pin]
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "Your PIN, please.", interruptible: true, next: keys}
      keys: {type: collect, max_digits: 4, save_as: pin, next: say, branches: {no_match: bye}}
      say: {type: play, text: "Thank you, your PIN was taken.", next: bye}
      bye: {type: hang_up}
    """,
)
P002 = code(
    "P002",
    "warning",
    "secret in the name of a recording",
    """Names of files stand in lists, logs and backups. The runtime leaves a sensitive value out and gives the recording
    another name, so that it is not found under the one you meant. Use `call.short_id`.""",
    """
    variables: {pin: "0000"}
    sensitive: [pin]
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: message}
      message: {type: record_voicemail, name: "message-{{ pin }}", next: bye}
      bye: {type: hang_up}
    """,
    """
    variables: {pin: "0000"}
    sensitive: [pin]
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: right}
      right: {type: branch, conditions: [{when: pin == settings.pbx, to: bye}], branches: {otherwise: message}}
      message: {type: record_voicemail, name: "message-{{ call.short_id }}", next: bye}
      bye: {type: hang_up}
    """,
)
P003 = code(
    "P003",
    "warning",
    "secret sent out",
    """A sensitive value goes to another system: in the body or a header of a request or a message, or in the target
    of a call. Where that is what the flow is for (a PIN that a bank's server checks) allow it with the reason; else
    leave it out.""",
    """
    variables: {pin: "0000"}
    sensitive: [pin]
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask:
        type: call_api
        url: "https://bank.example/check"
        body: {pin: "{{ pin }}"}
        next: bye
        branches: {error: bye}
      bye: {type: hang_up}
    """,
    """
    variables: {pin: "0000"}
    sensitive: [pin]
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask:
        type: call_api
        url: "https://bank.example/check"
        body: {pin: "{{ pin }}"}  # ivr: allow P003 the bank checks the PIN itself
        next: bye
        branches: {error: bye}
      bye: {type: hang_up}
    """,
)
P004 = code(
    "P004",
    "warning",
    "secret in a URL",
    """Servers and proxies write URLs to their logs, and keep them for years. Send the value in the body of a POST.""",
    """
    variables: {pin: "0000"}
    sensitive: [pin]
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: call_api, url: "https://bank.example/check?pin={{ pin }}", next: bye, branches: {error: bye}}
      bye: {type: hang_up}
    """,
    """
    variables: {pin: "0000"}
    sensitive: [pin]
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask:
        type: call_api
        url: "https://bank.example/check"
        body: {pin: "{{ pin }}"}  # ivr: allow P003 the bank checks the PIN itself
        next: bye
        branches: {error: bye}
      bye: {type: hang_up}
    """,
)
P005 = code(
    "P005",
    "warning",
    "secret in logs and reports",
    """Tags and reasons are there to be read by people and other flows, and nothing hides what stands in them.
    The runtime leaves a sensitive value out where it can, and then the report says less than you meant.""",
    """
    variables: {pin: "0000"}
    sensitive: [pin]
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: mark}
      mark: {type: tag, tags: "pin {{ pin }}", next: bye}
      bye: {type: hang_up}
    """,
    """
    variables: {pin: "0000"}
    sensitive: [pin]
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: right}
      right: {type: branch, conditions: [{when: pin == settings.pbx, to: mark}], branches: {otherwise: bye}}
      mark: {type: tag, tags: identified, next: bye}
      bye: {type: hang_up}
    """,
)

EXPOSURES: dict[str, tuple[Code, str, str]] = {
    "named": (P002, "stands in the name of a recording", "use call.short_id"),
    "sent": (P003, "is sent out", "leave it out, or allow it with the reason"),
    "url": (P004, "stands in a URL, which servers log", "send it in the body of a POST"),
    "reported": (P005, "stands where people read it", "leave it out"),
}
"""What each way of leaving the call is called."""


def rules(view: View) -> Iterator[Finding]:
    """Findings of this module."""
    before = view.givers
    for name in view.flow.elements:
        secret = set(view.secret)
        digits = any(_secret_input(view, giver) for giver in before.get(name, ()))
        if not secret and not digits:
            continue
        spoken: set[Path] = set()
        for path, prompt in view.prompts(name):
            for part, template in _heard(prompt):
                spoken.add((*path, part))
                for read in _read(template, secret, digits):
                    mend = "say something about it instead"
                    yield view.finding(P001, name, dotted((*path, part)), f"{read} is secret and is spoken", mend)
        for path, template in view.templates(name):
            exposure = view.exposure(name, path)
            if exposure is not None and path not in spoken:
                found, message, mend = EXPOSURES[exposure]
                for read in _read(template, secret, digits):
                    yield view.finding(found, name, dotted(path), f"{read} is secret and {message}", mend)


def _heard(prompt: PromptFields) -> Iterator[tuple[str, Template[Any]]]:
    for part in ("text", "file", "url"):
        template = getattr(prompt, part)
        if template is not None:
            yield part, template


def _read(template: Template[Any], secret: set[str], digits: bool) -> list[str]:
    """Secret values that a field reads."""
    found: dict[str, None] = {}
    for expression in template.expressions:
        found.update(dict.fromkeys(sorted(expression.names & secret)))
        if digits and ("result", "digits") in expression.paths:
            found["result.digits"] = None
    return list(found)


def _secret_input(view: View, name: str) -> bool:
    element = view.flow.elements.get(name)
    return isinstance(element, CollectElement) and (element.sensitive or element.save_as in view.secret)
