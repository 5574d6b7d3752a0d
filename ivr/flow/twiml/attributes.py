"""Attributes of verbs and nouns that mean something here; others are said to be of no use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ivr.flow.twiml.document import Verb

__all__ = ["unused"]

_CALLED = (
    "statusCallback statusCallbackEvent statusCallbackMethod url method sendDigits username password "
    "machineDetection amdStatusCallback"
)
_RECORDED = "recordingStatusCallback recordingStatusCallbackMethod recordingStatusCallbackEvent"
_KNOWN: Mapping[str, str] = {
    "Say": "voice language loop",
    "Play": "loop digits",
    "Pause": "length",
    "Gather": "input action method timeout finishOnKey numDigits actionOnEmptyResult bargeIn speechTimeout speechModel "
    "hints partialResultCallback enhanced profanityFilter",
    "Record": f"action method timeout finishOnKey maxLength playBeep transcribe transcribeCallback {_RECORDED}",
    "Dial": "action method timeout timeLimit callerId record answerOnBridge sequential hangupOnStar ringTone referUrl "
    f"{_RECORDED}",
    "Number": _CALLED,
    "Sip": _CALLED,
    "Client": _CALLED,
    "Queue": "",
    "Enqueue": "action method waitUrl waitUrlMethod workflowSid maxQueueSize",
    "Task": "priority timeout",
    "Refer": "action method",
    "Connect": "action method",
    "Stream": "url name track statusCallback statusCallbackMethod",
    "Start": "action method",
    "Stop": "",
    "Recording": _RECORDED,
    "Parameter": "name value",
    "Redirect": "method",
    "Leave": "",
    "Hangup": "",
    "Reject": "reason",
}
"""Names by verb and noun; those too of which the verb itself says what becomes of them."""


def unused(verb: Verb) -> Iterator[tuple[str, str]]:
    """Attributes of a verb and of the nouns in it that are left out of account: name of the verb or noun, attribute."""
    known = _KNOWN.get(verb.name)
    if known is None:  # not supported as a whole, which is said
        return
    names = known.split()
    yield from ((verb.name, name) for name in verb.attributes if name not in names)
    for noun in verb.children:
        yield from unused(noun)
