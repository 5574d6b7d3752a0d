"""What keeps strangers from taking the system from others: budgets by source, bans, calls half open; whom to dial.

Pure: addresses and the time go in, decisions come out.
"""

from ivr.guard.bans import MANUAL, Ban
from ivr.guard.guard import Fault, SourceGuard
from ivr.guard.halfopen import HalfOpen

__all__ = ["MANUAL", "Ban", "Fault", "HalfOpen", "SourceGuard"]
