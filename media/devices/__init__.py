"""Sound of hardware: cards, modems and files as one end of an RTP stream, in a process of its own.

A device has a clock of its own, and a driver that may block or crash: neither may reach the media workers. So it is
the far end of an RTP stream on this machine, and to the plane its calls are rows like all others.
"""

from __future__ import annotations

from media.devices.face import FRAME_SECONDS, Device

__all__ = ["FRAME_SECONDS", "Device"]
