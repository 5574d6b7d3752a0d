"""Element types, one file each; importing this package registers them all."""

from ivr.flow.elements import (
    answer,
    branch,
    collect,
    forward_call,
    hang_up,
    pause,
    play,
    record_voicemail,
    set_variable,
    start,
    transfer_to_flow,
)
from ivr.flow.elements.base import ELEMENTS, BranchSpec, Element

__all__ = [
    "ELEMENTS",
    "BranchSpec",
    "Element",
    "answer",
    "branch",
    "collect",
    "forward_call",
    "hang_up",
    "pause",
    "play",
    "record_voicemail",
    "set_variable",
    "start",
    "transfer_to_flow",
]
