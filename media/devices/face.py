"""What every piece of sound hardware looks like to the RTP side: frames of 20 ms, in and out, at the network's pace."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["FRAME_SECONDS", "Device"]

FRAME_SECONDS: Final = 0.02
"""Length of one frame."""


class Device(Protocol):
    """Sound in and out. One thread calls :meth:`read` and :meth:`write`, once each in 20 ms of the monotonic clock.

    The device evens out the difference between that clock and its own. Nothing here blocks or raises: a device that has
    vanished gives silence until it is back.
    """

    rate: int
    """Samples a second of its frames: 8000 or 16000. A frame is ``rate // 50`` samples."""

    def read(self) -> NDArray[np.int16]:
        """The next 20 ms that were heard; silence where there is nothing."""

    def write(self, frame: NDArray[np.int16]) -> None:
        """Sound these 20 ms next."""

    def close(self) -> None:
        """Let go of the hardware; may take a moment."""
