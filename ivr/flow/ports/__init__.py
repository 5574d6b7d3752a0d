"""What a running flow says to the call it drives, and what it hears back.

The machine is told `now` (seconds of any monotonic clock, the same for every call of one machine) and events; it
answers with commands. It never waits for a command to be done unless an event says so: each command that takes time
has an `id`, and exactly one event with that `id` ends it. An event with an unknown or old `id` is ignored, so a shell
may send the end of what was cancelled, and must where a result is worth keeping (`PlayDone` after `StopPlay` says how
much was heard).

Order at the end of a call: the shell sends :class:`CallEnded` first and what ends because of it (`PlayDone`,
`RecordDone`, `ForwardDone`) after it.
"""

from __future__ import annotations

from ivr.flow.ports.ai import (
    AiAgentConnecting,
    AiAgentDone,
    AiAgentSpoke,
    AiAgentStarted,
    AiAgentTold,
    AiReason,
    StartAiAgent,
    StopAiAgent,
)
from ivr.flow.ports.applications import (
    ApplicationAccepted,
    ApplicationDone,
    ApplicationOutcome,
    ApplicationTerms,
    OfferApplication,
    StopApplication,
    TellApplication,
)
from ivr.flow.ports.call import (
    CAUSES,
    CallInfo,
    Cause,
    DigitSource,
    ForwardOutcome,
    HandOffPacket,
    HangUpCause,
    PromptSpec,
    Voice,
)
from ivr.flow.ports.commands import (
    Answer,
    CancelForward,
    DiscardRecording,
    EarlyMedia,
    Forward,
    HangUp,
    Note,
    PauseCallRecording,
    Play,
    Record,
    ResumeCallRecording,
    Ring,
    Screen,
    SendKeys,
    StartCallRecording,
    StopCallRecording,
    StopPlay,
    StopRecord,
)
from ivr.flow.ports.control import (
    Instruction,
    InstructionDone,
    Moved,
)
from ivr.flow.ports.events import (
    CallAnswered,
    CallEnded,
    CallRecorded,
    Digit,
    DigitEnded,
    ForwardAnswered,
    ForwardDone,
    ForwardRinging,
    PlayDone,
    RecordDone,
)
from ivr.flow.ports.outgoing import (
    Answerer,
    AnswererFound,
    CancelDial,
    ContactStarted,
    Dial,
    DialAnswered,
    DialDone,
    DialOutcome,
    DialProgress,
    DialReserved,
    FailureKind,
    MachineDetection,
    ReserveDial,
    Speed,
    StartContact,
)
from ivr.flow.ports.outside import (
    DoNotContact,
    EventArrived,
    MailAttachment,
    MailDone,
    Request,
    RequestDone,
    RequestError,
    SendMail,
    StopWaiting,
    UpdateProfile,
    WaitForEvent,
)
from ivr.flow.ports.queue import (
    AgentAnswered,
    AgentCode,
    AgentCodeDone,
    AgentRinging,
    DeliverVoicemail,
    JoinQueue,
    JudgeNumber,
    KeepCallback,
    LeaveQueue,
    LeaveReason,
    LookAtQueue,
    NumberJudged,
    QueueDone,
    QueueJoined,
    QueueOutcome,
    QueuePosition,
    QueueSeen,
)
from ivr.flow.ports.streams import StartStream, StopStream

__all__ = [
    "CAUSES",
    "AgentAnswered",
    "AgentCode",
    "AgentCodeDone",
    "AgentRinging",
    "AiAgentConnecting",
    "AiAgentDone",
    "AiAgentSpoke",
    "AiAgentStarted",
    "AiAgentTold",
    "AiReason",
    "Answer",
    "Answerer",
    "AnswererFound",
    "ApplicationAccepted",
    "ApplicationDone",
    "ApplicationOutcome",
    "ApplicationTerms",
    "CallAnswered",
    "CallEnded",
    "CallInfo",
    "CallRecorded",
    "CancelDial",
    "CancelForward",
    "Cause",
    "Command",
    "ContactStarted",
    "DeliverVoicemail",
    "Dial",
    "DialAnswered",
    "DialDone",
    "DialOutcome",
    "DialProgress",
    "DialReserved",
    "Digit",
    "DigitEnded",
    "DigitSource",
    "DiscardRecording",
    "DoNotContact",
    "EarlyMedia",
    "Event",
    "EventArrived",
    "FailureKind",
    "Forward",
    "ForwardAnswered",
    "ForwardDone",
    "ForwardOutcome",
    "ForwardRinging",
    "HandOffPacket",
    "HangUp",
    "HangUpCause",
    "Instruction",
    "InstructionDone",
    "JoinQueue",
    "JudgeNumber",
    "KeepCallback",
    "LeaveQueue",
    "LeaveReason",
    "LookAtQueue",
    "MachineDetection",
    "MailAttachment",
    "MailDone",
    "Moved",
    "Note",
    "NumberJudged",
    "OfferApplication",
    "PauseCallRecording",
    "Play",
    "PlayDone",
    "PromptSpec",
    "QueueDone",
    "QueueJoined",
    "QueueOutcome",
    "QueuePosition",
    "QueueSeen",
    "Record",
    "RecordDone",
    "Request",
    "RequestDone",
    "RequestError",
    "ReserveDial",
    "ResumeCallRecording",
    "Ring",
    "Screen",
    "SendKeys",
    "SendMail",
    "Speed",
    "StartAiAgent",
    "StartCallRecording",
    "StartContact",
    "StartStream",
    "StopAiAgent",
    "StopApplication",
    "StopCallRecording",
    "StopPlay",
    "StopRecord",
    "StopStream",
    "StopWaiting",
    "TellApplication",
    "UpdateProfile",
    "Voice",
    "WaitForEvent",
]

Command = (
    Ring
    | EarlyMedia
    | Answer
    | Play
    | StopPlay
    | Record
    | StopRecord
    | DiscardRecording
    | StartCallRecording
    | StopCallRecording
    | PauseCallRecording
    | ResumeCallRecording
    | SendKeys
    | Forward
    | CancelForward
    | HangUp
    | Note
    | Request
    | SendMail
    | UpdateProfile
    | DoNotContact
    | WaitForEvent
    | StopWaiting
    | ReserveDial
    | Dial
    | CancelDial
    | StartContact
    | JoinQueue
    | LeaveQueue
    | JudgeNumber
    | LookAtQueue
    | KeepCallback
    | DeliverVoicemail
    | AgentCode
    | StartAiAgent
    | StopAiAgent
    | StartStream
    | StopStream
    | OfferApplication
    | StopApplication
    | TellApplication
    | InstructionDone
)

Event = (
    Digit
    | DigitEnded
    | PlayDone
    | RecordDone
    | CallRecorded
    | CallAnswered
    | ForwardRinging
    | ForwardAnswered
    | ForwardDone
    | CallEnded
    | RequestDone
    | MailDone
    | EventArrived
    | DialReserved
    | DialProgress
    | DialAnswered
    | AnswererFound
    | DialDone
    | ContactStarted
    | QueueJoined
    | QueuePosition
    | NumberJudged
    | QueueSeen
    | AgentRinging
    | AgentAnswered
    | AgentCodeDone
    | QueueDone
    | AiAgentConnecting
    | AiAgentStarted
    | AiAgentSpoke
    | AiAgentTold
    | AiAgentDone
    | ApplicationAccepted
    | ApplicationDone
    | ApplicationTerms
    | Instruction
    | Moved
)
