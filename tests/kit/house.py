"""The call layer between real SIP stacks in virtual time, with a media plane that obeys the test.

house = House(tmp_path, {"main": FLOW})
caller = house.party(A)
caller.call("100"); house.run(1)
house.port.press("1", house.now)
caller.session.hangup(house.now); house.run()
assert house.record.cause == "user_hung_up"
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from ivr.call.gate import Gate
from ivr.call.identity import LineTable
from ivr.call.manager import CallManager
from ivr.call.policies import media_policies
from ivr.call.services import Services
from ivr.call.targets import Directory
from ivr.errors import PromptUnavailableError, UnreachableError
from ivr.flow import FlowSet, parse_flow
from ivr.flow.internal import internal_flow
from ivr.flow.ports import PromptSpec
from ivr.guard import SourceGuard
from ivr.lines import Ground, Trunks, end_of
from ivr.net import Hop, is_address
from ivr.settings import DeviceLine, parse_settings
from ivr.sip import (
    Account,
    Answered,
    Challenger,
    Flow,
    IncomingCall,
    IncomingRefer,
    NameAddr,
    Registrar,
    Request,
    Session,
    SessionTimerPolicy,
    Uri,
    parse_message,
)
from ivr.store import CallRecord, RecordingRecord
from media import Sound
from tests.kit.link import Link
from tests.kit.media import FakePool, FakePort
from tests.kit.outside import FakeOutside
from tests.kit.sip import invite, make_stack, request, sdp

Address = tuple[str, int]
HOUSE: Address = ("192.0.2.2", 5060)
CALLER: Address = ("192.0.2.1", 5060)
DESK: Address = ("192.0.2.20", 5060)
CELL: Address = ("192.0.2.21", 5060)
SHOP: Address = ("192.0.2.30", 5060)
TRUNK: Address = ("192.0.2.10", 5060)
DEVICE: Address = ("127.0.0.1", 40_000)
"""Of the first line on hardware; the next ones have the ports above."""

SETTINGS = """
lines:
  pbx: {type: sip_trunk, host: 192.0.2.10}
phones:
  "200": {password: secret-200}
  "201": {password: secret-201}
"""


class Handle:
    """A timer of the link that can be cancelled."""

    def __init__(self, then: Callable[[], None]) -> None:
        self._then: Callable[[], None] | None = then

    def cancel(self) -> None:
        self._then = None

    def run(self) -> None:
        if self._then is not None:
            self._then()


class Clock:
    """What `Services` asks of the loop, in the link's time."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def time(self) -> float:
        return self._link.now

    def call_at(self, when: float, then: Callable[[], None]) -> Handle:
        handle = Handle(then)
        self._link.at(when, handle.run)
        return handle

    def call_later(self, seconds: float, then: Callable[[], None]) -> Handle:
        return self.call_at(self._link.now + seconds, then)

    def run_in_executor(self, _: None, work: Callable[[], None]) -> None:
        work()


class HouseServices(Services):
    """Services whose tasks run in the next turn, to their end."""

    def create_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = Task(work)
        self.loop.call_later(0.0, task.run)
        return cast(asyncio.Task[None], task)


class Names:
    """A DNS: hosts and their hops, or their only address. Addresses are their own."""

    def __init__(self) -> None:
        self.table: dict[str, str | list[Hop]] = {}

    async def hops(
        self, host: str, port: int | None = None, transport: str | None = None, sips: bool = False
    ) -> list[Hop]:
        found = self.table.get(host, host if is_address(host) else [])
        return [Hop(transport or "udp", found, port or 5060, host)] if isinstance(found, str) else found


