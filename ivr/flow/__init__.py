"""Call flows: the language (model, loader, linter, expressions) and the machine that runs it. Pure."""

from ivr.flow.loader import join_flows, load_flow, load_folder, parse_flow
from ivr.flow.machine import Machine
from ivr.flow.model import Flow, FlowSet

__all__ = ["Flow", "FlowSet", "Machine", "join_flows", "load_flow", "load_folder", "parse_flow"]
