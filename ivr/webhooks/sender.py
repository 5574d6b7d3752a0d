"""Requests that deliver something: a body or a query goes out, a status comes back, and nothing else of the answer is
looked at.

The other side is not trusted: its address is checked for each connection, redirects are not followed, the time of the
whole and the size of headers are bounded, and a body that is not short is not read.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import aiohttp
from yarl import URL

from ivr import __version__
from ivr.webhooks.outbox import Delivery
from ivr.webhooks.retrying import Failure, verdict
from ivr.webhooks.signing import SIGNATURE_HEADER, sign
from media import AddressError, AddressPolicy, CheckedResolver, check_literal, checked_session

__all__ = ["Sender", "Signer", "Target", "signed_with"]

MAX_CONNECTIONS = 200
"""Sockets to all endpoints together."""
SHORT_ANSWER = 4096
"""Bytes of an answer that is read, so that its connection can be used again; a longer one ends it."""
READ_SECONDS = 1.0
"""For that."""

Headers = Mapping[str, str]
Signer = Callable[[Delivery, str, int], Headers]
"""(what is sent, the URL it goes to, when in seconds since the epoch) -> headers that prove who sends it."""


def signed_with(*secrets: str) -> Signer:
    """Signs as :mod:`ivr.webhooks.signing` says, with each of the secrets."""

    def signer(delivery: Delivery, url: str, at: int) -> Headers:
        return {SIGNATURE_HEADER: sign(secrets, delivery.body.encode(), at)}

    return signer


@dataclass(frozen=True, slots=True)
class Target:
    """Where deliveries go."""

    url: str
    signer: Signer
    headers: Headers = field(default_factory=dict)
    """Sent with each one, to the host of `url` alone."""
    timeout: float = 10.0
    """Seconds until the status is there."""


class Sender:
    """One client for all endpoints."""

    def __init__(self, policy: AddressPolicy) -> None:
        """`policy` says which addresses may be connected to."""
        self._policy = policy
        self._resolver = CheckedResolver(policy, "webhook-resolver")
        self._trust = ssl.create_default_context()
        self._session: aiohttp.ClientSession | None = None

    async def send(self, target: Target, delivery: Delivery, at: float) -> Failure | None:
        """One try, at a time in seconds since the epoch; None: it is delivered."""
        try:
            async with asyncio.timeout(target.timeout):
                return await self._ask(target, delivery, int(at))
        except TimeoutError:
            return Failure("no answer in time")
        except AddressError as error:
            return Failure(str(error), unwanted=True)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # a certificate that fails is a ValueError, too
            return Failure(f"no answer: {_words(error)}")

    async def close(self) -> None:
        """Close all connections."""
        self._resolver.shutdown()
        if self._session is not None:
            await self._session.close()

    async def _ask(self, target: Target, delivery: Delivery, at: int) -> Failure | None:
        url = URL(delivery.url or target.url)
        check_literal(self._policy, url)
        own = target.headers if url.origin() == URL(target.url).origin() else {}
        headers = {
            "User-Agent": f"ivr/{__version__}",
            **({"Content-Type": delivery.content_type} if delivery.content_type else {}),
            "Ivr-Event": delivery.type,
            "Ivr-Delivery": delivery.id,
            "Ivr-Attempt": str(delivery.attempts + 1),
            **own,
            **target.signer(delivery, str(url), at),
        }
        method, data = ("POST", delivery.body.encode()) if delivery.content_type else ("GET", None)
        response = await self._opened().request(method, url, data=data, headers=headers, allow_redirects=False)
        try:
            failure = verdict(response.status, response.headers.get("Retry-After", ""))
            await _read_short(response)
            return failure
        finally:
            response.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = checked_session(self._resolver, self._trust, MAX_CONNECTIONS, 2**14)
        return self._session


def _words(error: Exception) -> str:
    """Why there is no connection, for people."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "the name of the host is not known"
        case aiohttp.ClientConnectorCertificateError() | ssl.CertificateError():
            return "the certificate does not hold"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "TLS cannot be agreed on"
        case aiohttp.ClientConnectorError():
            return os.strerror(error.os_error.errno).lower() if error.os_error.errno else "no connection"
        case aiohttp.ServerDisconnectedError() | ConnectionError():
            return "the connection was closed"
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
            return "what came is no HTTP"
        case _:
            return "it cannot be sent there"


async def _read_short(response: aiohttp.ClientResponse) -> None:
    """Read an answer to its end, which gives its connection back, if it is short and comes at once."""
    length = response.content_length
    if length is None or length > SHORT_ANSWER:
        return
    with contextlib.suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(READ_SECONDS):
            await response.content.read(SHORT_ANSWER)
            if response.content.at_eof():
                response.release()
