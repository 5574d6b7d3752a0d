"""What `ivr check` says about test cases: it does not run them, it tells which cannot be."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from ivr.errors import Fault
from ivr.flow.lint import Finding, finding_of
from ivr.flow.model import Flow, FlowSet
from ivr.flow.testing import CaseError, case_faults, case_files, load_cases, lone_tests

__all__ = ["case_findings"]


def case_findings(flows: Collection[Flow], checked: Collection[Path], folder: Path | None) -> list[Finding]:
    """Faults in the test cases of the flows that are checked, and with a folder in those of its flows that are not
    there."""
    known = FlowSet({flow.name: flow for flow in flows})
    faults = lone_tests(folder) if folder is not None and folder.is_dir() else []
    for place in sorted({path.parent for path in checked}):
        for file in case_files(place):
            flow = known.get(file.name.partition(".test.")[0])
            if flow is not None and flow.source in checked:
                faults.extend(_faults(file, flow, known))
    return [replace(finding_of(fault, "C003"), severity="warning") for fault in faults]


def _faults(file: Path, flow: Flow, flows: FlowSet) -> list[Fault]:
    try:
        return [fault for case in load_cases(file) for fault in case_faults(case, flow, flows)]
    except CaseError as error:
        return list(error.faults)
