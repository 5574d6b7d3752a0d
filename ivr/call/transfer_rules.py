"""Who in a call may have its place taken by somebody else, and by whom (`sip.transfers`).

A transfer makes this system place a call at a peer's wish: what a phone may not dial it may not transfer to either, and
a line's peer reaches what is listed for it and nothing more.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ivr.call.identity import Caller, normalise
from ivr.call.targets import Destination, Directory
from ivr.errors import CallForbiddenError, NumberNotServedError
from ivr.settings import Settings, SipLine
from ivr.sip import Flow, Replaces, Uri
from ivr.sip.refer import ReferTarget

__all__ = ["Peer", "TransferRules", "peer_of_caller", "peer_of_destination"]

OURSELVES = "(call)"
"""Target of a destination that is another call here."""

_TAKEN = {"never": (), "phones": ("phone",), "lines": ("line",), "all": ("phone", "line")}


@dataclass(frozen=True, slots=True)
class Peer:
    """Whose leg it is."""

    kind: str
    """``line``, ``phone`` or ``guest``."""
    name: str | None
    """Name of the line, user of the phone; None for guests."""


NOBODY = Peer("guest", None)
"""Who is at the other end of a call to ourselves: never one who may ask for anything."""


def peer_of_caller(caller: Caller) -> Peer:
    """Who calls."""
    return Peer(caller.kind, caller.line or caller.phone)


def peer_of_destination(destination: Destination) -> Peer:
    """Who was called."""
    if destination.line is not None:
        return Peer("line", destination.line)
    return Peer("phone", destination.phone) if destination.phone is not None else Peer("guest", None)


class TransferRules:
    """Decides on every REFER, and on every INVITE that is to replace a call."""

    def __init__(
        self,
        settings: Settings,
        directory: Directory,
        replaced: Callable[[Replaces], Flow | None],
        may_dial: Callable[[str, str | None], bool],
    ) -> None:
        """`replaced` gives the way to ourselves for a dialog of ours, by its name; None where it is none. `may_dial`
        says whether a phone may call a number through a line."""
        self._settings = settings
        self._directory = directory
        self._replaced = replaced
        self._may_dial = may_dial

    def takes(self, peer: Peer) -> bool:
        """Whether a REFER or Replaces of this peer is taken at all."""
        return peer.kind in _TAKEN[self._settings.sip.transfers.accept]

    def find(self, target: ReferTarget, peer: Peer, now: float) -> Sequence[Destination]:
        """Where the call goes that `peer` asks for. Raises CallForbiddenError and NumberNotServedError; empty where a
        phone is not registered."""
        if not self.takes(peer):
            raise CallForbiddenError("transfers of this peer are not taken")
        if target.replaces is not None:
            own = self._replaced(target.replaces)
            if own is not None:
                # The other call of the peer is with us too: what takes its place there comes by ourselves.
                host, port = own.remote
                return [Destination(OURSELVES, target.uri, host, port, flow=own)]
        if not (target.uri.is_sip or target.uri.scheme == "tel"):
            raise NumberNotServedError("a transfer to what is no SIP address")
        number = normalise(target.uri.user)
        if number in self._settings.phones:
            return self._directory.find(f"phone:{number}", None, now)
        if not number:
            raise NumberNotServedError("a transfer to nobody")
        if not self._may_reach(number, peer, target):
            raise CallForbiddenError("this peer may not transfer there")
        return self._directory.find(f"tel:{number}", peer.name if peer.kind == "line" else None, now)

    def redirected(self, uri: Uri, peer: Peer, now: float) -> Sequence[Destination]:
        """Where a call goes that `peer`, who was called, sends to somebody else (3xx): a phone where it could dial
        itself, a line where its `redirects` allow it. Raises CallForbiddenError and NumberNotServedError."""
        number = normalise(uri.user)
        if not (uri.is_sip or uri.scheme == "tel") or not number:
            raise NumberNotServedError("a redirection to what is no number")
        if peer.kind == "phone":
            if number in self._settings.phones:
                return self._directory.find(f"phone:{number}", None, now)
            if self._may_dial(number, peer.name):
                return self._directory.find(f"tel:{number}", None, now)
        elif peer.kind == "line" and peer.name is not None:
            line = self._settings.lines[peer.name]
            if isinstance(line, SipLine) and line.redirects:
                return self._directory.find(f"tel:{number}", peer.name, now)
        raise CallForbiddenError("this peer may not send calls there")

    def _may_reach(self, number: str, peer: Peer, target: ReferTarget) -> bool:
        if peer.kind == "phone" and self._may_dial(number, peer.name):
            return True
        if peer.kind == "line" and target.replaces is not None:
            # The call is there already, at the peer itself: only its other end changes.
            return True
        return any(fnmatch.fnmatchcase(number, pattern) for pattern in self._settings.sip.transfers.to)
