"""The transaction layer: which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3), and the way out.

Tables are dictionaries; nothing is ever searched. All of them are bounded.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from ivr.sip.events import Address, Flow
from ivr.sip.headers import split_list
from ivr.sip.hosts import is_near
from ivr.sip.message import Request, Response
from ivr.sip.outgoing import OutgoingRequest
from ivr.sip.tables import Input
from ivr.sip.timers import Timers
from ivr.sip.traffic import Traffic
from ivr.sip.transactions import ClientTransaction, ServerTransaction, TransactionUser
from ivr.sip.uri import host_text

__all__ = ["MAGIC_COOKIE", "LocalNames", "Tokens", "TransactionLayer", "reply_flow", "stamped_via"]

MAGIC_COOKIE: Final = "z9hG4bK"
"""Begins every branch since RFC 3261 (§8.1.1.7)."""

DEFAULT_PORT: Final = 5060
"""Where an answer goes when the Via names no port (§18.2.2)."""

_OWN_REQUEST: Final = re.compile(rb"([A-Z]+) [^\r\n]+\r\nVia: [^\r\n;]+;rport;branch=([A-Za-z0-9]+)\r\n")

NAMES_KNOWN: Final = 1024
"""Ends of ours whose names are kept ready: those of connections come and go."""

_URI_TRANSPORT: Final = {
    "udp": "",
    "tcp": ";transport=tcp",
    "tls": ";transport=tls",
    "ws": ";transport=ws",
    "wss": ";transport=ws",
}
"""RFC 3261 §19.1.1; both kinds of WebSocket have one name (RFC 7118 §5.2)."""

_SECURE_TRANSPORT: Final = {"tls": "", "wss": ";transport=ws"}
"""The same in `sips:` URIs, where TLS goes without saying (RFC 3261 §26.2.2)."""

STREAM_PORTS: Final = {"tls": 5061, "wss": 5061}
"""Default ports that are not 5060 (RFC 3261 §19.1.2)."""

LARGE: Final = 1300
"""Octets of a request from which on a stream is used where the way's MTU is not known (RFC 3261 §18.1.1)."""

REFUSAL_HOLDS: Final = 600.0
"""Seconds in which a peer that took no TCP is not tried again: a firewall that is silent costs 5 s each time."""

REFUSALS_KNOWN: Final = 1024
"""Such peers remembered; more, and the table starts anew."""

TOKEN_POOL: Final = 2048
"""Octets of chance taken at once: a system call costs as much as building a header."""


class Tokens:
    """Random tags, branches and Call-IDs, 64 bits or more each; no piece of chance is used twice."""

    __slots__ = ("_place", "_pool", "_rng")

    def __init__(self, rng: Callable[[int], bytes]) -> None:
        self._rng = rng
        self._pool = ""
        self._place = 0

    def take(self, digits: int = 16) -> str:
        """Hexadecimal digits, four bits of chance each."""
        place = self._place
        end = place + digits
        if end > len(self._pool):
            self._pool = self._rng(TOKEN_POOL).hex()
            place, end = 0, digits
        self._place = end
        return self._pool[place:end]

    def fraction(self) -> float:
        """From 0 to 1, 1 excluded."""
        return int(self.take(8), 16) / 4294967296


class LocalNames(NamedTuple):
    """How one of our sockets is called in messages, as text ready to be used."""

    host: str
    """Host as in a URI."""
    port: int
    via: str
    """Via value up to the branch."""
    uri: str
    """Contact URI."""
    contact: str
    """Contact header line."""


def reply_flow(request: Request, flow: Flow) -> Flow:
    """Where responses go: always the packet's source address; the source port too where the client asks for it
    (RFC 3581 §4), otherwise that of the Via (RFC 3261 §18.2.2). What the peer says in `received` or `maddr` is not
    believed: it would make us send to strangers. On a stream it is the connection, and where that is gone the port that
    the client listens on (RFC 3261 §18.2.2)."""
    via = request.top_via
    if flow.transport != "udp":
        port = via.port or STREAM_PORTS.get(flow.transport, DEFAULT_PORT)
        return Flow(flow.transport, flow.local, (flow.remote[0], port), flow.connection, flow.name)
    if "rport" in via.params:
        return flow
    port = via.port or DEFAULT_PORT
    return flow if port == flow.remote[1] else Flow(flow.transport, flow.local, (flow.remote[0], port))


