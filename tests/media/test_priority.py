"""The priority of a media worker, in processes of their own: they are lost by what the tests do with them."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest


def run(code: str) -> str:
    """What a process says that takes its priority and then does this."""
    begin = "import os, resource, signal, time\nfrom media import priority\nown = priority.Priority()\n"
    process = subprocess.run(
        [sys.executable, "-c", begin + textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def realtime() -> bool:
    """Whether it is permitted here, and two cores are there."""
    code = """
    own.take()
    print(os.sched_getscheduler(0) == os.SCHED_RR)
    """
    return run(code) == "True"


def test_who_is_not_permitted_goes_without() -> None:
    code = """
    def refuse(*_): raise PermissionError
    os.sched_setscheduler = os.setpriority = refuse
    own.take()
    print(os.sched_getscheduler(0) == os.SCHED_OTHER, own.lost)
    """
    assert run(code) == "True False"


def test_who_takes_no_pause_becomes_one_like_others() -> None:
    if not realtime():
        pytest.skip("no real-time priority here")
    code = """
    priority.UNBROKEN = 0.05
    own.take()
    before, end = os.sched_getscheduler(0), time.monotonic() + 30
    while not own.lost and time.monotonic() < end:
        pass
    print(before == os.SCHED_RR, own.lost, os.sched_getscheduler(0) == os.SCHED_OTHER)
    """
    assert run(code) == "True True True"


def test_pauses_keep_the_priority() -> None:
    if not realtime():
        pytest.skip("no real-time priority here")
    code = """
    priority.UNBROKEN = 0.2
    own.take()
    for _ in range(20):
        end = time.process_time() + 0.02
        while time.process_time() < end:
            pass
        time.sleep(0.001)
    print(own.lost)
    """
    assert run(code) == "False"


def test_a_worker_comes_before_the_daemon_that_is_real_time_itself() -> None:
    if not realtime():
        pytest.skip("no real-time priority here")
    code = """
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(3))
    own.take()
    print(os.sched_getparam(0).sched_priority, resource.getrlimit(resource.RLIMIT_RTTIME))
    """
    assert run(code) == "4 (1000000, 5000000)" and os.sched_getscheduler(0) != os.SCHED_RR
