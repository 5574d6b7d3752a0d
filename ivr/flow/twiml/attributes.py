"""Attributes of verbs and nouns: which mean something here, and what is said of all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from ivr.flow.twiml.document import Verb

__all__ = ["USED", "Unused", "unused"]

_CALLED = "statusCallback statusCallbackEvent statusCallbackMethod url method sendDigits"
_RECORDED = "recordingStatusCallback recordingStatusCallbackMethod recordingStatusCallbackEvent"
USED: Mapping[str, frozenset[str]] = {
    name: frozenset(attributes.split())
    for name, attributes in {
        "Say": "voice language loop",
        "Play": "loop digits",
        "Pause": "length",
        "Gather": "input action method timeout finishOnKey numDigits actionOnEmptyResult bargeIn",
        "Record": f"action method timeout finishOnKey maxLength playBeep {_RECORDED}",
        "Dial": f"action method timeout timeLimit callerId record answerOnBridge sequential hangupOnStar {_RECORDED}",
        "Number": _CALLED,
        "Sip": _CALLED,
        "Client": _CALLED,
        "Enqueue": "action method waitUrl waitUrlMethod maxQueueSize",
        "Task": "priority timeout",
        "Refer": "action method",
        "Connect": "action method",
        "Stream": "url name track statusCallback statusCallbackMethod",
        "Start": "",
        "Stop": "",
        "Recording": _RECORDED,
        "Parameter": "name value",
        "Redirect": "method",
        "Leave": "",
        "Hangup": "",
        "Reject": "reason",
    }.items()
}
"""Names of those that are used, by verb and noun; of verbs that are not here it is said that they are not supported."""

_SPEECH = 13335, "speech is not recognised here: keys alone are taken in"
_DETECTION = 13222, "a call of the calls resource has machine detection"
_TRANSCRIPT = 13600, "recordings are not written down here"
_REFER = 13230, "a transfer that a party asks for (REFER) is carried out here"
_PASSWORD = 13224, "lines have users and passwords"
_WHY: Mapping[str, tuple[int, str]] = {
    **dict.fromkeys(
        (
            "Gather.speechTimeout", "Gather.speechModel", "Gather.hints", "Gather.partialResultCallback",
            "Gather.partialResultCallbackMethod", "Gather.enhanced", "Gather.profanityFilter", "Gather.maxSpeechTime",
            "Gather.language",
        ),
        _SPEECH,
    ),
    **dict.fromkeys(
        (
            "machineDetection", "machineDetectionTimeout", "machineDetectionSpeechThreshold",
            "machineDetectionSpeechEndThreshold", "machineDetectionSilenceTimeout", "amdStatusCallback",
            "amdStatusCallbackMethod",
        ),
        _DETECTION,
    ),
    "Record.transcribe": _TRANSCRIPT,
    "Record.transcribeCallback": _TRANSCRIPT,
    "Dial.referUrl": _REFER,
    "Dial.referMethod": _REFER,
    "Dial.ringTone": (13231, "callers hear the ringing of this country"),
    "username": _PASSWORD,
    "password": _PASSWORD,
    "Enqueue.workflowSid": (14200, "routes say which queue it is"),
    "trim": (12200, "silence is kept"),
    "recordingTrack": (12200, "each side has a channel of its own"),
}  # fmt: skip
"""Twilio's number for what is wrong with an attribute, and what there is instead; of all verbs where none is named."""
_AS_IT_IS: Mapping[str, str] = {
    "ringTone": "automatic",
    "transcribe": "false",
    "enhanced": "false",
    "trim": "do-not-trim",
    "recordingTrack": "both",
}
"""Values that ask for nothing that is not there."""


@dataclass(frozen=True, slots=True)
class Unused:
    """An attribute that is left out of account."""

    verb: str
    name: str
    code: int
    """Twilio's number for it."""
    why: str
    """Empty: there is nothing more to say."""

    @property
    def text(self) -> str:
        """What is said of it."""
        return f"{self.name[:40]} is not used here" + (f": {self.why}" if self.why else "")


def unused(verb: Verb) -> Iterator[Unused]:
    """Attributes of a verb, and of the nouns in it, that are left out of account."""
    known = USED.get(verb.name)
    if known is None:  # not supported as a whole, which is said
        return
    for name, value in verb.attributes.items():
        if name in known or value.strip().lower() in ("", _AS_IT_IS.get(name)):
            continue
        code, why = _WHY.get(f"{verb.name}.{name}") or _WHY.get(name) or (12200, "")
        yield Unused(verb.name, name, code, why)
    for noun in verb.children:
        yield from unused(noun)
