"""Explores flows: walks them in the simulator by itself, and tells what breaks, loops, goes silent or loses callers."""

from ivr.flow.explore.cases import as_case, given_data
from ivr.flow.explore.judging import Kind
from ivr.flow.explore.search import Bounds, Finding, Report, explore

__all__ = ["Bounds", "Finding", "Kind", "Report", "as_case", "explore", "given_data"]
