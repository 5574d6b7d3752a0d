"""Calls without a phone: the same machine and the same elements as live calls, in virtual time.

    call = SimulatedCall(flow, flows, Given(caller="+15550100"))
    parse_script([{"press": "1"}, {"hang_up_after": "5s"}]).run(call)
    call.path, call.cause, [said.text for said in call.said]

Nothing here reads a clock, opens a socket or draws a number that the seed does not give.
"""

from ivr.flow.sim.call import SimulatedCall
from ivr.flow.sim.configured import Configured, configured
from ivr.flow.sim.given import MONDAY_NOON, Given, PastEvent
from ivr.flow.sim.queues import QueueBook
from ivr.flow.sim.report import LONG_SILENCE
from ivr.flow.sim.script import Script, ScriptError, parse_script
from ivr.flow.sim.seen import (
    Change,
    Dialled,
    Forwarded,
    HandedOver,
    LeftMessage,
    LoggedEvent,
    Queued,
    Said,
    SentMail,
    SentRequest,
    Silence,
    StartedContact,
    Waited,
    Waiting,
)
from ivr.flow.sim.speech import SpeechModel
from ivr.flow.sim.steps import Step
from ivr.flow.sim.stubs import (
    AgentAnswer,
    AiAnswer,
    ApplicationAnswer,
    CalleeAnswer,
    ForwardAnswer,
    HttpAnswer,
    MailAnswer,
    Stubs,
)
from ivr.flow.sim.surroundings import Surroundings
from ivr.flow.sim.transcript import tell

__all__ = [
    "LONG_SILENCE",
    "MONDAY_NOON",
    "AgentAnswer",
    "AiAnswer",
    "ApplicationAnswer",
    "CalleeAnswer",
    "Change",
    "Configured",
    "Dialled",
    "ForwardAnswer",
    "Forwarded",
    "Given",
    "HandedOver",
    "HttpAnswer",
    "LeftMessage",
    "LoggedEvent",
    "MailAnswer",
    "PastEvent",
    "QueueBook",
    "Queued",
    "Said",
    "Script",
    "ScriptError",
    "SentMail",
    "SentRequest",
    "Silence",
    "SimulatedCall",
    "SpeechModel",
    "StartedContact",
    "Step",
    "Stubs",
    "Surroundings",
    "Waited",
    "Waiting",
    "configured",
    "parse_script",
    "tell",
]
