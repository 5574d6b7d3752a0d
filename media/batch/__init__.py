"""The socket loops of the media plane: compiled where that is installed, else in Python, with the same results."""

from __future__ import annotations

from media.batch.addresses import Addresses
from media.batch.loops import CompiledLoops, Loops, compiled_available, open_loops
from media.batch.packets import MAX_DATAGRAM, PER_SOCKET, Inbox
from media.batch.python import PythonLoops

__all__ = [
    "MAX_DATAGRAM",
    "PER_SOCKET",
    "Addresses",
    "CompiledLoops",
    "Inbox",
    "Loops",
    "PythonLoops",
    "compiled_available",
    "open_loops",
]
