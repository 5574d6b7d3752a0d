"""The transaction layer: which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3), and the way out.

Tables are dictionaries; nothing is ever searched. All of them are bounded.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from typing import Final, NamedTuple

from ivr.sip.events import Address, Flow
from ivr.sip.headers import split_list
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
    believed: it would make us send to strangers."""
    if flow.transport != "udp":
        return flow
    via = request.top_via
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
        self.advertised: dict[Address, Address] = {}
        """Our socket's address → what peers should call it; the address itself where there is none."""
        self._names: dict[tuple[str, Address], LocalNames] = {}

    def __len__(self) -> int:
        """Transactions in memory, those that only wait for late retransmissions included."""
        return len(self.clients) + len(self.servers)

    # Names

    def names(self, flow: Flow) -> LocalNames:
        """How our end of a flow is called."""
        key = (flow.transport, flow.local)
        names = self._names.get(key)
        if names is None:
            host, port = self.advertised.get(flow.local, flow.local)
            host = host_text(host)
            transport = "" if flow.transport == "udp" else f";transport={flow.transport}"
            uri = f"sip:{host}:{port}{transport}"
            names = self._names[key] = LocalNames(
                host,
                port,
                f"SIP/2.0/{flow.transport.upper()} {host}:{port};rport;branch={MAGIC_COOKIE}",
                uri,
                f"Contact: <{uri}>\r\n",
            )
        return names

    def advertise(self, local: Address, name: Address) -> None:
        """Call one of our sockets by another address from now on (behind NAT)."""
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
        transaction = ClientTransaction(self, request, flow, MAGIC_COOKIE + token, via, user)
        self.clients[transaction.key] = transaction
        transaction.start(request.encode(via), now)
        return transaction

    def cancel(self, invite: ClientTransaction, user: TransactionUser, now: float) -> None:
        """Send the CANCEL of an INVITE that had a provisional response; the same branch, so the same way (§9.1)."""
        request = invite.request
        companion = OutgoingRequest("CANCEL", request.uri, request.from_, request.to, request.call_id, request.cseq)
        transaction = ClientTransaction(self, companion, invite.flow, invite.branch, invite.via, user)
        if transaction.key not in self.clients:
            self.clients[transaction.key] = transaction
            transaction.start(request.cancel(invite.via), now)
        invite.give_up(now)

    # In

    def receive_response(self, response: Response, now: float) -> None:
        """A response finds its request by branch and method; one that finds none is dropped."""
        transaction = self.clients.get((response.top_via.branch or "", response.cseq_method))
        if transaction is not None:
            transaction.receive(response, now)

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
        match = _OWN_REQUEST.match(data)
        if match is None:
            return
        transaction = self.clients.get((match[2].decode(), match[1].decode()))
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
