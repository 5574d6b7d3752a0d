"""The asyncio shell of the SIP stack: sockets, one timer, nothing that decides."""

from ivr.net.shell import SipShell
from ivr.net.udp import UdpSocket

__all__ = ["SipShell", "UdpSocket"]
