"""USB voice modems as lines: what is said to them (:mod:`.protocol`), and the port it is said over."""

from __future__ import annotations

from ivr.devices.modem.hardware import ModemHardware

__all__ = ["ModemHardware"]
