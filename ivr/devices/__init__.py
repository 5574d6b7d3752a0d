"""Lines on hardware of this machine: each is a process that is a gateway, with SIP and RTP on the loopback.

So a driver that hangs or crashes costs its own line and nothing else, and everything that lines have (health, policy,
caller id, failover, traces) holds for hardware as it is.
"""

from __future__ import annotations

from ivr.devices.supervisor import Devices, LineProcess

__all__ = ["Devices", "LineProcess"]
