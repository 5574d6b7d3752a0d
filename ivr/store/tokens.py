"""Tokens of the HTTP interface. The store has the hash of a secret, never the secret."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

import sqlalchemy as sa

from ivr.store import schema
from ivr.store.access import Table

__all__ = ["ROLES", "SCOPES", "CallToken", "Token", "TokenTable", "call_token", "new_token", "split_token"]

SCOPES = {
    "admin": "everything",
    "agents": "statuses and calls of every agent, queues and routes",
    "agents:read": "agents, queues and their figures",
    "agents:self": "the own status and call of the agent whose token it is",
    "calls": "place calls",
    "calls:control": "hang up, move and control live calls",
    "calls:read": "calls in progress, and those that are over",
    "campaigns": "make, fill and steer campaigns",
    "events": "post events",
    "events:read": "hear what happens, as it happens",
    "flows": "list, load, activate and roll back flows",
    "metrics": "figures for Prometheus",
    "people": "profiles and the do-not-contact list",
    "recordings": "delete recordings",
    "recordings:read": "list and hear recordings",
    "webhooks": "how webhooks fare, and events that could not be delivered",
}
"""What a token may be good for."""

ROLES = {
    "agent": ("agents:read", "agents:self", "calls:read", "events:read"),
    "manager": (
        "agents",
        "agents:read",
        "calls",
        "calls:control",
        "calls:read",
        "campaigns",
        "events:read",
        "flows",
        "people",
        "recordings",
        "recordings:read",
    ),
    "analytics": ("agents:read", "calls:read", "events:read", "metrics", "recordings:read"),
    "account": ("admin",),
}
"""Names for sets of scopes that go together. A token has several, but not agent and manager together."""

OWN = "agents:self"
"""About one agent: whoever may do everything with all of them may do it for each."""
PREFIX = "ivr"
ID_BYTES, SECRET_BYTES = 6, 32
"""256 random bits: a plain hash is enough, there is nothing to guess."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token without its secret."""

    id: str
    """Stands in the token itself, and names it in lists and logs."""
    name: str
    """Who has it."""
    hash: str
    """SHA-256 of the secret, hexadecimal."""
    scopes: list[str]
    """What it is good for."""
    created_at: float
    """Seconds since the epoch."""
    expires_at: float | None = None
    """From then on it is good for nothing."""
    last_used: float | None = None
    """To a minute."""
    roles: list[str] = field(default_factory=list)
    """Names of `ROLES`: good for what they are good for, too."""
    agent: str | None = None
    """Agent of the contact centre whose token it is: what is asked about oneself is about this one."""

    def holds(self, secret: str, now: float) -> bool:
        """Whether this is its secret, and its time has not run out. Takes as long for any secret."""
        same = hmac.compare_digest(_hash(secret), self.hash)
        return same and (self.expires_at is None or now < self.expires_at)

    def allows(self, scope: str) -> bool:
        """Whether it is good for something: by a scope or a role."""
        return _covers(_held(self.scopes, self.roles), scope)

    def confined_to(self, scope: str) -> str | None:
        """The agent whose own matters alone it is good for, where it has a scope by the role `agent` and by nothing
        else: empty where it is nobody's; None: it is good for all that the scope is good for, or for nothing of it."""
        others = _held(self.scopes, [role for role in self.roles if role != "agent"]) - {OWN}
        if _covers(others, scope) or not self.allows(scope):
            return None
        return self.agent or ""


@dataclass(frozen=True, slots=True)
class CallToken(Token):
    """A token for one call, which no store has: whoever has it may control that call alone."""

    call: str = ""
    """Id of the call."""


def _held(scopes: Iterable[str], roles: Iterable[str]) -> set[str]:
    return {*scopes, *(scope for role in roles for scope in ROLES.get(role, ()))}


def _covers(held: set[str], scope: str) -> bool:
    return scope in held or "admin" in held or (scope == OWN and "agents" in held)


def call_token(name: str, call: str, now: float) -> tuple[CallToken, str]:
    """A new token of `name` for a call, and the text that whoever has it shows."""
    key, secret = secrets.token_hex(ID_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    token = CallToken(key, name, _hash(secret), ["calls:control", "calls:read"], now, call=call)
    return token, f"{PREFIX}_{key}_{secret}"


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def new_token(
    name: str,
    scopes: Iterable[str],
    now: float,
    expires_at: float | None = None,
    *,
    roles: Iterable[str] = (),
    agent: str | None = None,
) -> tuple[Token, str]:
    """A new token, and the text that whoever has it shows: it is told once."""
    key, secret = secrets.token_hex(ID_BYTES), secrets.token_urlsafe(SECRET_BYTES)
    token = Token(key, name, _hash(secret), sorted(set(scopes)), now, expires_at, roles=sorted(set(roles)), agent=agent)
    return token, f"{PREFIX}_{key}_{secret}"


def split_token(text: str) -> tuple[str, str] | None:
    """Id and secret of a token as it is shown; None for anything else."""
    prefix, _, rest = text.partition("_")
    key, _, secret = rest.partition("_")
    return (key, secret) if prefix == PREFIX and key and secret else None


class TokenTable(Table):
    """The table `tokens`. Every method blocks; StoreError where the store cannot be used."""

    def add(self, token: Token) -> None:
        """Keep a token."""
        with self._begin() as connection:
            connection.execute(schema.tokens.insert(), {name: getattr(token, name) for name in Token.__slots__})

    def get(self, key: str) -> Token | None:
        """The token of an id."""
        rows = self._rows(sa.select(schema.tokens).where(schema.tokens.c.id == key))
        return next((Token(**row) for row in rows), None)

    def all(self) -> list[Token]:
        """Every token, oldest first."""
        return [Token(**row) for row in self._rows(sa.select(schema.tokens).order_by(schema.tokens.c.created_at))]

    def remove(self, name: str) -> int:
        """Take back the token of an id, or those of a name; how many there were."""
        column = schema.tokens.c
        with self._begin() as connection:
            return connection.execute(
                schema.tokens.delete().where((column.id == name) | (column.name == name))
            ).rowcount
