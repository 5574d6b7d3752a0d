"""The linter: what `ivr check`, the HTTP interface and the editor say about flows that hold.

    check_flow(flow, World(...)) -> [Finding, ...]
    check_flows(flows, World(...)) -> {name: [Finding, ...]}    flows that know of each other
    CODES["G004"]                                               what a finding means, with examples

Rules stand in modules by subject and look at a flow through a :class:`~ivr.flow.lint.view.View`. None refuses a flow:
that is for faults of shape and reference alone (F001), which the loader finds. Each takes time that grows with the
size of the flow, not with the number of its paths.
"""

from ivr.flow.lint.checking import check_flow, check_flows
from ivr.flow.lint.codes import CODES, Code
from ivr.flow.lint.faults import F001 as _F001  # noqa: F401 - enters the codes of faults
from ivr.flow.lint.findings import SEVERITIES, Finding, Severity, World, finding_of

__all__ = [
    "CODES",
    "SEVERITIES",
    "Code",
    "Finding",
    "Severity",
    "World",
    "check_flow",
    "check_flows",
    "finding_of",
]
