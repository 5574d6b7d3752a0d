"""Agents' codes as the store has them: hashed, and looked up by what was keyed in.

    scrypt$<salt>$<hash>        both hexadecimal; one salt for all agents of an installation

Whoever keys in a code says nothing about who he is, so each hash is compared with what was keyed in, and one derivation
must do for all. Codes are short: the work of scrypt (RFC 7914) and the salt make a copy of the store cost something,
and that no code stands in it; guessing on a telephone is stopped by :class:`~ivr.center.codes.Codes`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping

from ivr.settings import Agent

__all__ = ["MAX_CODE", "code_of", "find_agent", "hashed_code", "is_code", "is_hashed", "new_salt"]

MAX_CODE = 12
"""Digits of a code."""
SALT_BYTES = 16
COST, BLOCKS = 2**12, 8
"""4 MiB and about 10 ms of one core: derived in threads, the loop that answers calls does not wait for it."""

_CODE = re.compile(r"\d{1,12}", re.ASCII)
_HASHED = re.compile(r"scrypt\$([0-9a-f]{32})\$([0-9a-f]{64})", re.ASCII)


def new_salt() -> str:
    """Salt for the codes of one installation."""
    return secrets.token_hex(SALT_BYTES)


def is_code(text: str) -> bool:
    """Whether a text can be a code: 1 to 12 digits."""
    return _CODE.fullmatch(text) is not None


def is_hashed(code: str) -> bool:
    """Whether a code is one that :func:`hashed_code` has made."""
    return _HASHED.fullmatch(code) is not None


def hashed_code(digits: str, salt: str) -> str:
    """A code as the store keeps it; takes about 10 ms."""
    made = hashlib.scrypt(digits.encode(), salt=bytes.fromhex(salt), n=COST, r=BLOCKS, p=1, dklen=32)
    return f"scrypt${salt}${made.hex()}"


def find_agent(agents: Mapping[str, Agent], digits: str) -> str | None:
    """The enabled agent whose code this is. None: nobody's, or that of two, one of whom was made over HTTP before the
    other came into ivr.yaml: nobody may be let in as somebody else. Takes about 10 ms where codes are hashed."""
    found: list[str] = []
    derived: dict[str, str] = {}
    for name, agent in agents.items():
        code = code_of(agent)
        salted = _HASHED.fullmatch(code)
        given = digits
        if salted is not None:
            salt = salted[1]
            given = derived[salt] = derived.get(salt) or hashed_code(digits, salt)
        # All of them, in the same time each.
        if code and hmac.compare_digest(code.encode(), given.encode()):
            found.append(name)
    return found[0] if len(found) == 1 else None


def code_of(agent: Agent | None) -> str:
    """The code, or its hash, by which an agent is let in; empty: by none."""
    return "" if agent is None or agent.code is None or not agent.enabled else agent.code.get_secret_value()
