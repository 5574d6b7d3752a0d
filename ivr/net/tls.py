"""TLS of the signalling (RFC 3261 §26.3.1, RFC 5922): contexts that follow their files, records of one connection."""

from __future__ import annotations

import logging
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from ivr.errors import ConfigError, Fault
from ivr.net.certificates import CertificateState, expiry, proves

__all__ = ["TlsContexts", "TlsFiles", "TlsRecords"]

log = logging.getLogger("ivr.net")

READ_OCTETS: Final = 16384
"""Octets taken from OpenSSL at once: one record."""

WARN_EVERY: Final = 86400.0
"""Seconds between two lines in the log about a certificate that ends soon."""

_CLIENT_MODES: Final = {"none": ssl.CERT_NONE, "optional": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """What `sip.tls` says."""

    certificate: Path | None = None
    """PEM, with the chain; needed for tls and wss listeners, shown to trunks that ask for one."""
    key: Path | None = None
    """PEM; None: it stands in the file of the certificate."""
    ca: Path | None = None
    """PEM of the authorities that peers are verified with; None: those of the system."""
    client: Literal["none", "optional", "required"] = "none"
    """Whether those who connect to us are asked for a certificate."""
    verify: bool = True
    """Whether the certificates of those we connect to are verified."""
    wildcards: bool = False
    """Whether `*.example.net` is taken for one of its hosts, which RFC 5922 §7.2 forbids."""


class TlsContexts:
    """The contexts in force. Connections that stand keep the one they began with."""

    def __init__(self, files: TlsFiles, serves: bool) -> None:
        """Load; `serves`: there are listeners, which need a certificate. Raises ConfigError."""
        self.files = files
        self._serves = serves
        self._tried = self._signature()
        self._warn_again = 0.0
        try:
            self._load()
        except (OSError, ValueError) as error:
            raise ConfigError([Fault(f"TLS cannot be set up: {_told(error)}", field="sip.tls")]) from error

    def _load(self) -> None:
        files = self.files
        if self._serves and files.certificate is None:
            raise ValueError("a tls or wss listener needs sip.tls.certificate")
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        expires = []
        for context in (server, client):
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
            if files.certificate is not None:
                context.load_cert_chain(files.certificate, files.key, password=_no_password)
        if files.certificate is not None:
            expires.append(CertificateState(files.certificate, expiry(files.certificate)))
        server.verify_mode = _CLIENT_MODES[files.client]
        client.check_hostname = False  # SIP identities are compared by rules of their own (RFC 5922 §7)
        client.verify_mode = ssl.CERT_REQUIRED if files.verify else ssl.CERT_NONE
        if files.client != "none":
            _load_authorities(server, files.ca, ssl.Purpose.CLIENT_AUTH)
        if files.verify:
            _load_authorities(client, files.ca, ssl.Purpose.SERVER_AUTH)
        self.server, self.client, self.certificates = server, client, expires

    def reload(self) -> bool:
        """Take the files as they are now; where they do not hold the old contexts stay. Whether it worked."""
        self._tried = self._signature()
        try:
            self._load()
        except (OSError, ValueError) as error:
            log.error("the new TLS files do not hold, the old certificate stays in force: %s", _told(error))
            return False
        log.info("TLS files taken up anew")
        self._warn_again = 0.0
        self.warn()
        return True

    def reload_if_changed(self) -> None:
        """Cheap enough to be called every minute: it looks at the files' times and sizes."""
        if self._signature() != self._tried:
            self.reload()
        self.warn()

    def warn(self) -> None:
        """Say once a day that a certificate ends soon."""
        wall = time.time()
        for state in self.certificates:
            if state.ends_soon(wall) and wall >= self._warn_again:
                self._warn_again = wall + WARN_EVERY
                days = state.days_left(wall)
                if days < 0:
                    log.error("the certificate %s ended %.1f days ago: peers will not connect", state.path, -days)
                else:
                    log.warning("the certificate %s ends in %.1f days", state.path, days)

    def _signature(self) -> list[object]:
        found: list[object] = []
        for path in (self.files.certificate, self.files.key, self.files.ca):
            if path is None:
                continue
            try:
                status = path.stat()
            except OSError:
                found.append(None)
            else:
                found.append((status.st_mtime_ns, status.st_size, status.st_ino))
        return found


def _no_password() -> str:
    # Without this OpenSSL would ask on the terminal, and wait.
    raise ValueError("the key is encrypted: give one without a passphrase")


def _load_authorities(context: ssl.SSLContext, ca: Path | None, purpose: ssl.Purpose) -> None:
    if ca is None:
        context.load_default_certs(purpose)
    else:
        context.load_verify_locations(ca)


def _told(error: Exception) -> str:
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    return f"{error.filename}: {error.strerror}" if isinstance(error, OSError) and error.filename else str(error)


class TlsRecords:
    """The TLS of one connection between two buffers in memory: a handshake costs what we let it cost, and thousands of
    half-open ones hold no more than OpenSSL needs."""

    def __init__(self, contexts: TlsContexts, *, server: bool, name: str = "") -> None:
        """`name` is what the peer of a connection of ours has to prove."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = contexts.server if server else contexts.client
        self._object = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server, server_hostname=None if server else name or None
        )
        self._name = name if not server and contexts.files.verify else ""
        self._wildcards = contexts.files.wildcards
        self.ready = False
        """Whether the handshake is done."""

    def begin(self) -> None:
        """Queue the first octets of a handshake of ours. Raises ssl.SSLError."""
        self._shake()

    def _shake(self) -> None:
        try:
            self._object.do_handshake()
        except ssl.SSLWantReadError:
            return
        if self._name and not proves(self._object.getpeercert() or {}, self._name, self._wildcards):
            raise ssl.SSLCertVerificationError(f"the peer's certificate is not that of {self._name}")
        self.ready = True

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Octets of the network to octets of the peer. Raises ssl.SSLError, also when the peer said that it ends."""
        self._incoming.write(data)
        if not self.ready:
            self._shake()
            if not self.ready:
                return
        while True:
            try:
                plain = self._object.read(READ_OCTETS)
            except ssl.SSLWantReadError:
                return
            if not plain:
                return
            yield plain

    def wrap(self, data: bytes) -> None:
        """Queue octets for the peer, after the handshake. Raises ssl.SSLError."""
        view = memoryview(data)
        while view:
            view = view[self._object.write(view) :]

    def farewell(self) -> None:
        """Queue the word that nothing follows."""
        try:
            self._object.unwrap()
        except ssl.SSLError:
            return

    def take(self) -> bytes:
        """What has to be sent."""
        return self._outgoing.read()
