"""Certificates of our own listeners, and the address that peers see."""

from __future__ import annotations

import ipaddress
import os
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Final

from ivr.cli.doctor.finding import Finding
from ivr.net.certificates import WARN_DAYS, CertificateState, expiry
from ivr.net.dns import is_address
from ivr.net.udp import local_address_towards
from ivr.settings import Gateway, HostPort, Settings, SipTrunk
from ivr.sip.stun import binding_request, read_response

__all__ = ["certificate_checks", "nat_checks"]

SECURED: Final = ("tls", "wss")
STUN_SECONDS: Final = 2.0
"""For an answer of the server that tells our public address."""
LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")
SOMEWHERE: Final = "192.0.2.1"
"""An address of nobody (RFC 5737): the way to it is the way to the Internet; nothing is sent."""


def certificate_checks(settings: Settings) -> Iterator[Finding]:
    """Whether the files hold, fit each other, and are good for a while."""
    tls = settings.sip.tls
    needed = any(entry.transport in SECURED for entry in settings.sip.listen)
    if tls.certificate is None:
        if needed:
            advice = "sip.tls.certificate and sip.tls.key"
            yield Finding("certificates", "certificate", "fault", "tls and wss listeners need one", advice)
        else:
            yield Finding("certificates", "certificate", "skipped", "no listener needs one")
        return
    what = str(tls.certificate)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tls.certificate, tls.key)
        state = CertificateState(tls.certificate, expiry(tls.certificate))
    except (OSError, ValueError) as error:
        told = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        yield Finding(
            "certificates", what, "fault", told, "PEM files that belong together, readable by the daemon's user"
        )
        return
    days = state.days_left(time.time())
    found = f"{days:.0f} days left"
    if days <= 0:
        yield Finding(
            "certificates", what, "fault", f"ended {-days:.0f} days ago", "renew it; the daemon takes it up by itself"
        )
    elif days < WARN_DAYS:
        yield Finding("certificates", what, "warning", found, "renew it; the daemon takes it up by itself")
    else:
        yield Finding("certificates", what, "ok", found)


def nat_checks(settings: Settings) -> Iterator[Finding]:
    """What SDP and Contact will say, on the way to each peer."""
    if all(entry.host in LOOPBACK for entry in settings.sip.listen):
        yield Finding("nat", "addresses", "skipped", "only this machine can call: sip.listen names loopback alone")
        return
    lines = {name: line.host for name, line in settings.lines.items() if isinstance(line, SipTrunk | Gateway)}
    for name, host in (lines or {"the Internet": SOMEWHERE}).items():
        yield _way(name, host, settings)


def _way(name: str, host: str, settings: Settings) -> Finding:
    what = f"way to {name}"
    try:
        address = socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM)[0][4][0]
        own = ipaddress.ip_address(local_address_towards(str(address)))
        peer = ipaddress.ip_address(str(address))
    except (OSError, UnicodeError, ValueError) as error:
        return Finding("nat", what, "skipped", getattr(error, "strerror", None) or str(error))
    hosts = {entry.host for entry in settings.sip.listen}
    if not hosts & {str(own), "0.0.0.0", "::"} and all(map(is_address, hosts)) and not own.is_loopback:
        advice = f"sip.listen: udp:{own}:5060, or udp:0.0.0.0:5060"
        return Finding("nat", what, "fault", f"from {own}, on which nothing listens", advice)
    if settings.sip.given_address is not None:
        return Finding("nat", what, "ok", f"from {own}, called {settings.sip.given_address} outside")
    if settings.sip.stun is not None:
        return _learned(what, str(own), settings.sip.stun)
    far = host == SOMEWHERE or not peer.is_private
    if own.is_private and far and not own.is_loopback:
        advice = "sip.public_address: the router's address, or stun:HOST; forward SIP and RTP ports to this machine"
        return Finding("nat", what, "warning", f"from the private address {own} to a public one", advice)
    return Finding("nat", what, "ok", f"from {own}")


def _learned(what: str, own: str, server: HostPort) -> Finding:
    """The public address as a STUN server sees it now."""
    transaction = os.urandom(12)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(server.host, server.port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as sock:
            sock.settimeout(STUN_SECONDS)
            sock.connect(address)
            sock.send(binding_request(transaction))
            seen = read_response(sock.recv(2048), transaction)
    except (OSError, UnicodeError, ValueError) as error:
        told = getattr(error, "strerror", None) or str(error)
        return Finding(
            "nat", what, "fault", f"no answer of the STUN server {server}: {told}", "another sip.public_address"
        )
    if seen is None:
        return Finding(
            "nat", what, "fault", f"{server} answers, and not as a STUN server", "another sip.public_address"
        )
    return Finding("nat", what, "ok", f"from {own}, called {seen[0]} outside, as {server} says")
