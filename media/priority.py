"""The priority of a media worker. It is due every 20 ms, whatever else the machine has to do, and must not be able to
take the machine from all others: a real-time process that does not pause for :data:`UNBROKEN` seconds becomes one like
others."""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from typing import Any, Final

__all__ = ["UNBROKEN", "Priority", "give_up"]

UNBROKEN: Final = 1.0
"""Seconds of work without a pause: fifty ticks that were all too long are no peak, and signalling must have a turn."""
UNBROKEN_MOST: Final = 5.0
"""Seconds after which the kernel ends it (RLIMIT_RTTIME): it does not even get to give its priority back. A worker that
is silent for so long is replaced in any case."""
_NICE: Final = -10
_CAPABILITY_VERSION: Final = 0x20080522
"""Of capset(2): 64 capabilities."""


class Priority:
    """Of this process; to be used by its main thread, and by one."""

    def __init__(self) -> None:
        self.lost = False
        """It was real-time, and is no more."""

    def take(self) -> None:
        """Ask to run when the tick is due: real-time where permitted and another core is left, else a better nice."""
        if (os.cpu_count() or 1) > 1 and self._realtime():
            return
        _be_nice()

    def _realtime(self) -> bool:
        """Be real-time, before what has started us where that is real-time itself; whether that is so now."""
        had = os.sched_getparam(0).sched_priority  # 0 of all that is not real-time
        try:
            most = resource.getrlimit(resource.RLIMIT_RTTIME)[1]
            limits = (int(UNBROKEN * 1e6), int(UNBROKEN_MOST * 1e6))
            if most != resource.RLIM_INFINITY:
                limits = (min(limits[0], most), min(limits[1], most))
            resource.setrlimit(resource.RLIMIT_RTTIME, limits)
        except (OSError, ValueError):
            return False
        signal.signal(signal.SIGXCPU, self._lose)
        for priority in dict.fromkeys((had + 1, had)):
            if 0 < priority <= os.sched_get_priority_max(os.SCHED_RR):
                with contextlib.suppress(OSError):
                    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(priority))
                    return True
        return False

    def _lose(self, *_: Any) -> None:
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        _be_nice()
        self.lost = True


def _be_nice() -> None:
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, _NICE)


def give_up() -> None:
    """Let go of all capabilities: the priority is had, and the ports are none of the low ones. Root keeps what it needs
    to write into folders of others."""
    if os.geteuid() != 0:
        header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
        ctypes.CDLL(None).capset(header, (ctypes.c_uint32 * 6)())  # where it is not permitted they stay