class Task:
    """A task that never waits."""

    def __init__(self, work: Coroutine[Any, Any, None]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._done: list[Callable[[Any], None]] = []
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True
        if not getattr(self._work, "cr_running", False):
            self._work.close()

    def cancelled(self) -> bool:
        return self._cancelled

    def exception(self) -> BaseException | None:
        return self._error

    def add_done_callback(self, then: Callable[[Any], None]) -> None:
        self._done.append(then)

    def run(self) -> None:
        if self._cancelled:
            return
        try:
            self._work.send(None)
        except StopIteration:
            pass
        except Exception as error:
            self._error = error
        else:
            raise AssertionError("work that waits")
        for then in self._done:
            then(self)


class Sounds:
    """Every prompt is a sound named after it, except those that are `missing`; `slow` ones are not in the cache."""

    def __init__(self) -> None:
        self.missing: set[str] = set()
        self.slow: set[str] = set()

    def ready(self, prompt: PromptSpec) -> Sound | None:
        if prompt.value in self.missing or prompt.value in self.slow:
            return None
        return Sound(Path(prompt.value), 8000)

    async def make(self, prompt: PromptSpec) -> Sound:
        if prompt.value in self.missing:
            raise PromptUnavailableError("it cannot be spoken")
        return Sound(Path(prompt.value), 8000)


class Books:
    """The writer's face."""

    def __init__(self) -> None:
        self.calls: list[CallRecord] = []
        self.recordings: list[RecordingRecord] = []
        self.going: dict[str, CallRecord] = {}
        """What is known of calls that are up, by id."""

    def call_started(self, record: CallRecord) -> None:
        self.going[record.id] = record

    def call_ended(self, record: CallRecord) -> None:
        self.going.pop(record.id, None)
        self.calls.append(record)

    def recording(self, record: RecordingRecord) -> None:
        self.recordings.append(record)


class Party:
    """Somebody with a SIP stack."""

    def __init__(self, house: House, address: Address, seed: int) -> None:
        self.house = house
        self.address = address
        self.stack = make_stack(seed)
        self.end = house.link.join(self.stack, address, self._on_event)
        self.calls: list[Session] = []
        self.on_call: Callable[[Any], None] = lambda session: None
        self.on_refer: Callable[[IncomingRefer], None] = lambda event: None
        self.takes_refers = False
        """Whether REFERs to the calls it makes are heard of, else they are declined."""
        self._session: Any = None

    def _on_event(self, event: Any) -> None:
        if isinstance(event, IncomingCall):
            self.calls.append(event.session)
            self.on_call(event.session)
        elif isinstance(event, Answered):
            event.session.takes_refers = self.takes_refers
        elif isinstance(event, IncomingRefer):
            self.on_refer(event)

    @property
    def session(self) -> Any:
        """The call of this party: the one it made, else the last it got."""
        return self._session or self.calls[-1]

    def call(self, number: str, **more: Any) -> Any:
        """Call the house; half a second later much has happened."""
        flow = Flow("udp", self.address, HOUSE)
        self._session = self.stack.invite(invite(flow, number, **more), self.house.now)
        self.house.run(0.5)
        return self._session

    def call_as(self, phone: str, number: str, **more: Any) -> Any:
        """Call as a registered phone."""
        who = NameAddr(Uri("sip", phone, HOUSE[0]))
        return self.call(number, from_=who, account=Account(phone, f"secret-{phone}"), **more)

    def ring(self) -> None:
        """Answer 180 to what came last."""
        self.calls[-1].ring(self.house.now)
        self.house.run(0.2)

    def answer(self, session: Any = None, port: int = 4100) -> None:
        """Take what came last."""
        (session or self.calls[-1]).answer(sdp(self.address[0], port), self.house.now)
        self.house.run(0.2)

    def refuse(self, status: int, **more: Any) -> None:
        """Refuse what came last."""
        self.calls[-1].reject(status, self.house.now, **more)
        self.house.run(0.2)

    def hang_up(self) -> None:
        self.session.hangup(self.house.now)
        self.house.run(0.5)

    def got(self, kind: type) -> list[Any]:
        """Events of one kind."""
        return [event for event in self.end.events if type(event) is kind]

    def sent(self) -> list[str]:
        """Start lines of what it sent."""
        return self.house.link.lines(self.address)


class House:
    """A daemon without processes, sockets and disk."""

    def __init__(
        self,
        folder: Path,
        flows: dict[str, str],
        settings: str = SETTINGS,
        media: Callable[[Link], tuple[FakePool, Any]] | None = None,
    ) -> None:
        """`media` makes another media plane than the one that obeys the test, and its sounds."""
        self.settings = parse_settings(settings, folder / "ivr.yaml", {})
        self.link = Link()
        self.no_way: set[str] = set()
        """Transports that lead nowhere."""
        self.pool = FakePool(lambda then: self.link.after(0.0, then))
        self.sounds = Sounds()
        if media is not None:
            self.pool, self.sounds = media(self.link)
        self.books = Books()
        self.registrar = Registrar()
        timer = self.settings.sip.session_timer
        self.stack = make_stack(99, session_timer=SessionTimerPolicy(timer.expires, timer.min, timer.mode))
        devices = (name for name, line in self.settings.lines.items() if isinstance(line, DeviceLine))
        ends = {name: end_of(name, self.settings.lines[name], port) for port, name in enumerate(devices, DEVICE[1])}
        lines = LineTable(self.settings, ends)
        for name, line in lines.lines.items():
            lines.resolved(name, [line.host])
        shell = SimpleNamespace(
            flow_to=self._flow_to,
            host_for=lambda flow: HOUSE[0],
            flush=lambda: None,
            keep_alive=lambda flow: None,
        )
        short_ids = iter(range(1, 100_000))
        self.outside = FakeOutside()
        self.names = Names()
        ground = Ground(
            cast(Any, Clock(self.link)),
            cast(Any, shell),
            self.stack,
            self.names,
            lambda work: self.link.after(0.0, Task(work).run),
            fraction=lambda: 0.5,
        )
        self.trunks = Trunks(lines.lines, ground, lines.account, lines.resolved)
        self.services = HouseServices(
            settings=self.settings,
            loop=cast(Any, Clock(self.link)),
            shell=cast(Any, shell),
            stack=self.stack,
            pool=cast(Any, self.pool),
            sounds=cast(Any, self.sounds),
            directory=Directory(self.settings, self.registrar, lines),
            lines=lines,
            names=cast(Any, self.names),
            trunks=self.trunks,
            store=cast(Any, SimpleNamespace(writer=self.books, next_short_id=lambda: next(short_ids))),
            policies=media_policies(self.settings, lines, lambda peer: HOUSE[0]),
            outside=self.outside,
        )
        flow_set = FlowSet({name: parse_flow(text, name) for name, text in flows.items()}, internal=internal_flow())
        self.guard = SourceGuard(
            self.settings.security, self.settings.sip.trusted, lambda host: lines.at(host) is not None
        )
        gate = Gate(
            self.settings,
            self.stack,
            self.registrar,
            Challenger("ivr", bytes(32)),
            lines,
            lambda number, line: flow_set.find(number, line) is not None,
            self.services.clock,
            self.guard,
        )
        self.manager = CallManager(self.services, gate, flow_set)
        self.link.join(self.stack, HOUSE, self.manager.on_event)
        self._parties = 0

    def _flow_to(self, address: str, port: int, transport: str = "udp", name: str = "") -> Flow:
        if transport in self.no_way:
            raise UnreachableError("no listener can reach it")
        return Flow(transport, HOUSE, (address, port), 0, name)

    @property
    def now(self) -> float:
        return self.link.now

    def run(self, seconds: float = 60.0) -> None:
        """Let time pass."""
        self.link.run(seconds)

    def party(self, address: Address = CALLER) -> Party:
        """Somebody new on the link."""
        self._parties += 1
        return Party(self, address, self._parties)

    def phone(self, user: str, address: Address) -> Party:
        """A party that is registered as a phone."""
        contact = f"<sip:{user}@{address[0]}:{address[1]}>"
        text = request("REGISTER", call_id=f"register-{address[0]}", contact=contact, cseq=1, cseq_method="REGISTER")
        message = parse_message(text)
        assert isinstance(message, Request)
        self.registrar.register(user, message, Flow("udp", HOUSE, address), self.now)
        return self.party(address)

    @property
    def port(self) -> FakePort:
        """The port of the first call."""
        return self.pool.ports[0]

    def play_out(self) -> None:
        """The first caller's prompt comes to its end."""
        self.port.played()
        self.run(0.05)

    def press(self, keys: str, port: FakePort | None = None) -> None:
        """Keys of the first caller, or of whoever has `port`."""
        for key in keys:
            (port or self.port).press(key, self.now)
            self.run(0.2)

    @property
    def record(self) -> CallRecord:
        """The only record."""
        assert len(self.books.calls) == 1, self.books.calls
        return self.books.calls[0]

    def settled(self) -> None:
        """Everything came to its end: no call, no port, no session, no file that is held."""
        self.run(80.0)
        assert not self.manager.calls
        assert self.pool.used == 0
        assert self.stack.counts.sessions == 0
        assert not self.stack.dialogs
        assert not self.services.paths_taken
