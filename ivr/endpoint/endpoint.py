"""The endpoint: an agent on sockets of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable
from typing import Final

from ivr.endpoint.agent import Agent
from ivr.endpoint.call import EndpointCall
from ivr.endpoint.config import EndpointConfig, Listen
from ivr.endpoint.errors import EndpointError
from ivr.lines.ground import Ground
from ivr.lines.registration import LineRegistration
from ivr.net import Resolver, SipShell
from ivr.net.udp import local_address_towards
from ivr.settings import Register, SipLine
from ivr.sip import Account, NameAddr, Stack, StackConfig, Uri
from ivr.sip.message import Header
from ivr.sip.registering import RegisterState
from ivr.tasks import TaskSet
from media import MediaEvent, MediaFull, Port
from media.devices import Device, RtpEndpoint

__all__ = ["Endpoint"]

log = logging.getLogger("ivr.endpoint")

GOODBYE: Final = 2.0
"""Seconds that the end of calls and of the registration may take when the endpoint closes."""
ANY: Final = ("0.0.0.0", "::")


class Endpoint:
    """One user agent: registers, calls and is called. For one event loop."""

    def __init__(self, config: EndpointConfig, sound: Callable[[], Device]) -> None:
        """`sound` gives the device of each call, when its sound begins; who made a device closes it."""
        self.config = config
        self._stack = Stack(StackConfig(user_agent=config.user_agent), os.urandom)
        self._sound = sound
        self._tasks = TaskSet()
        self._names = Resolver()
        self._registration: LineRegistration | None = None
        self._changed = asyncio.Event()
        self.on_incoming: Callable[[EndpointCall], None] | None = None
        """Somebody calls; `ring`, `answer` or `reject` it. Without it calls are refused with 480."""
        self.on_registration: Callable[[], None] = lambda: None
        """`registered` or `registration_problem` may have changed."""
        self._service: str | None = None
        self._started = False
        self._shell: SipShell
        self._agent: Agent

    # Life

    async def start(self) -> None:
        """Bind the sockets. Raises ConfigError."""
        config = self.config
        self._loop = asyncio.get_running_loop()
        listeners = [config.listen] if config.listen is not None else []
        shell = SipShell(
            self._stack,
            listeners,
            lambda event: self._agent.on_event(event),
            public_address=config.public_address,
            tls=config.tls,
            inner=[config.inner] if config.inner is not None else (),
            inner_socket=config.inner_socket,
        )
        instance = config.instance
        ground = Ground(self._loop, shell, self._stack, self._names, self._tasks.spawn, lambda name: instance)
        agent = self._agent = Agent(config, ground, self._open_port, self._sound, shell.media_address)
        agent.on_incoming = self._incoming
        await shell.start()
        self._shell = shell
        self._started = True
        home = config.home
        if home is not None and config.registrar:
            account = config.account or Account(config.user, "")
            transport = home.params.get("transport") or ("tls" if home.scheme == "sips" else "udp")
            line = SipLine.model_validate({"host": home.host, "port": home.port, "transport": transport})
            register = Register.model_validate({"user": config.user, "password": "", "expires": config.expires})
            self._registration = LineRegistration("registrar", line, register, account, ground, self._look)
            agent.home_hop = lambda: self._registration.hop if self._registration is not None else None
            agent.home_addresses = lambda: self._registration.addresses if self._registration is not None else ()
            shell.on_gone = self._registration.connection_lost

    async def close(self) -> None:
        """Hang up, take the registration back, and let go of the sockets; at most some seconds. One that has not
        started has nothing to let go of."""
        if not self._started:
            return
        agent = self._agent
        agent.close()
        waits = [call.finished.wait() for call in agent.leaving]
        registration = self._registration
        if registration is not None and registration.core.state is not RegisterState.IDLE:
            done = asyncio.Event()
            registration.when_stopped = done.set
            registration.stop()
            waits.append(done.wait())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await asyncio.gather(*waits)
                await self._sessions_gone()
        await self._tasks.close()
        await self._names.close()
        await self._shell.close()

    async def _sessions_gone(self) -> None:
        """Until nobody has to be told again that a call is over: the stack has no event for that."""
        while self._stack.counts.sessions:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    async def __aenter__(self) -> Endpoint:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    # Registration

    async def register(self, wait: float = 10.0) -> None:
        """Begin to register and wait until that is done. EndpointError where it is refused, or takes longer; it is
        tried again and again all the same."""
        registration = self._registration
        if registration is None:
            raise EndpointError("there is no registrar to register at")
        if registration.core.state is RegisterState.IDLE:
            registration.start()
        try:
            async with asyncio.timeout(wait):
                while not self.registered:
                    self._changed.clear()
                    if registration.core.state is RegisterState.WAITING:
                        raise EndpointError(f"not registered: {self.registration_problem}")
                    await self._changed.wait()
        except TimeoutError:
            raise EndpointError(f"not registered within {wait:g} s") from None

    @property
    def registered(self) -> bool:
        """Whether calls to the account come here."""
        return self._registration is not None and self._registration.core.registered(self._loop.time())

    @property
    def registration_problem(self) -> str:
        """Why it is not registered; empty while it is, or where nothing is to be registered."""
        return self._registration.core.reason if self._registration is not None and not self.registered else ""

    def _look(self) -> None:
        self._changed.set()
        self.on_registration()

    # Calls

    @property
    def calls(self) -> tuple[EndpointCall, ...]:
        """Those that are not over."""
        return tuple(self._agent.calls)

    @property
    def addresses(self) -> list[Listen]:
        """(transport, host, port) of the listeners as bound."""
        return self._shell.addresses

    @property
    def inner_address(self) -> tuple[str, int] | None:
        """Where `EndpointConfig.inner` reaches us."""
        return self._shell.inner_address

    @property
    def out_of_service(self) -> str | None:
        """Why there is no service; calls and OPTIONS are answered 503 then. None: there is."""
        return self._service

    @out_of_service.setter
    def out_of_service(self, why: str | None) -> None:
        self._service = why
        self._stack.serving = why is None

    def invite(
        self, uri: str | Uri, *, from_: NameAddr | None = None, headers: tuple[Header, ...] = ()
    ) -> EndpointCall:
        """Call somebody: a SIP URI, or a number of the registrar's. Set `on_event` of what is returned at once.
        EndpointError for what cannot be called."""
        return self._agent.invite(uri, from_=from_, headers=headers)

    def _incoming(self, call: EndpointCall) -> None:
        if self.on_incoming is None:
            call.reject(480)
        else:
            self.on_incoming(call)

    def _open_port(self, host: str, device: Device, on_event: Callable[[MediaEvent], None]) -> Port:
        listen = self.config.listen
        own = listen[1] if listen is not None else ANY[":" in host]
        if own in ANY:
            try:
                own = local_address_towards(host)
            except OSError as error:
                raise MediaFull(f"there is no way to {host}: {error}") from error
        loop = self._loop

        def hand_over(event: MediaEvent) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has closed
                loop.call_soon_threadsafe(on_event, event)

        return RtpEndpoint((own, 0), device, hand_over, media_timeout=self.config.media_timeout)
