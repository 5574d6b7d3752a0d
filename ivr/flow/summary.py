"""What an element says or does, in a few words: for drawings and lists."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ivr.flow.elements.base import Element
from ivr.flow.elements.call_api import CallApiElement
from ivr.flow.elements.collect import CollectElement
from ivr.flow.elements.connector import ConnectorCall
from ivr.flow.elements.do_not_contact import DoNotContactElement
from ivr.flow.elements.forward_call import ForwardCallElement
from ivr.flow.elements.hang_up import HangUpElement
from ivr.flow.elements.hours import HoursElement
from ivr.flow.elements.notify import NotifyElement
from ivr.flow.elements.pause import PauseElement
from ivr.flow.elements.prompts import PromptFields
from ivr.flow.elements.record_voicemail import RecordVoicemailElement
from ivr.flow.elements.set_variable import SetVariableElement
from ivr.flow.elements.split import SplitElement
from ivr.flow.elements.start import StartFromAudienceElement, StartIncomingCallElement
from ivr.flow.elements.start_outgoing_call import StartOutgoingCallElement
from ivr.flow.elements.tag import TagElement, UntagElement
from ivr.flow.elements.transfer_to_agent import TransferToAgentElement
from ivr.flow.elements.transfer_to_ai_agent import TransferToAiAgentElement
from ivr.flow.elements.transfer_to_chat import TransferToChatElement
from ivr.flow.elements.transfer_to_flow import TransferToFlowElement
from ivr.flow.elements.transfer_to_voice_application import TransferToVoiceApplicationElement
from ivr.flow.elements.update_profile import UpdateProfileElement
from ivr.flow.elements.wait_for_date import WaitForDateElement
from ivr.flow.elements.wait_for_event import WaitForEventElement
from ivr.flow.expressions import Scope, Template
from ivr.flow.walk import at_first
from ivr.units import WEEKDAYS

__all__ = ["bare", "summary"]

DAY, HOUR, MINUTE = 86400, 3600, 60


def summary(element: Element, first: Scope) -> str:
    """What an element says or does; empty where its type says all. `first` has the defaults of the variables."""
    match element:
        case PromptFields():
            return _prompt(element, first)
        case StartIncomingCallElement():
            line = f" on {element.line}" if element.line else ""
            return ", ".join("any number" if number == "*" else number for number in element.numbers) + line
        case StartFromAudienceElement():
            return "" if element.event is None else f"event {element.event}"
        case CollectElement():
            return _collect(element)
        case ForwardCallElement():
            joint = ", then " if element.ring == "in_turn" else " + "
            return "to " + joint.join(target.source for target in element.to)
        case RecordVoicemailElement():
            return f"up to {element.max_duration:g} s"
        case HangUpElement():
            words = "" if element.cause == "normal" else element.cause
            return _prompt(element.prompt, first) if element.prompt is not None else words
        case SetVariableElement():
            return _assigned(element.variables)
        case TransferToFlowElement():
            whom = f", for {bare(element.participant.source)}" if element.participant is not None else ""
            return f"to flow {element.flow.source}{whom}"
        case StartOutgoingCallElement():
            return _calls(element)
        case CallApiElement():
            where = f"{element.connector}: " if element.connector else ""
            method = element.method or ("GET" if element.body is None else "POST")
            return f"{method} {where}{element.url.source if element.url is not None else ''}".strip()
        case NotifyElement():
            return f"{element.by} to {', '.join(bare(to.source) for to in element.to)}"
        case ConnectorCall():
            values = {name: getattr(element, name, None) for name in element.FIELDS}
            return _assigned({name: value for name, value in values.items() if isinstance(value, Template)})
    return _handed(element) or _of_state_and_time(element)


def _handed(element: Element) -> str:
    """To whom a call is handed over, and what is tried next."""
    match element:
        case TransferToAgentElement():
            where = "as the routes say" if element.queue is None else f"queue {bare(element.queue.source)}"
            parts = ["call back" if element.callback_first else "", where]
        case TransferToAiAgentElement():
            parts = [f"to {bare(element.agent.source)}"]
        case TransferToVoiceApplicationElement():
            parts = [f"to {bare(element.application.source)}"]
        case TransferToChatElement():
            where = f"{element.connector}: " if element.connector else ""
            return f"{where}{element.url.source if element.url is not None else ''}".strip()
        case _:
            return ""
    if element.failover:
        parts.append("then " + ", ".join(member.kind.replace("_", " ") for member in element.failover))
    return ", ".join(part for part in parts if part)


def _of_state_and_time(element: Element) -> str:
    match element:
        case PauseElement():
            return _pause(element)
        case WaitForEventElement():
            return f"for {bare(element.event.source)}"
        case WaitForDateElement():
            shift = f"{_time(element.before)} before " if element.before else ""
            shift = f"{_time(element.after)} after " if element.after else shift
            return f"for {shift}{bare(str(element.date.source))}"
        case HoursElement():
            return f"of {bare(element.calendar.source)}"
        case SplitElement():
            total = sum(element.ways.values())
            return ", ".join(f"{way} {weight / total:.0%}" for way, weight in element.ways.items())
        case TagElement():
            return ", ".join(_listed(element.tags))
        case UntagElement():
            return "all" if element.all else ", ".join(_listed(element.tags or ()))
        case UpdateProfileElement():
            return _assigned(element.fields)
        case DoNotContactElement():
            return f"{element.action} {'the caller' if element.number is None else bare(element.number.source)}"
    return ""


def bare(source: str) -> str:
    """A template without its braces, where it is one expression."""
    inner = source.strip()
    return inner[2:-2].strip() if inner.startswith("{{") and inner.endswith("}}") and inner.count("{{") == 1 else inner


def _assigned(values: Mapping[str, Template[Any]]) -> str:
    return ", ".join(f"{name} = {_written(value)}" for name, value in values.items())


def _written(value: Template[Any]) -> str:
    """A value as the flow has it: YAML words for what is no text."""
    if value.fixed and not isinstance(value.constant, str):
        return json.dumps(value.constant, default=str, ensure_ascii=False)
    return bare(value.source)


def _listed(tags: tuple[Template[str], ...]) -> list[str]:
    return [bare(tag.source) for tag in tags]


def _time(seconds: float) -> str:
    for unit, letter in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= unit and seconds % unit == 0:
            return f"{seconds / unit:g} {letter}"
    return f"{seconds:g} s"


def _prompt(prompt: PromptFields, first: Scope) -> str:
    if prompt.text is not None:
        text = at_first(prompt.text, first)
        return bare(prompt.text.source) if text is None else f"“{text}”"
    for kind, source in (("file", prompt.file), ("url", prompt.url), ("recording", prompt.voicemail)):
        if source is not None:
            return f"{kind} {source.source}"
    return ""


def _pause(element: PauseElement) -> str:
    until = element.until
    if until is None:
        return _time(element.duration or 0.0)
    day = bare(until.date.source) if until.date is not None else ", ".join(until.weekday or ())
    return " ".join(part for part in ("until", day, "" if until.at is None else str(until.at)) if part)


def _calls(element: StartOutgoingCallElement) -> str:
    parts = ["to the contact" if element.to is None else f"to {bare(element.to.source)}"]
    window = element.window
    if window is not None:
        days = _days(window.days)
        parts.append(f"{days}{window.from_} to {window.to}")
    if element.retry is not None:
        parts.append(f"{element.retry.times + 1} attempts")
    if element.machine_detection != "off":
        parts.append(f"machines told by {'their beep' if element.machine_detection == 'beep' else 'greeting'}")
    elif element.confirm is not None:
        parts.append("confirmed by a key")
    return ", ".join(parts)


def _days(days: tuple[str, ...]) -> str:
    """Weekdays with a space after them; nothing where they are all."""
    if len(days) == len(WEEKDAYS):
        return ""
    first = WEEKDAYS.index(days[0])
    row = tuple(WEEKDAYS[first : first + len(days)])
    return f"{days[0]}-{days[-1]} " if len(days) > 2 and row == tuple(days) else f"{', '.join(days)} "


def _collect(element: CollectElement) -> str:
    parts = []
    if not element.responses:
        least, most = element.min_digits, element.max_digits
        if most is None:
            parts.append(f"{least} digits or more" if least > 1 else "digits")
        elif least == most:
            parts.append("1 digit" if most == 1 else f"{most} digits")
        else:
            parts.append(f"{least} to {most} digits")
    if element.attempts > 1:
        parts.append(f"{element.attempts} attempts")
    if element.save_as:
        parts.append(f"into {element.save_as}")
    return ", ".join(parts)
