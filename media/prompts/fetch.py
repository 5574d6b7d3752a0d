"""Fetching a prompt over HTTP without lending the caller of a flow our place in the network.

Every hop is checked by itself: http or https only, and addresses as `media.guard` permits them. Sizes, redirects and
the time of the whole are bounded; compressed bodies are refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import aiohttp
from yarl import URL

from media.errors import AddressError
from media.guard import AddressPolicy, CheckedResolver, check_literal
from media.prompts.errors import PromptError
from media.prompts.limits import PromptLimits

__all__ = ["Fetched", "Fetcher", "Validators"]

MAX_URL = 2048
MAX_REASON = 80
REDIRECTS = (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server needs to tell whether its copy has changed (RFC 9110 section 8.8)."""

    etag: str | None = None
    """As sent, quotes included."""
    last_modified: str | None = None
    """As sent."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A final answer."""

    body: bytes | None
    """None: not modified."""
    validators: Validators
    """For the next time."""
    max_age: float | None
    """Seconds by Cache-Control; 0 when it must be asked each time; None when nothing is said."""


class Fetcher:
    """Fetches one address after the other; holds no connection and no cookie between them."""

    def __init__(self, policy: AddressPolicy, limits: PromptLimits) -> None:
        self._policy = policy
        self._limits = limits
        self._resolver = CheckedResolver(policy, "prompt-resolver")

    def close(self) -> None:
        """Wait for no name server any more."""
        self._resolver.shutdown()

    async def fetch(self, url: str, validators: Validators | None = None) -> Fetched:
        """The body behind a URL, or that it has not changed. Raises PromptError, never with the URL's query in it."""
        where = shown(url)
        try:
            async with asyncio.timeout(self._limits.fetch_seconds):
                return await self._follow(_parsed(url), validators or Validators())
        except TimeoutError:
            raise PromptError(f"{where}: no answer within {self._limits.fetch_seconds:g} s") from None
        except (PromptError, AddressError) as error:
            raise PromptError(f"{where}: {error}") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise PromptError(f"{where}: {_reason(error)}") from None

    async def _follow(self, url: URL, validators: Validators) -> Fetched:
        for _ in range(self._limits.fetch_redirects + 1):
            answer = await self._hop(url, validators)
            if isinstance(answer, Fetched):
                return answer
            url = _parsed(str(url.join(URL(answer))))
        raise PromptError(f"more than {self._limits.fetch_redirects} redirects")

    async def _hop(self, url: URL, validators: Validators) -> Fetched | str:
        """The answer of one server, or where it redirects to."""
        check_literal(self._policy, url)
        headers = {"Accept": "audio/*, application/octet-stream;q=0.5", "Accept-Encoding": "identity"}
        if validators.etag:
            headers["If-None-Match"] = validators.etag
        if validators.last_modified:
            headers["If-Modified-Since"] = validators.last_modified
        connector = aiohttp.TCPConnector(resolver=self._resolver, use_dns_cache=False, force_close=True, limit=1)
        async with (
            aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False, auto_decompress=False
            ) as session,
            session.get(url, headers=headers, allow_redirects=False) as response,
        ):
            if response.status in REDIRECTS:
                location = response.headers.get("Location")
                if not location or len(location) > MAX_URL:
                    raise PromptError(f"status {response.status} without a usable Location")
                return location
            known = Validators(_short(response.headers.get("ETag")), _short(response.headers.get("Last-Modified")))
            age = _max_age(response.headers.getall("Cache-Control", []))
            if response.status == 304 and (validators.etag or validators.last_modified):
                return Fetched(None, known if known != Validators() else validators, age)
            if response.status != 200:
                raise PromptError(f"status {response.status} (expected 200)")
            return Fetched(await self._body(response), known, age)

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        limit = self._limits.file_bytes
        encoding = response.headers.get("Content-Encoding", "identity").lower()
        if encoding not in ("identity", ""):
            raise PromptError(f"a body with Content-Encoding {encoding[:MAX_REASON]} (expected identity)")
        if response.content_length is not None and response.content_length > limit:
            raise PromptError(f"larger than {limit} bytes (found {response.content_length})")
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > limit:
                raise PromptError(f"larger than {limit} bytes")
        return bytes(body)


def _parsed(url: str) -> URL:
    if len(url) > MAX_URL or not url.isprintable():
        raise PromptError("not a usable URL")
    try:
        parsed = URL(url)
        usable = bool(parsed.host) and parsed.scheme in ("http", "https") and parsed.port is not None
    except ValueError:
        usable = False
    if not usable:
        raise PromptError("not an http or https URL with a host")
    return parsed


def shown(url: str) -> str:
    """The URL for messages: without user, password, query and fragment, which may hold secrets."""
    try:
        parsed = URL(url)
        return str(parsed.with_user(None).with_query(None).with_fragment(None))[:200] if parsed.host else "the URL"
    except ValueError:
        return "the URL"


def _max_age(values: Iterable[str]) -> float | None:
    directives = [part.strip().lower() for value in values for part in value.split(",")]
    if "no-cache" in directives or "no-store" in directives:
        return 0.0
    for part in directives:
        name, _, value = part.partition("=")
        if name == "max-age" and value.strip('"').isdigit() and len(value) < 12:
            return float(value.strip('"'))
    return None


def _short(value: str | None) -> str | None:
    return value if value is not None and len(value) <= 256 else None


def _reason(error: Any) -> str:
    text = getattr(error, "message", "") or getattr(error, "strerror", "") or ""
    return f"{type(error).__name__}{': ' + str(text)[:MAX_REASON] if text else ''}"
