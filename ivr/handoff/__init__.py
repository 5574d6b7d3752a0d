"""Calls handed over to machines: AI agents and voice applications."""

from ivr.handoff.ai import AiDesk
from ivr.handoff.sids import call_sid

__all__ = ["AiDesk", "call_sid"]
