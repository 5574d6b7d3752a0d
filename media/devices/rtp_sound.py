"""The sound of a device as one row of a plane: resampled where rates differ, muted, and metered."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.codecs import resample
from media.devices.face import FRAME_SECONDS, Device
from media.plane import laws
from media.plane.limits import FRAME, HEADER
from media.plane.plane import Plane

__all__ = ["FLOOR", "DeviceSound", "level"]

FLOOR: Final = -90.0
"""dBFS of silence: below the smallest step of 16 bits nothing can be told apart."""
FALL: Final = 1.0
"""dB a tick by which a meter falls, 50 a second: the eye can follow it."""
LOUD: Final = -45.0
"""dBFS from which a frame counts as sound: above the noise of codecs and lines, below quiet speech."""
ROW: Final = 0
"""The only row of the plane."""


def level(frame: NDArray[np.int16]) -> float:
    """RMS level of a frame in dB below full scale, from :data:`FLOOR` to 0."""
    samples = frame.astype(np.float32)
    power = float(np.dot(samples, samples)) / max(len(samples), 1)
    return max(FLOOR, 10 * float(np.log10(power / 32768**2))) if power else FLOOR


class DeviceSound:
    """Stands between a device and the plane's only row; all calls come from the thread that ticks."""

    def __init__(self, plane: Plane, device: Device) -> None:
        self._plane = plane
        self._device = device
        self._wide = device.rate == 2 * resample.FRAME * 50
        self._silence = np.zeros(device.rate // 50, np.int16)
        self._said = self._silence
        self._heard = self._silence
        self._down = np.zeros((1, resample.DOWN_HISTORY), np.float32)
        self._up = np.zeros((1, resample.UP_HISTORY), np.float32)
        self.muted = False
        """Nothing of the device is sent; it is read all the same."""
        self.attached = True
        """Whether the device is read and written; else another stream has it."""
        self.level_in = FLOOR
        """Meter of what was heard, dBFS."""
        self.level_out = FLOOR
        """Meter of what the device gave, muted or not, dBFS."""

        self.heard_seconds = 0.0
        """Sound that was heard so far, pauses left out."""
        self.quiet_seconds = 0.0
        """Since sound was heard last, or since the begin."""

    def listen(self) -> None:
        """Read the device: once a tick, whatever becomes of it."""
        self._said = self._device.read() if self.attached else self._silence
        self.level_out = max(level(self._said), self.level_out - FALL, FLOOR)

    def sound(self) -> None:
        """Give the device what was heard in this tick, or silence: once a tick."""
        heard, self._heard = self._heard, self._silence
        now = level(heard)
        self.level_in = max(now, self.level_in - FALL, FLOOR)
        if now >= LOUD:
            self.heard_seconds += FRAME_SECONDS
            self.quiet_seconds = 0.0
        else:
            self.quiet_seconds += FRAME_SECONDS
        if self.attached:
            self._device.write(heard)

    # What the plane calls

    def heard(self, index: NDArray[np.intp], payload: NDArray[np.uint8]) -> None:
        """Keep what the peer said, at the device's rate."""
        rows = self._plane.rows
        if self._wide and rows.wide[ROW]:
            self._heard = self._plane.wide.heard[ROW].copy()
            return
        narrow = laws.decode(payload, rows.law[index])
        if not self._wide:
            self._heard = narrow[0]
            return
        joined = np.concatenate((self._up, narrow.astype(np.float32)), axis=1)
        self._up = joined[:, -resample.UP_HISTORY :]
        self._heard = _int16(resample.up(joined))[0]

    def speak(self) -> None:
        """Put what the device said into the next packet, unless a prompt plays there."""
        plane = self._plane
        place = int(plane.builder.position[ROW])
        if place < 0 or self.muted or plane.rows.playing[ROW]:
            return
        narrow = self._said[None, :]
        if self._wide:
            if plane.rows.wide[ROW]:
                plane.shaper.say(ROW, self._said)
            joined = np.concatenate((self._down, narrow.astype(np.float32)), axis=1)
            self._down = joined[:, -resample.DOWN_HISTORY :]
            narrow = _int16(resample.down(joined))
        law = plane.rows.law[ROW : ROW + 1]
        plane.builder.packets[place, HEADER : HEADER + FRAME] = laws.encode(np.ascontiguousarray(narrow), law)[0]


def _int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    return np.clip(np.rint(samples), -32768, 32767).astype(np.int16)
