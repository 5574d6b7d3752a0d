"""TwiML, interpreted: documents of a web server say what a call does, verb by verb, as they do at Twilio."""

from ivr.flow.twiml.document import TwimlError, Verb, parse
from ivr.flow.twiml.forms import FORM, lasted, stamp, with_query
from ivr.flow.twiml.interpreter import Ended, converse, run, terms_of
from ivr.flow.twiml.sids import call_id, call_sid, recording_id, recording_sid
from ivr.flow.twiml.talk import API_VERSION, Failed, Go, Talk

__all__ = [
    "API_VERSION",
    "FORM",
    "Ended",
    "Failed",
    "Go",
    "Talk",
    "TwimlError",
    "Verb",
    "call_id",
    "call_sid",
    "converse",
    "lasted",
    "parse",
    "recording_id",
    "recording_sid",
    "run",
    "stamp",
    "terms_of",
    "with_query",
]
