"""Corpora of hostile messages against the live daemon, over UDP and TCP: it minds none of them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Literal

import pytest

from tests.interop.conftest import daemon_on_both
from tests.kit.daemon import Daemon
from tests.kit.hostile import CORPORA, PROVING, barrage

pytestmark = [
    pytest.mark.interop,
    pytest.mark.skipif(not PROVING.exists(), reason=f"{PROVING} is not part of this copy"),
]

WORST = 0.3
"""Seconds of the slowest answer in between, on a machine that does other things; the drill corpora asks 0.05."""
GROWTH = 50_000
"""Kilobytes."""


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A daemon that listens on UDP and TCP."""
    with daemon_on_both(tmp_path_factory.mktemp("daemon")) as running:
        yield running


def check(daemon: Daemon, name: str, transport: Literal["udp", "tcp"], every: int) -> None:
    messages = itertools.islice(CORPORA[name](), 0, None, every)
    verdict = barrage(daemon.process.pid, daemon.sip_port, messages, transport)
    assert verdict.unanswered == []
    assert verdict.worst < WORST, verdict
    assert verdict.grown < GROWTH, verdict
    assert daemon.process.poll() is None
    assert "Traceback" not in daemon.log()


@pytest.mark.parametrize("name", CORPORA)
def test_over_udp(both: Daemon, name: str) -> None:
    check(both, name, "udp", 1)


@pytest.mark.parametrize(("name", "every"), [("protos", 11), ("seeds", 1), ("advisories", 1)])
def test_some_over_tcp(both: Daemon, name: str, every: int) -> None:
    check(both, name, "tcp", every)


@pytest.mark.heavy
def test_all_over_tcp(both: Daemon) -> None:
    check(both, "protos", "tcp", 1)
