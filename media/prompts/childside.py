"""The child's side of a job process: hardening, and the loop that answers one job after another.

One JSON object a line in both directions. First the child says `{"ready": true, ...}` or `{"error": text}`; then each
request is answered by `{"result": {...}}` or `{"error": text}`, in order. It ends at end of file on standard input.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from typing import Any, TextIO

__all__ = ["JobError", "serve"]

ADDRESS_SPACE = 2 * 2**30
"""Bytes of address space: libraries map about 0.6 GB; more means that an input makes a decoder allocate without end."""
FILE_BYTES = 512 * 2**20
"""Of one file written: far more than any limit on sound lets through."""
NICENESS = 5
"""A prompt in the making must not take time from calls in progress."""
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class JobError(Exception):
    """A job cannot be done; the text is what the parent is told."""


def serve(prepare: Callable[[], dict[str, Any]], handle: Callable[[dict[str, Any]], dict[str, Any]]) -> int:
    """Answer jobs until standard input ends; the exit status.

    prepare: loads libraries and returns what the parent shall know. handle: does one job; raises JobError.
    """
    answers = _own_output()
    _harden()
    try:
        hello = {"ready": True, **prepare()}
    except Exception as error:
        _say(answers, {"error": f"{type(error).__name__}: {error}"})
        return 1
    _say(answers, hello)
    for line in sys.stdin:
        try:
            answer: dict[str, Any] = {"result": handle(json.loads(line))}
        except JobError as error:
            answer = {"error": str(error)}
        except MemoryError:
            answer = {"error": "it needs more memory than a prompt may take"}
        except Exception as error:  # a library's own error: the job fails, the child lives
            answer = {"error": f"{type(error).__name__}: {error}"}
        _say(answers, answer)
    return 0


def _own_output() -> TextIO:
    """Standard output for answers alone: what libraries print goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answers


def _harden() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the parent decides when to end
    os.nice(NICENESS)
    with contextlib.suppress(OSError, AttributeError):  # elsewhere than on Linux, end of file has to do
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    for limit, value in (
        (resource.RLIMIT_AS, ADDRESS_SPACE),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(limit, (value, value))


def _say(answers: TextIO, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message) + "\n")
    answers.flush()
