"""What keeps strangers from taking the system from others: budgets by source, bans, calls half open; whom to dial.

Pure: addresses, numbers and the time go in, decisions come out.
"""

from ivr.guard.bans import MANUAL, Ban
from ivr.guard.guard import Fault, SourceGuard
from ivr.guard.halfopen import HalfOpen
from ivr.guard.policy import Dialler, DialPolicy, Place, Verdict
from ivr.guard.usage import Full, Usage

__all__ = [
    "MANUAL",
    "Ban",
    "DialPolicy",
    "Dialler",
    "Fault",
    "Full",
    "HalfOpen",
    "Place",
    "SourceGuard",
    "Usage",
    "Verdict",
]
