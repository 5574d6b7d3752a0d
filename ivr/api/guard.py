"""Who may ask for what: tokens with scopes, and this machine for what only reads."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from aiohttp import web
from yarl import URL

from ivr.api.problems import ProblemError
from ivr.settings import HostPort
from ivr.store import CallToken, Store, Token, new_token, split_token

__all__ = ["Guard", "is_local", "is_passed_on", "local_token", "where_to_listen"]

NOTE_USE_EVERY = 60.0
"""Seconds between two notes in the store that a token was used."""

PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Real-IP")
"""What proxies add: the one who asks is elsewhere."""

NOBODY = Token("", "", "0" * 64, [], 0.0)
"""What a token that is not there is compared with."""
LOCAL = "the command line of this machine"


class Guard:
    """Looks at the token of each request. `local` is one that is not in the store."""

    def __init__(self, store: Store, local: Token | None = None, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._local = local
        self._clock = clock
        self._noted: dict[str, float] = {}
        self.of_calls: Callable[[str], CallToken | None] = lambda key: None
        """Finds tokens that are good for one call alone."""

    async def allowed(
        self, request: web.Request, scope: str, local: bool | Callable[[web.Request], bool] = False
    ) -> Token | None:
        """The token of a request, which has this scope; None where it needs none: asked from this machine where
        `local` is set, or where `local` says so of it. A problem (401, 403) where it may not be asked."""
        token = await self._token(request)
        if token is None:
            if not (local(request) if callable(local) else local and is_local(request)):
                raise ProblemError(401, "a token is needed: Authorization: Bearer …", {"WWW-Authenticate": "Bearer"})
        elif not token.allows(scope):
            error = f'Bearer error="insufficient_scope", scope="{scope}"'
            raise ProblemError(403, f"this token is not good for that: it needs {scope}", {"WWW-Authenticate": error})
        elif isinstance(token, CallToken) and request.match_info.get("id") != token.call:
            raise ProblemError(403, "this token is good for its own call alone")
        return token

    def is_own(self, token: Token) -> bool:
        """Whether it is the daemon's own, which the command line of this machine has."""
        return token is self._local

    async def _token(self, request: web.Request) -> Token | None:
        """The token of a request; None where it shows none. One that is not good is refused on this machine too."""
        header = request.headers.get("Authorization")
        if header is None:
            return None
        kind, _, text = header.partition(" ")
        token = await self.holder(text.strip()) if kind.lower() == "bearer" else None
        if token is not None:
            return token
        raise ProblemError(401, "this token is not good", {"WWW-Authenticate": 'Bearer error="invalid_token"'})

    async def holder(self, text: str) -> Token | None:
        """The token of a text, where it is good now."""
        found = split_token(text)
        if found is None:
            return None
        key, secret = found
        token: Token | None = self.of_calls(key)
        if token is None:
            token = self._local if self._local is not None and key == self._local.id else await self._look_up(key)
        now = self._clock()
        # As long for a token that is not there as for a wrong secret of one that is.
        if not (token or NOBODY).holds(secret, now) or token is None:
            return None
        self._note(token, now)
        return token

    async def _look_up(self, key: str) -> Token | None:
        # Each time: a token that was taken back is good for nothing from that moment on.
        return await asyncio.to_thread(self._store.tokens.get, key)

    def _note(self, token: Token, now: float) -> None:
        kept = token is not self._local and not isinstance(token, CallToken)
        if kept and now - self._noted.get(token.id, 0.0) >= NOTE_USE_EVERY:
            self._noted[token.id] = now
            self._store.writer.token_used(token.id, now)


def where_to_listen(listen: HostPort, *, open_to_somebody: bool) -> HostPort:
    """Where the interface listens: as configured once there is somebody who may use it from elsewhere, until then on
    the loopback address alone."""
    try:
        own = ipaddress.ip_address(listen.host)
    except ValueError:
        return listen if open_to_somebody or listen.host == "localhost" else HostPort("127.0.0.1", listen.port)
    if open_to_somebody or own.is_loopback:
        return listen
    return HostPort("::1" if own.version == 6 else "127.0.0.1", listen.port)


def is_passed_on(request: web.Request) -> bool:
    """Whether a proxy asks for somebody else."""
    return any(name in request.headers for name in PROXY_HEADERS)


def is_local(request: web.Request) -> bool:
    """Asked by a program of this machine, not through a proxy on it, nor by a web page that a browser here shows."""
    if is_passed_on(request):
        return False
    try:
        host = URL(f"http://{request.host}").host or ""
        named = host == "localhost" or bool(ipaddress.ip_address(host))  # a name would be one that a page chose
        return named and ipaddress.ip_address(request.remote or "").is_loopback
    except ValueError:
        return False


@contextlib.contextmanager
def local_token(path: Path) -> Iterator[Token]:
    """A token for the command line of this machine, good for everything while this lasts, in a file for its owner."""
    token, text = new_token(LOCAL, ["admin"], time.time())
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    fresh.replace(path)
    try:
        yield token
    finally:
        with contextlib.suppress(OSError):
            if path.read_text() == text:  # else a younger daemon has put its own there
                path.unlink()
