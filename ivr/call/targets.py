"""Where a forwarded call goes: targets of flows made into SIP destinations.

A target is ``sip:…``, ``tel:…``, ``phone:200``, ``agent:anna``; a bare value is a phone, else an agent, else a number
through a line.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from ivr.call.identity import LineTable, normalise
from ivr.errors import CallForbiddenError, IvrError, NumberNotServedError, ProtocolError
from ivr.guard import DialPolicy
from ivr.lines import write_number
from ivr.settings import Agent, Settings, SipLine
from ivr.sip import Account, Binding, Flow, Registrar, Uri


class NoLineError(NumberNotServedError):
    """There is no such line, or none at all for calls out."""


@dataclass(frozen=True, slots=True)
class Destination:
    """One place an INVITE can be sent to."""

    target: str
    """As the flow wrote it."""
    uri: Uri
    """Request-URI and To."""
    host: str
    """Host name or address that the packet goes to."""
    port: int | None = None
    """None: as the DNS says, else the usual one."""
    line: str | None = None
    """Line it goes through; None for phones and plain URIs."""
    flow: Flow | None = None
    """Path that a registered phone came by; used as it is."""
    account: Account | None = None
    """Answers challenges."""
    phone: str | None = None
    """User of the registered phone; None otherwise."""
    agent: str | None = None
    """Agent whose phone it is, where he was called by name."""
    transport: str | None = None
    """Of an address that is no line's; None: as the DNS says, else UDP."""
    number: str = ""
    """Of a call through a line, or to its peer: as it is to be dialled, before it is written as the line wants it."""
    instead: tuple[Destination, ...] = ()
    """The same by other lines, in the order in which they are tried while this one cannot take calls."""


class Directory:
    """Looks targets up among phones, agents and lines."""

    def __init__(self, settings: Settings, registrar: Registrar, lines: LineTable) -> None:
        self._settings = settings
        self._registrar = registrar
        self._lines = lines
        self._policy = DialPolicy(settings.outbound_policy)
        self.agents: Mapping[str, Agent] = settings.agents
        """Agents by name, as they are now."""
        self.takes_calls: Callable[[str], bool] = lambda agent: True
        """Whether calls go to an agent: not to one who is logged out."""
        self.answers: Callable[[str, Binding], bool] = lambda user, binding: True
        """Whether somebody is there at a contact of an agent's phone."""

    def find(self, target: str, line: str | None, now: float) -> Sequence[Destination]:
        """Destinations of one target; several where a phone has several contacts.

        Empty when a phone is known but not registered, and for an agent who is logged out. Raises
        :class:`NumberNotServedError` for what is no target, :class:`CallForbiddenError` for what the outbound policy
        denies. Their texts go into the log and name no number.
        """
        scheme, _, rest = target.partition(":")
        match scheme.lower() if rest else "":
            case "sip" | "sips":
                return self._uri(target, line)
            case "tel":
                return self._number(target, rest, line)
            case "phone":
                return self._phone(target, rest, now)
            case "agent":
                return self._agent(target, rest, line, now)
        if target in self._settings.phones:
            return self._phone(target, target, now)
        if target in self.agents:
            return self._agent(target, target, line, now)
        return self._number(target, target, line)

    def _uri(self, target: str, line: str | None) -> Sequence[Destination]:
        try:
            uri = Uri.parse(target)
        except ProtocolError as error:
            raise NumberNotServedError(f"a target is no SIP URI: {type(error).__name__}") from None
        if uri.scheme != "sip":
            raise NumberNotServedError(f"nobody can be called by a {uri.scheme} URI")
        number = normalise(uri.user)
        self._check_policy(number)
        if line is not None:
            trunk = self._trunk(line)
            account = self._lines.account(line)
            return [Destination(target, uri, trunk.host, trunk.port, line, None, account, number=number)]
        transport = (uri.params.get("transport") or "").lower() or None
        if transport not in (None, "udp", "tcp", "tls"):
            raise NumberNotServedError(f"nobody can be called by {transport}")
        # What is written like an address but leads to a line's peer is a call through that line.
        beside = number if self._lines.has_host(uri.host) else ""
        return [Destination(target, uri, uri.host, uri.port, transport=transport, number=beside)]

    def _phone(self, target: str, user: str, now: float) -> Sequence[Destination]:
        if user not in self._settings.phones:
            raise NumberNotServedError("there is no such phone")
        return [self._contact(target, user, binding) for binding in self._registrar.lookup(user, now)]

    def _contact(self, target: str, user: str, binding: Binding, agent: str | None = None) -> Destination:
        host, port = binding.flow.remote
        return Destination(target, binding.contact.uri, host, port, flow=binding.path, phone=user, agent=agent)

    def _agent(self, target: str, name: str, line: str | None, now: float) -> Sequence[Destination]:
        agent = self.agents.get(name)
        if agent is None or not agent.enabled:
            raise NumberNotServedError("there is no such agent")
        if not self.takes_calls(name):
            return []
        found: list[Destination] = []
        denied: IvrError | None = None
        for phone in agent.phones:
            if phone in self._settings.phones:
                bindings = self._registrar.lookup(phone, now)
                found += [self._contact(target, phone, one, name) for one in bindings if self.answers(phone, one)]
                continue
            try:
                found += [replace(way, target=target, agent=name) for way in self.find(phone, line, now)]
            except IvrError as error:
                denied = error
        if denied is not None and not found:
            raise denied
        return found

    def _number(self, target: str, number: str, line: str | None) -> Sequence[Destination]:
        number = normalise(number)
        if not number or not all(c.isascii() and (c.isalnum() or c in "+*#-_.") for c in number):
            raise NumberNotServedError("there is no such phone, agent or number")
        self._check_policy(number)
        policy = self._settings.outbound_policy
        if (urgent := self._policy.emergency(number)) is not None:
            number, line = urgent, policy.emergency_line or line
        names = self._chain((line,) if line else policy.line or tuple(self._lines.lines)[:1])
        if not names:
            raise NoLineError("no line is configured for calls out")
        ways = [self._way(target, number, name) for name in names]
        return [replace(ways[0], instead=tuple(ways[1:]))]

    def _way(self, target: str, number: str, name: str) -> Destination:
        trunk = self._trunk(name)
        urgent = self._policy.emergency(number) is not None
        written = number if urgent else write_number(number, trunk.dial_format, trunk.country)
        uri = Uri("sip", written, trunk.host, trunk.port)
        return Destination(target, uri, trunk.host, trunk.port, name, None, self._lines.account(name), number=number)

    def _chain(self, names: Sequence[str]) -> list[str]:
        """Lines with those that stand in for them, each once: first those that are named, then what they name."""
        chain = list(dict.fromkeys(names))
        for name in chain:
            chain += [other for other in self._trunk(name).failover if other not in chain]
        return chain

    def _check_policy(self, number: str) -> None:
        """Raise CallForbiddenError for a number that nobody may dial."""
        denied = any(fnmatch.fnmatchcase(number, pattern) for pattern in self._settings.outbound_policy.deny)
        if denied and self._policy.emergency(number) is None:
            raise CallForbiddenError("the outbound policy denies this number")

    def _trunk(self, name: str) -> SipLine:
        trunk = self._lines.lines.get(name)
        if trunk is None:
            raise NoLineError(f"there is no SIP line {name!r}")
        return trunk
