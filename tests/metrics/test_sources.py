"""Figures of one part, read off that part alone."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from ivr.metrics import sources


def test_connections_that_stand_and_those_that_were_refused() -> None:
    shell: Any = SimpleNamespace(connections={"tls": 2}, connections_refused=3, certificates=list)
    found = {
        (sample.name, sample.labels.get("transport")): sample.value
        for family in sources.transports(shell)
        for sample in family.samples
    }
    assert found["ivr_sip_connections", "tls"] == 2
    assert found["ivr_sip_connections", "tcp"] == 0
    assert found["ivr_sip_connections_refused_total", None] == 3
