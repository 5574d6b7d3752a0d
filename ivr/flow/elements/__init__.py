"""Element types, one file each; importing this package registers them all."""

from ivr.flow.elements import (
    answer,
    branch,
    collect,
    do_not_contact,
    forward_call,
    hang_up,
    hours,
    pause,
    play,
    record_voicemail,
    set_variable,
    split,
    start,
    tag,
    transfer_to_flow,
    update_profile,
)
from ivr.flow.elements.base import ELEMENTS, BranchSpec, Element

__all__ = [
    "ELEMENTS",
    "BranchSpec",
    "Element",
    "answer",
    "branch",
    "collect",
    "do_not_contact",
    "forward_call",
    "hang_up",
    "hours",
    "pause",
    "play",
    "record_voicemail",
    "set_variable",
    "split",
    "start",
    "tag",
    "transfer_to_flow",
    "update_profile",
]
