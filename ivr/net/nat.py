"""STUN on the sockets of SIP: our address as others see it, and answers to those who ask for theirs."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable
from typing import Final

from ivr.sip import Flow
from ivr.sip.stun import binding_request, binding_response, read_request, read_response

__all__ = ["BindingAnswers", "PublicAddress"]

log = logging.getLogger("ivr.net")

ANSWERS_PER_SOURCE: Final = 20
"""Binding requests of one address that are answered in a second: an office of phones that ask every 25 s."""

SOURCES_PER_SECOND: Final = 1000
"""Addresses that are answered in a second. An answer is hardly larger than its question, so that this much brings
nobody down whose address is forged."""

RENEW_SECONDS: Final = 30.0
"""Between two questions: routers forget a path that is silent for longer."""

FIRST_WAIT: Final = 3.0
"""Seconds that the start waits for the address: calls before it would tell a wrong one."""

RETRIES: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
"""Seconds for the answer to each repetition (RFC 8489 §6.2.1)."""


class BindingAnswers:
    """Answers binding requests, which phones send as keep-alives to see whether they still have the same address
    (RFC 5626 §4.4.2), within a bound."""

    def __init__(self) -> None:
        self._second = 0
        self._counts: dict[str, int] = {}

    def answer(self, data: bytes, flow: Flow, now: float) -> bytes | None:
        """The answer to a datagram; None where there is none to give."""
        transaction = read_request(data)
        if transaction is None:
            return None
        if int(now) != self._second:
            self._second = int(now)
            self._counts.clear()
        host = flow.remote[0]
        count = self._counts.get(host, 0) + 1
        if count > ANSWERS_PER_SOURCE or (count == 1 and len(self._counts) >= SOURCES_PER_SECOND):
            return None
        self._counts[host] = count
        return binding_response(transaction, *flow.remote)


class PublicAddress:
    """Asks a STUN server again and again."""

    def __init__(
        self,
        server: tuple[str, int],
        ask: Callable[[bytes, tuple[str, int]], Flow | None],
        learned: Callable[[Flow, str, int], None],
    ) -> None:
        """`ask(request, address)` sends by the socket that calls go by; `learned(flow, address, port)` is told how the
        socket of that flow is seen."""
        self._server = server
        self._ask = ask
        self._learned = learned
        self._transaction = b""
        self._flow: Flow | None = None
        self._answered = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._silent = False

    async def start(self) -> None:
        """Begin; returns with the first answer, or when it takes too long."""
        self._task = asyncio.get_running_loop().create_task(self._run())
        try:
            async with asyncio.timeout(FIRST_WAIT):
                await self._answered.wait()
        except TimeoutError:
            log.warning("the STUN server %s does not answer yet: peers are told our own address", self._server[0])

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def received(self, data: bytes, flow: Flow) -> bool:
        """Take an answer; False when it is none to us."""
        if self._flow is None or flow.remote != self._flow.remote:
            return False
        found = read_response(data, self._transaction)
        if found is None:
            return False
        self._learned(self._flow, *found)
        self._flow = None
        self._answered.set()
        return True

    async def _run(self) -> None:
        while True:
            self._answered.clear()
            if not await self._once() and not self._silent:
                log.warning("the STUN server %s does not answer: what it said last stays in force", self._server[0])
            self._silent = not self._answered.is_set()
            await asyncio.sleep(RENEW_SECONDS)

    async def _once(self) -> bool:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(*self._server, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError):
            return False
        address = (str(found[0][4][0]), self._server[1])
        self._transaction = os.urandom(12)
        for seconds in RETRIES:
            self._flow = self._ask(binding_request(self._transaction), address)
            if self._flow is None:
                return False
            try:
                async with asyncio.timeout(seconds):
                    await self._answered.wait()
            except TimeoutError:
                continue
            return True
        return False