class TransactionLayer:
    """Owns the transactions, the timers and the queue of what is to be sent."""

    def __init__(self, rng: Callable[[int], bytes], t1: float, t2: float) -> None:
        self.timers = Timers()
        self.traffic = Traffic()
        self.tokens = Tokens(rng)
        self.t1 = t1
        self.t2 = t2
        self.outgoing: deque[tuple[bytes, Flow]] = deque()
        self.clients: dict[tuple[str, str], ClientTransaction] = {}
        self.servers: dict[tuple[object, ...], ServerTransaction] = {}
        self.merged: dict[object, ServerTransaction] = {}
        self.stream_for: Callable[[Flow], Flow | None] | None = None
        """Gives the TCP flow to the peer of a UDP flow; None where there is none."""
        self._refusing: dict[Address, float] = {}
        """Peers that took no TCP, and until when that is believed."""
        self.advertised: dict[Address, Address] = {}
        """Our socket's address → what peers should call it; the address itself where there is none."""
        self._names: dict[tuple[str, Address, bool, bool], LocalNames] = {}

    def __len__(self) -> int:
        """Transactions in memory, those that only wait for late retransmissions included."""
        return len(self.clients) + len(self.servers)

    # Names

    def names(self, flow: Flow) -> LocalNames:
        """How our end of a flow is called."""
        # Who is near is told our own address, whatever others call it.
        far = bool(self.advertised) and not is_near(flow.remote[0])
        key = (flow.transport, flow.local, flow.secure, far)
        names = self._names.get(key)
        if names is None:
            if len(self._names) >= NAMES_KNOWN:
                self._names.clear()
            own, name = flow.local, flow.local
            if far:
                exact = self.advertised.get(own) if flow.transport == "udp" else None
                name = exact or self.advertised.get((own[0], 0)) or own
            host, port = host_text(name[0]), name[1] or own[1]
            scheme, transport = "sip", _URI_TRANSPORT[flow.transport]
            if flow.secure and flow.transport in _SECURE_TRANSPORT:
                scheme, transport = "sips", _SECURE_TRANSPORT[flow.transport]
            uri = f"{scheme}:{host}:{port}{transport}"
            names = self._names[key] = LocalNames(
                host,
                port,
                f"SIP/2.0/{flow.transport.upper()} {host}:{port};rport;branch={MAGIC_COOKIE}",
                uri,
                f"Contact: <{uri}>\r\n",
            )
        return names

    def advertise(self, local: Address, name: Address) -> None:
        """Call one of our UDP sockets by another address from now on (behind NAT). Port 0 in `local` stands for all
        ports of the host, connections too, in `name` for the port as it is."""
        self.advertised[local] = name
        self._names.clear()

    # Out

    def send(self, data: bytes, flow: Flow) -> None:
        """Queue octets."""
        self.traffic.sent(data)
        self.outgoing.append((data, flow))

    def request(self, request: OutgoingRequest, flow: Flow, user: TransactionUser, now: float) -> ClientTransaction:
        """Send a request in a transaction of its own."""
        token = self.tokens.take()
        via = self.names(flow).via + token
        data = request.encode(via)
        stream = None
        if request.stream_ok and len(data) > LARGE and flow.transport == "udp":
            stream = self._stream_instead(flow, now)
        if stream is None:
            transaction = ClientTransaction(self, request, flow, MAGIC_COOKIE + token, via, user)
        else:
            via = self.names(stream).via + token
            data = request.encode(via)
            transaction = ClientTransaction(self, request, stream, MAGIC_COOKIE + token, via, user)
            transaction.fallback = flow
        self.clients[transaction.key] = transaction
        transaction.start(data, now)
        return transaction

    def _stream_instead(self, flow: Flow, now: float) -> Flow | None:
        """The TCP flow for a request that is too large for a datagram (RFC 3261 §18.1.1)."""
        if self.stream_for is None or self._refusing.get(flow.remote, 0.0) > now:
            return None
        return self.stream_for(flow)

    def fall_back(self, transaction: ClientTransaction, flow: Flow, now: float) -> None:
        """The peer takes no TCP: the same request by UDP, and the next ones at once for a while."""
        if len(self._refusing) >= REFUSALS_KNOWN:
            self._refusing.clear()
        self._refusing[flow.remote] = now + REFUSAL_HOLDS
        transaction.flow = flow
        transaction.via = self.names(flow).via + transaction.branch[len(MAGIC_COOKIE) :]
        transaction.start(transaction.request.encode(transaction.via), now)

    def cancel(self, invite: ClientTransaction, user: TransactionUser, now: float, headers: str = "") -> None:
        """Send the CANCEL of an INVITE that had a provisional response; the same branch, so the same way (§9.1).
        `headers` are further lines of it."""
        request = invite.request
        companion = OutgoingRequest("CANCEL", request.uri, request.from_, request.to, request.call_id, request.cseq)
        transaction = ClientTransaction(self, companion, invite.flow, invite.branch, invite.via, user)
        if transaction.key not in self.clients:
            self.clients[transaction.key] = transaction
            transaction.start(request.cancel(invite.via, headers), now)
        invite.give_up(now)

    # In

    def client_of(self, response: Response) -> ClientTransaction | None:
        """The transaction that a response is for, found by branch and method. None for one that is no answer to our
        request: with another Via behind ours (RFC 3261 §8.1.3.3), or of another call or number."""
        vias = response.vias
        transaction = self.clients.get((vias[0].branch or "", response.cseq_method))
        if transaction is None or len(vias) != 1:
            return None
        request = transaction.request
        return transaction if response.call_id == request.call_id and response.cseq == request.cseq else None

    @staticmethod
    def server_key(request: Request, method: str) -> tuple[object, ...]:
        """Key of the transaction that a request of this method belongs to; ACK and CANCEL pass INVITE."""
        via = request.top_via
        branch = via.params.get("branch")
        if branch is not None and branch.startswith(MAGIC_COOKIE) and len(branch) > len(MAGIC_COOKIE):
            # The number stands for phones that answer a challenge under the branch of their first try, the Call-ID for
            # clients that draw the same branches.
            return (branch, via.host, via.port, request.call_id, request.cseq, method)
        # A peer of RFC 2543: the To tag is left out, that of an ACK is ours.
        return (
            str(request.uri),
            request.from_.tag,
            request.call_id,
            request.cseq,
            via.host,
            via.port,
            branch,
            method,
        )

    def create_server(
        self, request: Request, flow: Flow, key: tuple[object, ...], merge_key: object
    ) -> ServerTransaction:
        """A transaction for a new request, `flow` being the packet's."""
        transaction = ServerTransaction(
            self, request, reply_flow(request, flow), key, merge_key, stamped_via(request, flow)
        )
        self.servers[key] = transaction
        if merge_key is not None:
            self.merged[merge_key] = transaction
        return transaction

    def remove_client(self, transaction: ClientTransaction) -> None:
        """Forget a terminated transaction."""
        self.clients.pop(transaction.key, None)

    def remove_server(self, transaction: ServerTransaction) -> None:
        """Forget a terminated transaction."""
        self.servers.pop(transaction.key, None)
        if transaction.merge_key is not None:
            self.merged.pop(transaction.merge_key, None)

    def transport_error(self, data: bytes, now: float) -> None:
        """Octets of ours could not leave; those of a response are left to its retransmission. Not parsed: they may be
        too large for that, which is why they could not leave."""
        key = self.request_key(data)
        if key is not None:
            self.lost((key,), now)

    @staticmethod
    def request_key(data: bytes) -> tuple[str, str] | None:
        """Branch and method of a request of ours; None for a response, and for an ACK, which nobody answers."""
        match = _OWN_REQUEST.match(data)
        return None if match is None or match[1] == b"ACK" else (match[2].decode(), match[1].decode())

    def lost(self, keys: Iterable[tuple[str, str]], now: float) -> None:
        """The connection is gone that requests of ours went by: they fail, where they are not answered."""
        for key in keys:
            transaction = self.clients.get(key)
            if transaction is not None:
                transaction.fire(Input.TRANSPORT_ERROR, now)


def stamped_via(request: Request, flow: Flow) -> str | None:
    """The first Via header with the source in it, where the rules ask for that (§18.2.1, RFC 3581 §4); None where it
    stays as it is."""
    via = request.top_via
    params = via.params
    host, port = flow.remote
    raw = request.get("Via") or ""
    plain = "received" not in params and "," not in raw
    if "rport" in params:
        if plain and params["rport"] is None and raw.count(";rport") == 1:
            return raw.replace(";rport", f";rport={port};received={host}")
    elif plain and via.host == host:
        return None
    parts = split_list(raw)
    parts[0] = str(via.stamped(host, port))
    return ", ".join(parts)
