"""Decisions of the contact centre: events and the time in, decisions and the next wake-up out."""

from ivr.center.rules.center import Center
from ivr.center.rules.config import CenterConfig
from ivr.center.rules.explaining import AgentVerdict, ConditionVerdict, Explanation, RouteVerdict

__all__ = ["AgentVerdict", "Center", "CenterConfig", "ConditionVerdict", "Explanation", "RouteVerdict"]
