"""The registrar: which addresses a phone can be reached at (RFC 3261 §10.3).

Pure and in memory. A binding keeps the flow that the REGISTER came by, so that a phone behind a NAT is reached by the
hole it has opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Final

from ivr.errors import ProtocolError
from ivr.sip.dialog import next_hop
from ivr.sip.events import Flow
from ivr.sip.headers import NameAddr, parse_number
from ivr.sip.making import make_response
from ivr.sip.message import STAR, Header, Request, Response

__all__ = ["Binding", "Registrar", "RegistrarLimits", "RegistrationError"]

_MAX_EXPIRES: Final = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class RegistrarLimits:
    """What a registrar takes."""

    contacts_per_aor: int = 5
    """Contacts of a phone; the one registered longest ago goes when a further one comes, since a phone that restarts
    leaves its old contact behind."""
    bindings: int = 10_000
    """Contacts in all; beyond them 503."""
    min_expires: int = 60
    """Seconds; less is refused with 423: every REGISTER costs."""
    max_expires: int = 7200
    """Seconds; more is granted as this."""
    default_expires: int = 3600
    """Seconds where the phone says nothing."""


class RegistrationError(ProtocolError):
    """A REGISTER that cannot be done; nothing of it was."""

    retryable: ClassVar[bool] = False

    def __init__(self, status: int, text: str, headers: Sequence[Header] = ()) -> None:
        super().__init__(text)
        self.status = status
        """What to answer."""
        self.headers = tuple(headers)


@dataclass(frozen=True, slots=True)
class Binding:
    """One contact of a phone."""

    contact: NameAddr
    """As registered; `contact.uri` is the Request-URI for calls to it."""
    flow: Flow
    """The path that its REGISTER came by: calls to it go there."""
    expires_at: float
    """Monotonic seconds."""
    q: float
    """Preference, 0 to 1."""
    call_id: str
    """Call-ID of the REGISTER that set it last."""
    cseq: int
    """CSeq of it."""
    updated: int
    """Grows with every registration: the larger, the more recent."""

    @property
    def path(self) -> Flow:
        """The way that calls take: the connection of the REGISTER (RFC 5626 §5.3), or where it is gone a new one to the
        port that the contact names."""
        return next_hop(self.contact.uri, self.flow) if self.flow.reliable else self.flow


class Registrar:
    """Bindings by address of record (the user part, as the caller of this class normalises it)."""

    def __init__(self, limits: RegistrarLimits | None = None) -> None:
        self.limits = limits or RegistrarLimits()
        self._bindings: dict[str, list[Binding]] = {}
        self._count = 0
        self._updates = 0
        self.on_change: Callable[[str], None] = lambda aor: None
        """Called for a phone whose bindings have changed: by a REGISTER, or since it was seen that one ran out."""

    def __len__(self) -> int:
        """Bindings, those included that ran out and were not looked at since."""
        return self._count

    def lookup(self, aor: str, now: float) -> list[Binding]:
        """The contacts of a phone in force, the preferred first: by q, then the most recent."""
        found = self._current(aor, now)
        return sorted(found, key=lambda binding: (-binding.q, -binding.updated))

    def register(self, aor: str, request: Request, flow: Flow, now: float) -> list[Binding]:
        """Do what a REGISTER asks for, all or nothing; the bindings in force then. Raises RegistrationError."""
        contacts = request.contacts
        current = self._current(aor, now)
        call_id, cseq = request.call_id, request.cseq
        if contacts is STAR:
            if request.expires != 0:
                raise RegistrationError(400, "Contact: * without Expires: 0")
            self._check_order(current, call_id, cseq)
            self._store(aor, [])
            return []
        if not contacts:
            return self.lookup(aor, now)
        if len(contacts) > self.limits.contacts_per_aor:
            raise RegistrationError(403, "too many contacts")
        updated = list(current)
        for contact in contacts:
            if not contact.uri.is_sip:
                raise RegistrationError(400, "a contact that is no SIP URI")
            seconds = self._expires(contact, request)
            old = [binding for binding in updated if self._same(binding.contact, contact)]
            self._check_order(old, call_id, cseq)
            for binding in old:
                updated.remove(binding)
            if seconds:
                self._updates += 1
                updated.append(Binding(contact, flow, now + seconds, _q(contact), call_id, cseq, self._updates))
        while len(updated) > self.limits.contacts_per_aor:
            updated.remove(min(updated, key=lambda binding: binding.updated))
        if len(updated) > len(current) and self._count + len(updated) - len(current) > self.limits.bindings:
            self._purge(now)
            if self._count + len(updated) - len(current) > self.limits.bindings:
                raise RegistrationError(503, "too many registrations", (("Retry-After", "60"),))
        self._store(aor, updated)
        return self.lookup(aor, now)

    def answer(self, aor: str, request: Request, flow: Flow, now: float) -> Response:
        """Do what a REGISTER asks for and make the response: 200 with all contacts in force, or the refusal."""
        try:
            bindings = self.register(aor, request, flow, now)
        except RegistrationError as error:
            return make_response(request, error.status, headers=error.headers)
        headers = [
            (
                "Contact",
                str(
                    NameAddr(
                        binding.contact.uri,
                        binding.contact.display,
                        {**binding.contact.params, "expires": str(max(0, round(binding.expires_at - now)))},
                    )
                ),
            )
            for binding in bindings
        ]
        return make_response(request, 200, headers=headers)

    def _expires(self, contact: NameAddr, request: Request) -> int:
        text = contact.params.get("expires")
        seconds = parse_number(text, _MAX_EXPIRES) if text is not None else request.expires
        if seconds is None:
            seconds = self.limits.default_expires
        if 0 < seconds < self.limits.min_expires:
            raise RegistrationError(423, "interval too brief", (("Min-Expires", str(self.limits.min_expires)),))
        return min(seconds, self.limits.max_expires)

    @staticmethod
    def _same(old: NameAddr, new: NameAddr) -> bool:
        # RFC 5626: the same instance is the same phone, whatever its address is now.
        instance = new.params.get("+sip.instance")
        if (
            instance
            and instance == old.params.get("+sip.instance")
            and old.params.get("reg-id") == new.params.get("reg-id")
        ):
            return True
        return old.uri == new.uri

    @staticmethod
    def _check_order(bindings: list[Binding], call_id: str, cseq: int) -> None:
        if any(binding.call_id == call_id and cseq <= binding.cseq for binding in bindings):
            raise RegistrationError(500, "an older REGISTER")

    def _current(self, aor: str, now: float) -> list[Binding]:
        bindings = self._bindings.get(aor)
        if bindings is None:
            return []
        if any(binding.expires_at <= now for binding in bindings):
            self._store(aor, [binding for binding in bindings if binding.expires_at > now])
        return self._bindings.get(aor, [])

    def _store(self, aor: str, bindings: list[Binding]) -> None:
        self._count += len(bindings) - len(self._bindings.get(aor, ()))
        if bindings:
            self._bindings[aor] = bindings
        else:
            self._bindings.pop(aor, None)
        self.on_change(aor)

    def _purge(self, now: float) -> None:
        for aor in list(self._bindings):
            self._current(aor, now)


def _q(contact: NameAddr) -> float:
    text = contact.params.get("q") or "1"
    try:
        return min(max(float(text[:5]), 0.0), 1.0)
    except ValueError:
        return 1.0
