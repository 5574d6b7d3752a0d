"""Who may use the part of Twilio's REST interface: accounts of the configuration, by HTTP Basic.

An account is one of `applications` that speaks TwiML, or one of `ai_agents` with an auth token. The password is its
secret, or a token of `ivr token` that is good for what is asked, whose name then stands for nothing: what is reached
is what the account reaches.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

from ivr.api.guard import Guard
from ivr.settings import Settings
from ivr.store import CallToken

__all__ = ["AI_AGENTS", "Account", "Accounts", "belongs", "named"]

AI_AGENTS = "ai_agents/"
"""Begins the names of accounts that are AI agents."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who may ask."""

    sid: str
    name: str
    """As `application` of requests: `shop`, `ai_agents/parrot`."""
    secret: str


_NOBODY = Account("", "", "none")


class Accounts:
    """All of a configuration. Several may have one AccountSid, each with a secret of his own or with the same one."""

    def __init__(self, settings: Settings, guard: Guard | None = None) -> None:
        """`guard` knows tokens; without it secrets alone count."""
        self._guard = guard
        self._by_sid: dict[str, list[Account]] = {}
        for account in _accounts(settings):
            self._by_sid.setdefault(account.sid, []).append(account)

    def of(self, sid: str) -> list[Account]:
        """Those of an AccountSid."""
        return self._by_sid.get(sid, [])

    async def shown(self, authorization: str, sid: str, scope: str) -> list[Account]:
        """Those of an AccountSid whose secret the header shows, or all of them where it shows a token with a scope."""
        kind, _, text = authorization.partition(" ")
        if kind.lower() != "basic":
            return []
        try:
            user, _, word = base64.b64decode(text.strip(), validate=True).decode().partition(":")
        except (ValueError, binascii.Error):
            return []
        given = _hash(word)
        # As long for an account that is not there as for one that is.
        known = self._by_sid.get(sid) or [_NOBODY]
        same = [account for account in known if hmac.compare_digest(given, _hash(account.secret))]
        if found := [account for account in same if user == account.sid == sid]:
            return found
        token = None if self._guard is None else await self._guard.holder(word)
        # A token that was lent with a call is for that call, by its own way; one of an agent is for his own calls.
        if token is None or isinstance(token, CallToken) or not token.allows(scope):
            return []
        if token.confined_to(scope) is not None:
            return []
        return self.of(sid)


def _accounts(settings: Settings) -> list[Account]:
    found = [
        Account(application.account_sid(name), name, application.secret.get_secret_value())
        for name, application in settings.applications.items()
        if application.protocol == "twiml"
    ]
    found += [
        Account(agent.account_sid(name), AI_AGENTS + name, agent.auth_token.get_secret_value())
        for name, agent in settings.ai_agents.items()
        if agent.auth_token is not None
    ]
    return found


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def belongs(record: Mapping[str, object], account: Account) -> bool:
    """Whether a call, as records have it, was placed by an account or was ever with it."""
    details = record.get("details")
    if isinstance(details, Mapping) and details.get("application") == account.name:
        return True
    path = record.get("path")
    steps = [step for step in path if isinstance(step, Mapping)] if isinstance(path, list) else []
    if account.name.startswith(AI_AGENTS):
        agent = account.name.removeprefix(AI_AGENTS)
        if any(step.get("type") == "transfer_to_ai_agent" and step.get("agent") == agent for step in steps):
            return True
    return any(step.get("application") == account.name for step in steps)


def named(account: Account) -> list[tuple[str, str]]:
    """Keys and texts of which one stands in the record of each call that :func:`belongs` to an account."""
    found = [("application", account.name)]
    if account.name.startswith(AI_AGENTS):
        found.append(("agent", account.name.removeprefix(AI_AGENTS)))
    return found
