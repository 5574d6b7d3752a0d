"""The lines: is each peer's name known, and does it answer; is the hardware there?"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from typing import Any, Final

from ivr.cli.doctor.devices import device_checks
from ivr.cli.doctor.finding import Finding, Status
from ivr.cli.live import DaemonError, ask
from ivr.cli.probing import probe
from ivr.net.certificates import proves
from ivr.net.dns import Resolver
from ivr.net.hops import Hop
from ivr.settings import Gateway, Settings, SipTrunk

__all__ = ["line_checks"]

ANSWER_SECONDS: Final = 4.0
"""For an answer to OPTIONS: some repetitions over UDP."""
SLOW: Final = 0.3
"""Seconds for an answer from which on callers notice."""
MAX_HOPS: Final = 4
"""Of one line that are asked."""


def line_checks(settings: Settings, running: bool) -> Iterator[Finding]:
    """Names, answers, certificates; and with a daemon that runs, registrations as it sees them."""
    lines = {name: line for name, line in settings.lines.items() if isinstance(line, SipTrunk | Gateway)}
    if not settings.lines:
        yield Finding("lines", "lines", "skipped", "none is configured")
    for name, line in lines.items():
        proxy = line.outbound_proxy
        host, port = (proxy.host, proxy.port or None) if proxy is not None else (line.host, line.port)
        transport = None if line.transport == "auto" else line.transport
        try:
            hops = asyncio.run(Resolver().hops(host, port, transport))
        except OSError as error:
            hops = []
            yield Finding("lines", name, "fault", str(error), "the name server does not answer: see /etc/resolv.conf")
        if not hops:
            yield Finding("lines", name, "fault", f"{host} has no address", "is the name right? dig or host tell more")
        for hop in hops[:MAX_HOPS]:
            yield _peer(settings, name, hop)
    yield from device_checks(settings)
    if running and settings.lines:
        yield from _states(settings)


def _peer(settings: Settings, line: str, hop: Hop) -> Finding:
    where = f"[{hop.address}]" if ":" in hop.address else hop.address
    what = f"{line} {hop.transport}:{where}:{hop.port}"
    context = _context(settings) if hop.transport == "tls" else None
    try:
        answer = probe(hop.transport, hop.address, hop.port, timeout=ANSWER_SECONDS, context=context, name=hop.name)
    except ssl.SSLError as error:
        return Finding(
            "lines", what, "fault", f"TLS: {error.reason or error}", "sip.tls.ca: who signed its certificate?"
        )
    except TimeoutError:
        advice = "a firewall, or a peer that answers only those that it knows: then look at registrations and calls"
        return Finding("lines", what, "warning", f"no answer to OPTIONS within {ANSWER_SECONDS:g} s", advice)
    except OSError as error:
        return Finding(
            "lines", what, "fault", error.strerror or str(error), "nothing listens there, or no way leads there"
        )
    if answer.certificate is not None and not proves(answer.certificate, hop.name, settings.sip.tls.wildcards):
        return Finding(
            "lines", what, "fault", f"its certificate is not for {hop.name}", "RFC 5922; or sip.tls.wildcards"
        )
    found = f"{answer.status} {answer.reason} after {answer.seconds * 1000:.0f} ms"
    if answer.software:
        found += f" from {answer.software}"
    status: Status = "warning" if answer.seconds > SLOW else "ok"
    return Finding("lines", what, status, found, "far away, or busy" if status == "warning" else "")


def _states(settings: Settings) -> Iterator[Finding]:
    """Registration and health as the daemon that runs knows them."""
    try:
        answer = ask(settings.http.listen, "/v1/lines")
    except DaemonError as error:
        yield Finding("lines", "the daemon's view", "warning", str(error))
        return
    for line in answer["lines"] if answer is not None else ():
        status: Status = "ok" if line["usable"] else "fault"
        advice = "" if line["usable"] else "see the daemon's log, and ivr trace --sip"
        yield Finding("lines", f"{line['name']}, as the daemon sees it", status, line["reason"] or _well(line), advice)


def _well(line: dict[str, Any]) -> str:
    told = ["can be used"]
    if line["registered"]:
        told.append("registered")
    if line["round_trip"] is not None:
        told.append(f"answers after {line['round_trip'] * 1000:.0f} ms")
    if line["hardware"]:
        told.insert(0, line["hardware"])
    return ", ".join(told)


def _context(settings: Settings) -> ssl.SSLContext:
    tls = settings.sip.tls
    context = ssl.create_default_context(cafile=str(tls.ca) if tls.ca is not None else None)
    context.check_hostname = False  # SIP identities are compared by rules of their own
    if not tls.verify:
        context.verify_mode = ssl.CERT_NONE
    if tls.certificate is not None:
        context.load_cert_chain(tls.certificate, tls.key)
    return context
