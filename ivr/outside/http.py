"""HTTP requests of flows.

One client serves all calls. A flow chooses the URL and the other side what it answers, so neither is trusted: addresses
are checked for each connection and each redirect (`media.guard`), credentials of a connector go to its own origin
alone, and the size of an answer, its headers, the time of the whole, the connections and the requests that wait are
bounded. Nothing of a request but its host stands in the log.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import aiohttp
from yarl import URL

from ivr import __version__
from ivr.flow import ports
from ivr.outside.answers import BadAnswerError, TooLargeError, body_value, unpack
from ivr.outside.signatures import TWILIO_HEADER, form_of, signed_body_query, twilio_signature
from ivr.settings import Connector, Settings
from ivr.tasks import TaskSet
from media import AddressError, AddressPolicy, CheckedResolver, allow_listed, check_literal, checked_session

__all__ = ["HttpClient"]

log = logging.getLogger("ivr.outside")

MAX_CONNECTIONS = 400
"""Sockets to all hosts together: a tenth of what the files of a daemon with 4,000 calls leave."""

MAX_UNDER_WAY = 2_000
"""Requests sent and waiting: half of the calls that a daemon takes may wait for an answer at once."""

MAX_UNDER_WAY_PER_HOST = 500
"""Those to one host: beyond it a host that hangs is refused at once, and flows take their branch for it."""

MAX_REDIRECTS = 5
MAX_URL = 8_000
"""Characters of a URL, values and base URL joined."""

MAX_HEADER_BYTES = 32 * 1024
"""Characters of their values together: flows see them all as `result.headers`."""

REDIRECTS = (301, 302, 303, 307, 308)
HEADERS = {
    "user-agent": f"ivr/{__version__}",
    "accept": "application/json, text/*;q=0.9, */*;q=0.5",
    "accept-encoding": "identity",
}
"""Sent to everybody, where a flow or a connector says nothing else."""

AI_AGENTS = "ai_agents/"
"""Begins the names of AI agents among those whom requests are signed for."""

BODY_HEADERS = frozenset({"content-type", "content-language", "content-encoding"})

Done = Callable[[ports.RequestDone], None]


CLOSED = "not a public address (private ones are to be named in http.allow)"


class _RefusedError(Exception):
    """The request must not be sent."""


class _BusyError(Exception):
    """Too many requests are under way."""


@dataclass(slots=True)
class _Hop:
    """One request on the way to the answer."""

    method: str
    url: URL
    headers: dict[str, str]
    body: bytes | None
    token: str | None = None
    """Auth token of the account that the request is signed for; None: it is not."""


class HttpClient:
    """Sends the requests of flows."""

    def __init__(self, settings: Settings, policy: AddressPolicy | None = None) -> None:
        """`policy`: instead of what `http.allow` says."""
        self._connectors = settings.connectors
        self._applications = settings.applications
        self._ai_agents = settings.ai_agents
        self._limit = settings.http.answer_bytes
        self._policy = policy or allow_listed(settings.http.allow)
        self._resolver = CheckedResolver(self._policy, "request-resolver")
        self._trust = ssl.create_default_context()
        self._session: aiohttp.ClientSession | None = None
        self._tasks = TaskSet()
        self._hosts: Counter[str] = Counter()
        self._closed = False

    def request(self, command: ports.Request, done: Done) -> None:
        """Send a request; `done` is called once, later, whatever happens, unless the client is closed before."""
        if self._closed:
            return
        self._tasks.spawn(self._answer(command, done, len(self._tasks) >= MAX_UNDER_WAY))

    async def close(self) -> None:
        """Cancel what is under way, and close all connections."""
        self._closed = True
        await self._tasks.close()
        self._resolver.shutdown()
        if self._session is not None:
            await self._session.close()

    async def _answer(self, command: ports.Request, done: Done, busy: bool) -> None:
        started = time.monotonic()
        try:
            answer = await self._bounded(command, busy)
        except Exception as error:
            log.exception("a request failed")
            answer = ports.RequestDone(command.id, error="network", text=type(error).__name__)
        elapsed = time.monotonic() - started
        if answer.error is not None:
            log.info("a request failed after %.1f s: %s", elapsed, answer.text)
        done(replace(answer, elapsed=elapsed))

    async def _bounded(self, command: ports.Request, busy: bool) -> ports.RequestDone:
        """The answer, or what stands for none."""
        number, host = command.id, ""
        try:
            hop, limit = self._first(command)
            host = hop.url.host or ""
            self._take(host, busy)
        except _RefusedError as error:
            return ports.RequestDone(number, error="refused", text=str(error))
        except _BusyError as error:
            return ports.RequestDone(number, error="network", text=str(error))
        where = "a sensitive URL" if command.secret else host
        try:
            async with asyncio.timeout(limit):
                return await self._follow(number, hop, where)
        except TimeoutError:
            return ports.RequestDone(number, error="timeout", text=f"{where}: no answer in time")
        except _RefusedError as error:
            return ports.RequestDone(number, error="refused", text=f"{where}: {error}")
        except AddressError as error:
            return ports.RequestDone(number, error="refused", text=CLOSED if command.secret else str(error))
        except (aiohttp.ClientResponseError, aiohttp.InvalidURL) as error:
            return ports.RequestDone(number, error="bad_answer", text=f"{where}: {type(error).__name__}")
        except (aiohttp.ClientError, OSError) as error:  # a certificate that fails is a ValueError, too
            return ports.RequestDone(number, error="network", text=f"{where}: {type(error).__name__}")
        except ValueError as error:
            return ports.RequestDone(number, error="refused", text=f"{where}: {type(error).__name__}")
        finally:
            self._hosts[host] -= 1
            if not self._hosts[host]:
                del self._hosts[host]

    def _take(self, host: str, busy: bool) -> None:
        """Count one more request to a host."""
        if busy or self._hosts[host] >= MAX_UNDER_WAY_PER_HOST:
            raise _BusyError("too many requests are under way")
        self._hosts[host] += 1

    # What is sent

    def _first(self, command: ports.Request) -> tuple[_Hop, float]:
        """The request with all that the connector adds, and the seconds that it may take."""
        headers = dict(HEADERS)
        if command.application is not None:
            return self._for_application(command, command.application), command.timeout
        if command.connector is None:
            headers |= command.headers
            return _Hop(command.method, _usable(command.url), headers, command.body), command.timeout
        connector = self._connectors.get(command.connector)
        if connector is None:
            raise _RefusedError(f"there is no connector {command.connector}")
        headers |= {name.lower(): value.get_secret_value() for name, value in connector.headers.items()}
        headers |= command.headers
        headers |= _credentials(connector)
        url = _joined(connector.url, command.url)
        return _Hop(command.method, url, headers, command.body), min(command.timeout, connector.timeout)

    def _for_application(self, command: ports.Request, name: str) -> _Hop:
        """A request to an application that speaks TwiML: with headers of its own for its own host."""
        url, headers = _usable(command.url), {**HEADERS, "accept": "text/xml, application/xml;q=0.9, */*;q=0.5"}
        body, token = command.body, None
        if name.startswith(AI_AGENTS):
            agent = self._ai_agents.get(name.removeprefix(AI_AGENTS))
            token = None if agent is None or agent.auth_token is None else agent.auth_token.get_secret_value()
        else:
            application = self._applications.get(name)
            if application is None:
                raise _RefusedError(f"there is no application {name}")
            token = application.secret.get_secret_value()
            if URL(application.url).origin() == url.origin():
                headers |= {name.lower(): value.get_secret_value() for name, value in application.headers.items()}
        headers |= command.headers
        if body and not headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            url = URL(f"{url}{'&' if url.query_string else '?'}{signed_body_query(body)}", encoded=True)
        return _Hop(command.method, url, headers, body, token)

    async def _follow(self, number: int, hop: _Hop, where: str) -> ports.RequestDone:
        for _ in range(MAX_REDIRECTS + 1):
            found = await self._hop(number, hop, where)
            if isinstance(found, ports.RequestDone):
                return found
            hop = _redirected(hop, *found)
        return ports.RequestDone(number, error="bad_answer", text=f"{where}: more than {MAX_REDIRECTS} redirects")

    async def _hop(self, number: int, hop: _Hop, where: str) -> ports.RequestDone | tuple[int, str]:
        """The answer of one server, or the status and place of its redirect."""
        check_literal(self._policy, hop.url)
        headers = hop.headers
        if hop.token is not None:
            form = hop.body if headers.get("content-type", "").startswith("application/x-www-form-urlencoded") else None
            headers = {**headers, TWILIO_HEADER: twilio_signature(hop.token, str(hop.url), form_of(form))}
        async with self._opened().request(
            hop.method, hop.url, headers=headers, data=hop.body, allow_redirects=False
        ) as response:
            location = response.headers.get("location")
            if response.status in REDIRECTS and location:
                return response.status, location
            headers = {name.lower(): value for name, value in response.headers.items()}
            if sum(map(len, headers.values())) > MAX_HEADER_BYTES:
                return ports.RequestDone(number, response.status, {}, None, "too_large", f"{where}: long headers")
            try:
                body = await self._body(response)
                value = body_value(body, headers.get("content-type", ""))
            except TooLargeError as error:
                return ports.RequestDone(number, response.status, headers, None, "too_large", f"{where}: {error}")
            except BadAnswerError as error:
                return ports.RequestDone(number, response.status, headers, None, "bad_answer", f"{where}: {error}")
            return ports.RequestDone(number, response.status, headers, value)

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        if response.content_length is not None and response.content_length > self._limit:
            raise TooLargeError("the answer is too large")
        body = bytearray()
        async for chunk in response.content.iter_any():
            body += chunk
            if len(body) > self._limit:
                raise TooLargeError("the answer is too large")
        return unpack(bytes(body), response.headers.get("content-encoding", ""), self._limit)

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = checked_session(self._resolver, self._trust, MAX_CONNECTIONS, 2**16)
        return self._session


def _credentials(connector: Connector) -> Mapping[str, str]:
    if connector.token is not None:
        return {"authorization": f"Bearer {connector.token.get_secret_value()}"}
    if connector.user is not None and connector.password is not None:
        pair = f"{connector.user}:{connector.password.get_secret_value()}"
        return {"authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {}


def _usable(text: str) -> URL:
    """An absolute URL that a request may go to."""
    try:
        url = URL(text)
        usable = bool(url.host) and url.scheme in ("http", "https") and bool(url.port)
    except ValueError:
        usable = False
    if not usable or len(text) > MAX_URL or not text.isprintable():
        raise _RefusedError("not an http or https URL with a host")
    if url.raw_user is not None or url.raw_password is not None:
        raise _RefusedError("a user and password stand in the URL: they belong into a connector")
    return url.with_fragment(None)


def _joined(base: str, rest: str) -> URL:
    """A path and query behind the base URL of a connector; it cannot lead out of it."""
    start = URL(base)
    url = _usable(base + rest.lstrip("/"))
    if url.origin() != start.origin() or not url.path.startswith(start.path):
        raise _RefusedError("the URL leads out of the connector's base URL")
    return url


def _redirected(hop: _Hop, status: int, location: str) -> _Hop:
    """The request after a redirect. To another origin go neither credentials nor headers nor a body."""
    try:
        url = _usable(str(hop.url.join(URL(location))) if len(location) <= MAX_URL else "")
    except ValueError:
        raise _RefusedError("the answer redirects to what is no URL") from None
    method, headers, body = hop.method, hop.headers, hop.body
    if status == 303 or (status in (301, 302) and method == "POST"):
        method, body = "GET", None
        headers = {name: value for name, value in headers.items() if name not in BODY_HEADERS}
    if url.origin() != hop.url.origin():
        if body is not None or method != "GET":
            raise _RefusedError(f"the answer redirects a {method} to another origin")
        headers = dict(HEADERS)
    return _Hop(method, url, headers, body, hop.token)
