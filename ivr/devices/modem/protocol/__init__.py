"""What is said to voice modems, without port, clock and threads."""

from __future__ import annotations

from ivr.devices.modem.protocol.formats import SampleFormat
from ivr.devices.modem.protocol.line import ModemLine, State
from ivr.devices.modem.protocol.profiles import PROFILES, Profile
from ivr.devices.modem.protocol.setup import Setup, Wish

__all__ = ["PROFILES", "ModemLine", "Profile", "SampleFormat", "Setup", "State", "Wish"]
