"""Who may ask what: by role, from what the endpoints declare. The table of the documentation comes of this, and tests
ask a daemon as everybody to see that it is so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ivr.api.endpoints import Endpoint
from ivr.store import ROLES, SCOPES, Token

__all__ = ["Allowed", "allowed", "role_table", "scope_table"]

Allowed = Literal["yes", "own", ""]
"""`own`: what concerns oneself; empty: no."""
ACCOUNTS = "/2010-04-01/"
"""Begins what has passwords of its own, for which tokens with these scopes may stand."""
ACCOUNT_SCOPES = ("calls:read", "calls", "calls:control")
WORDS: dict[Allowed, str] = {"yes": "yes", "own": "his own", "": ""}


def allowed(endpoint: Endpoint, roles: Sequence[str] = (), scopes: Sequence[str] = ()) -> Allowed:
    """Whether a token with these roles and scopes, which is an agent's where `agent` is one of them, may ask for it."""
    if endpoint.scope is None:
        return "yes"
    token = Token("", "", "", list(scopes), 0.0, roles=list(roles), agent="anna" if "agent" in roles else None)
    agent = token.confined_to(endpoint.scope)
    if not token.allows(endpoint.scope) or (agent is not None and not (agent and endpoint.own)):
        return ""
    return "yes" if agent is None else "own"


def role_table(endpoints: Sequence[Endpoint]) -> str:
    """Every endpoint with its scope and with the roles that have it, as Markdown; those that are alike in one row."""
    rows: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for endpoint in endpoints:
        path = endpoint.plain_path
        part = path.split("/")[2] if path.startswith("/v1/") else ""
        local = "" if endpoint.scope is None else "yes" if endpoint.local is True else ""
        local = "by `metrics.allow`" if callable(endpoint.local) else local
        scope = "none" if endpoint.scope is None else f"`{endpoint.scope}`"
        held = [WORDS[allowed(endpoint, (role,))] for role in ROLES]
        if path.startswith(ACCOUNTS):
            scope = "AccountSid with its auth token, or with a token: `calls:read`, `calls`, `calls:control`"
            held = [_of_accounts(role) for role in ROLES]
        cells = (part, scope, *held, local)
        rows.setdefault(cells, {}).setdefault(path, []).append(endpoint.method)
    lines = [
        f"| request | scope | {' | '.join(ROLES)} | this machine, no token |",
        f"|---|---|{'---|' * len(ROLES)}---|",
    ]
    for cells, paths in rows.items():
        told = ", ".join(f"`{' '.join(methods)} {path}`" for path, methods in paths.items())
        lines.append(f"| {told} | {' | '.join(cells[1:])} |")
    return "\n".join(lines) + "\n"


def _of_accounts(role: str) -> str:
    """What a token with a role is good for in the place of an account's password."""
    token = Token("", "", "", [], 0.0, roles=[role])
    good = [token.allows(scope) and token.confined_to(scope) is None for scope in ACCOUNT_SCOPES]
    return "yes" if all(good) else "reads" if good[0] else ""


def scope_table() -> str:
    """What scopes are good for, and which roles have them, as Markdown."""
    lines = ["| scope | good for | roles |", "|---|---|---|"]
    for scope, what in SCOPES.items():
        roles = [role for role in ROLES if Token("", "", "", [], 0.0, roles=[role]).allows(scope)]
        lines.append(f"| `{scope}` | {what} | {', '.join(roles)} |")
    return "\n".join(lines) + "\n"
