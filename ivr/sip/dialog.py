"""Dialogs (RFC 3261 §12): who talks to whom by which way, and the requests within."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

from ivr.sip.events import Flow
from ivr.sip.headers import NameAddr
from ivr.sip.message import Request, Response
from ivr.sip.outgoing import OutgoingRequest
from ivr.sip.uri import Uri

if TYPE_CHECKING:
    from ivr.sip.session import Session

__all__ = ["Dialog", "DialogId", "is_unicast", "next_hop"]

DEFAULT_PORT: Final = 5060
TLS_PORT: Final = 5061
ADDRESSES_KNOWN: Final = 4096
"""Addresses of which it is remembered what kind they are."""

DialogId = tuple[str, str, str | None]
"""(Call-ID, local tag, remote tag); the remote one is None with a peer of RFC 2543."""


@lru_cache(ADDRESSES_KNOWN)
def is_unicast(host: str) -> bool:
    """Whether this is an IP address that one host has: not a name, not multicast, broadcast or unspecified."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return not (address.is_multicast or address.is_unspecified or host == "255.255.255.255")


@lru_cache(ADDRESSES_KNOWN)
def _is_private(host: str) -> bool:
    address = ip_address(host)
    return address.is_private and not address.is_loopback


def next_hop(uri: Uri, flow: Flow) -> Flow:
    """Where a request for this URI goes, given the flow that the peer was last seen by.

    An address is taken at its word where it can be reached. A name stays with the flow (nothing is looked up here), and
    so does a private address of a peer that was seen under a public one: it is behind a NAT.
    """
    host = uri.host
    if flow.transport != "udp":
        return _next_stream(uri, flow)
    if not is_unicast(host) or uri.scheme != "sip":
        return flow
    seen = flow.remote[0]
    if host == seen and (uri.port or DEFAULT_PORT) == flow.remote[1]:
        return flow
    transport = uri.params.get("transport")
    if (
        (":" in host) != (":" in seen)
        or (transport is not None and transport.lower() != "udp")
        or (_is_private(host) and not _is_private(seen))
    ):
        return flow
    return Flow(flow.transport, flow.local, (host, uri.port or DEFAULT_PORT))


def _next_stream(uri: Uri, flow: Flow) -> Flow:
    """The same for a connection, which is kept to as long as it stands: the address counts when it is gone, or when the
    peer names another host. The port that the peer connected from is none that it listens on."""
    host, seen = uri.host, flow.remote[0]
    if flow.transport in ("ws", "wss") or not is_unicast(host):
        return flow
    remote = (host, uri.port or (TLS_PORT if flow.transport == "tls" else DEFAULT_PORT))
    if host == seen:
        return flow._replace(remote=remote)
    if (":" in host) != (":" in seen) or (_is_private(host) and not _is_private(seen)):
        return flow
    return Flow(flow.transport, flow.local, remote, 0, flow.name)


class Dialog:
    """One dialog, early or confirmed."""

    __slots__ = (
        "call_id",
        "flow",
        "local",
        "local_cseq",
        "local_tag",
        "remote",
        "remote_cseq",
        "remote_tag",
        "routes",
        "session",
        "stream_ok",
        "symmetric",
        "target",
    )

    def __init__(
        self,
        call_id: str,
        local: str,
        local_tag: str,
        remote: str,
        remote_tag: str | None,
        target: Uri,
        routes: list[NameAddr],
        flow: Flow,
    ) -> None:
        self.call_id = call_id
        self.local = local
        """From of our requests, with tag."""
        self.local_tag = local_tag
        self.remote = remote
        """To of our requests, with the remote tag where there is one."""
        self.remote_tag = remote_tag
        self.target = target
        """Remote target: the peer's Contact."""
        self.routes = routes
        """Route set, our next hop first."""
        self.flow = flow
        """The way that the peer was last seen by."""
        self.session: Session | None = None
        """Whose dialog it is."""
        self.symmetric = False
        """Keep to the flow: the peer's own addresses are known not to be reachable."""
        self.stream_ok = False
        """Whether the peer takes TCP for requests that no datagram holds."""
        self.local_cseq = 0
        """CSeq of our last request."""
        self.remote_cseq: int | None = None
        """CSeq of the peer's last request; None before the first."""

    @classmethod
    def of_request(cls, request: Request, local_tag: str, flow: Flow) -> Dialog:
        """The server's side (§12.1.1). The request has one Contact."""
        remote_tag = request.from_.tag
        dialog = cls(
            request.call_id,
            f"{request.get('To')};tag={local_tag}",
            local_tag,
            request.get("From") or "",
            remote_tag,
            request.contacts[0].uri if request.contacts else request.from_.uri,
            request.record_routes,
            flow,
        )
        dialog.remote_cseq = request.cseq
        # A client that gives another address than it was seen by does not know its own.
        dialog.symmetric = len(request.vias) == 1 and request.vias[0].host != flow.remote[0]
        return dialog

    @classmethod
    def of_response(
        cls, request: OutgoingRequest, local_tag: str, response: Response, target: Uri, flow: Flow
    ) -> Dialog:
        """The client's side (§12.1.2), of a response with a To tag (or without, from a peer of RFC 2543)."""
        dialog = cls(
            request.call_id,
            request.from_,
            local_tag,
            response.get("To") or request.to,
            response.to.tag,
            target,
            response.record_routes[::-1],
            flow,
        )
        dialog.local_cseq = request.cseq
        return dialog

    @property
    def id(self) -> DialogId:
        """What in-dialog requests find it by."""
        return (self.call_id, self.local_tag, self.remote_tag)

    def request(
        self,
        method: str,
        headers: str = "",
        body: bytes = b"",
        content_type: str | None = None,
        cseq: int | None = None,
    ) -> OutgoingRequest:
        """A request within the dialog (§12.2.1.1); an ACK gets the CSeq of its INVITE, others the next."""
        if cseq is None:
            self.local_cseq = cseq = self.local_cseq + 1
        uri = str(self.target.without_headers())
        routes: list[str] = []
        if self.routes:
            first = self.routes[0]
            if "lr" in first.uri.params:
                routes = [str(route) for route in self.routes]
            else:
                # A strict router gets itself as Request-URI, the target last.
                routes = [*(str(route) for route in self.routes[1:]), f"<{uri}>"]
                uri = str(first.uri.without_headers())
        request = OutgoingRequest(
            method, uri, self.local, self.remote, self.call_id, cseq, routes, headers, body, content_type
        )
        request.stream_ok = self.stream_ok
        return request

    def hop(self) -> Flow:
        """Where our requests go."""
        if self.symmetric:
            return self.flow
        return next_hop(self.routes[0].uri if self.routes else self.target, self.flow)

    def accept_cseq(self, cseq: int) -> bool:
        """Take the number of a request of the peer; False when it is not in order (§12.2.2)."""
        if self.remote_cseq is not None and cseq <= self.remote_cseq:
            return False
        self.remote_cseq = cseq
        return True

    def refresh(self, message: Request | Response) -> None:
        """Take the Contact of a target refresh request or its 2xx as the new target (§12.2.2)."""
        contacts = message.contacts
        if len(contacts) == 1 and contacts[0].uri.is_sip:
            self.target = contacts[0].uri
