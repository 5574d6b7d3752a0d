"""The asyncio shell of the SIP stack: sockets, one timer, nothing that decides."""

from ivr.net.connections import ConnectionLimits
from ivr.net.dns import Resolver, is_address
from ivr.net.doorkeeper import Doorkeeper, Tap
from ivr.net.hops import Hop
from ivr.net.shell import SipShell
from ivr.net.tls import TlsFiles
from ivr.net.udp import UdpSocket

__all__ = [
    "ConnectionLimits",
    "Doorkeeper",
    "Hop",
    "Resolver",
    "SipShell",
    "Tap",
    "TlsFiles",
    "UdpSocket",
    "is_address",
]
