"""Agents against each other in virtual time: two stacks on a scripted link, ports that only keep what they are told."""

from __future__ import annotations

from typing import Any, cast

import pytest

from ivr.endpoint import (
    Answered,
    EarlyMedia,
    Ended,
    EndpointCall,
    EndpointConfig,
    EndpointError,
    Flash,
    Heard,
    Held,
    HoldRefused,
    InfoReceived,
    Key,
    Moved,
    Ringing,
    TransferProgress,
)
from ivr.endpoint.agent import Agent
from ivr.lines.ground import Ground
from ivr.sip import Account, Capabilities, Flow, SessionTimerPolicy
from media import Digit, MediaTimeout, RecordDone, Stats
from media import Flash as MediaFlash
from media.devices import Levels, SilentDevice
from tests.kit.house import Clock, Names, Task
from tests.kit.link import Impairment, Link
from tests.kit.media import FakePort
from tests.kit.sip import make_stack

ANNA, BERT, CLEO = ("192.0.2.1", 5060), ("192.0.2.2", 5060), ("192.0.2.3", 5060)
Address = tuple[str, int]


class Sound(FakePort):
    """A port with a device."""

    muted = False
    attached = True
    levels = Levels()

    def statistics(self) -> Stats:
        return Stats(cast(Any, self), 100, 90, 0, 0, 4, 1, 0, 2.5, 31.0, None, 4.2)

    def send_digits(self, digits: str, ms: int = 100, gap_ms: int = 70, mode: str = "agreed") -> None:
        self.digits += f"{mode}:{digits} "


class Phone:
    """One agent, its calls, and what they told."""

    def __init__(self, link: Link, address: Address, **config: Any) -> None:
        timer = config.pop("timer", SessionTimerPolicy())
        self.link = link
        self.stack = make_stack(hash(address) & 0xFFFF, session_timer=timer)
        self.ports: list[Sound] = []
        self.calls: list[EndpointCall] = []
        self.told: list[object] = []
        self.answers = True
        sockets: Any = type(
            "Sockets",
            (),
            {
                "flow_to": staticmethod(
                    lambda host, port, way="udp", name="": Flow(way, address, (host, port), 0, name)
                ),
                "host_for": staticmethod(lambda flow: address[0]),
                "flush": staticmethod(lambda: None),
                "keep_alive": staticmethod(lambda flow: None),
            },
        )
        ground = Ground(
            cast(Any, Clock(link)),
            sockets,
            self.stack,
            Names(),
            lambda work: link.after(0.0, Task(work).run),
            fraction=lambda: 0.5,
        )
        self.agent = Agent(
            EndpointConfig(user=f"phone{address[0][-1]}", **config),
            ground,
            self.open,
            SilentDevice,
            lambda peer: address[0],
        )
        self.agent.on_incoming = self.incoming
        link.join(self.stack, address, self.agent.on_event)
        self.address = address

    def open(self, host: str, device: object, on_event: Any) -> Any:
        port = Sound(20_000 + 2 * len(self.ports), on_event, lambda then: self.link.after(0.0, then))
        self.ports.append(port)
        return port

    def watch(self, call: EndpointCall) -> EndpointCall:
        self.calls.append(call)

        def told(event: object) -> None:
            self.told.append(event)
            if isinstance(event, Moved):
                self.watch(event.to)

        call.on_event = told
        return call

    def incoming(self, call: EndpointCall) -> None:
        self.watch(call)
        call.ring()
        if self.answers:
            call.answer()

    def call(self, other: Address, **more: Any) -> EndpointCall:
        call = self.watch(self.agent.invite(f"sip:somebody@{other[0]}:{other[1]}", **more))
        self.link.run(1.0)
        return call

    def of(self, kind: type) -> list[Any]:
        return [event for event in self.told if isinstance(event, kind)]


@pytest.fixture
def link() -> Link:
    return Link()


@pytest.fixture
def anna(link: Link) -> Phone:
    return Phone(link, ANNA, name="Anna", takes_transfers=True)


@pytest.fixture
def bert(link: Link) -> Phone:
    return Phone(link, BERT, takes_transfers=True)


def test_a_call_rings_is_answered_and_ends(link: Link, anna: Phone, bert: Phone) -> None:
    call = anna.call(BERT)
    assert [type(event) for event in anna.told] == [Ringing, Answered]
    assert [type(event) for event in bert.told] == [Answered]
    assert (call.state, bert.calls[0].state) == ("answered", "answered")
    other = bert.calls[0]
    assert (other.number, other.remote.display, other.direction) == ("phone1", "Anna", "in")
    assert other.called is not None and other.called.uri.user == "somebody"
    assert ("User-Agent" in dict(other.headers)) is True
    link.run(7.0)
    call.hang_up("Q.850;cause=16")
    link.run(1.0)
    assert anna.of(Ended) == [Ended("hung_up")]
    assert bert.of(Ended) == [Ended("bye", None, "Q.850;cause=16")]
    assert call.finished.is_set() and other.finished.is_set()
    assert call.seconds == pytest.approx(7.97, abs=0.1)
    assert (call.statistics().packets_in, call.statistics().codec) == (50, "pcma")
    assert anna.agent.calls == bert.agent.calls == []
    assert anna.agent.leaving == bert.agent.leaving == []
    link.run(100.0)
    assert anna.stack.counts.sessions == bert.stack.counts.sessions == 0


def test_what_is_sent_before_the_answer_is_silence(link: Link, anna: Phone, bert: Phone) -> None:
    bert.answers = False
    call = anna.call(BERT)
    assert call.state == "ringing" and anna.ports[0].muted
    bert.calls[0].early_media()
    link.run(1.0)
    assert anna.of(EarlyMedia) == [EarlyMedia(183)]
    assert anna.ports[0].muted and not bert.ports[0].muted
    bert.calls[0].answer()
    link.run(1.0)
    assert not anna.ports[0].muted
    assert len(anna.ports[0].streams) == 1, "the same answer again changes nothing"
    call.muted = True
    assert anna.ports[0].muted


@pytest.mark.parametrize(("status", "reason"), [(486, None), (603, "Not Now")])
def test_a_refused_call(link: Link, anna: Phone, bert: Phone, status: int, reason: str | None) -> None:
    bert.answers = False
    anna.call(BERT)
    bert.calls[0].reject(status, reason)
    link.run(1.0)
    (ended,) = anna.of(Ended)
    assert (ended.cause, ended.status) == ("refused", status)
    assert reason is None or ended.reason == reason
    assert bert.of(Ended)[0].cause == "hung_up"
    assert not bert.ports, "no sound was opened for it"


def test_a_caller_gives_up(link: Link, anna: Phone, bert: Phone) -> None:
    bert.answers = False
    anna.call(BERT).hang_up()
    link.run(1.0)
    assert bert.of(Ended)[0].cause == "cancel"
    assert bert.calls[0].finished.is_set()
    with pytest.raises(EndpointError, match="no call that rings"):
        bert.calls[0].answer()


def test_nobody_there(link: Link, anna: Phone) -> None:
    anna.call(("192.0.2.99", 5060))
    link.run(40.0)
    assert anna.of(Ended) == [Ended("refused", 408, "no response")]


def test_a_host_that_nobody_knows(link: Link, anna: Phone) -> None:
    anna.watch(anna.agent.invite("sip:x@nowhere.example"))
    link.run(1.0)
    (ended,) = anna.of(Ended)
    assert ended.status == 503 and "nowhere.example" in ended.reason


def test_hold_and_resume_by_either_side(link: Link, anna: Phone, bert: Phone) -> None:
    call = anna.call(BERT)
    call.hold()
    link.run(1.0)
    assert (call.held, bert.calls[0].held) == (Held(True, False), Held(False, True))
    assert anna.ports[0].muted and not anna.ports[0].attached
    assert bert.ports[0].streams[-1].send is False and bert.ports[0].attached
    bert.calls[0].hold()
    link.run(1.0)
    assert call.held == bert.calls[0].held == Held(True, True)
    call.resume()
    link.run(1.0)
    assert call.held == Held(False, True)
    bert.calls[0].resume()
    link.run(1.0)
    assert call.held == bert.calls[0].held == Held(False, False)
    assert not anna.ports[0].muted and not bert.ports[0].muted
    assert anna.ports[0].streams[-1].send and anna.ports[0].streams[-1].receive


def test_both_hold_at_once(link: Link, anna: Phone, bert: Phone) -> None:
    call = anna.call(BERT)
    call.hold()
    bert.calls[0].hold()
    link.run(20.0)
    assert call.held == bert.calls[0].held == Held(True, True)


def test_a_refused_hold_leaves_all_as_it_was(link: Link, anna: Phone, bert: Phone) -> None:
    call = anna.call(BERT)
    bert.agent.on_event = lambda event: cast(Any, event).session.reject_offer(488, link.now)  # type: ignore[method-assign]
    link._ends[BERT].on_event = bert.agent.on_event
    call.hold()
    link.run(1.0)
    assert anna.of(HoldRefused) == [HoldRefused(488)]
    assert call.held == Held(False, False) and not anna.ports[0].muted


def test_keys_each_way(link: Link, anna: Phone, bert: Phone) -> None:
    call = anna.call(BERT)
    call.send_keys("12#", "events")
    call.send_keys("3 a", "tones")
    call.send_keys("4")
    assert anna.ports[0].digits == "events:12# tones:3A agreed:4 "
    call.send_keys("56", "info")
    link.run(2.0)
    assert bert.of(Key) == [Key("5", "info"), Key("6", "info")]
    with pytest.raises(EndpointError, match="keys are of"):
        call.send_keys("12x")
    bert.ports[0].press("7", link.now)
    link.run(1.0)
    assert bert.of(Key)[-1] == Key("7", "events")


def test_no_events_to_who_takes_none(link: Link, anna: Phone) -> None:
    Phone(link, BERT, capabilities=Capabilities(codecs=("pcmu",), dtmf=False))
    call = anna.call(BERT)
    with pytest.raises(EndpointError, match="no telephone-events"):
        call.send_keys("1", "events")
    assert call.statistics().codec == "pcmu"


def test_info_of_other_kinds(link: Link, anna: Phone, bert: Phone) -> None:
    call = anna.call(BERT)
    call.send_info("text/plain", b"hello")
    call.send_info("application/hook-flash", b"signal=hf\r\n")
    link.run(1.0)
    assert bert.of(InfoReceived) == [InfoReceived("text/plain", b"hello")] or bert.of(Flash)
    bert.calls[0].on_media(MediaFlash(cast(Any, bert.ports[0]), link.now))
    assert bert.of(Flash)


def test_a_blind_transfer(link: Link, anna: Phone, bert: Phone) -> None:
    cleo = Phone(link, CLEO)
    call = anna.call(BERT)
    call.transfer(f"sip:cleo@{CLEO[0]}")
    link.run(2.0)
    assert [(event.status, event.final) for event in anna.of(TransferProgress)] == [
        (202, False),
        (100, False),
        (180, False),
        (200, True),
    ]
    # Bert's call to Anna gave its place to the one to Cleo.
    assert bert.of(Ended)[0].cause == "moved"
    assert call.state == "answered", "who transferred is to hang up"
    link.run(5.0)
    assert anna.of(Ended)[0].cause == "bye"
    assert bert.calls[1].state == cleo.calls[0].state == "answered"
    assert dict(cleo.calls[0].headers)["Referred-By"] == f"<sip:{ANNA[0]}:5060>"


def test_a_transfer_that_fails_leaves_the_call(link: Link, anna: Phone, bert: Phone) -> None:
    cleo = Phone(link, CLEO)
    cleo.agent.on_incoming = lambda call: call.reject(486)
    call = anna.call(BERT)
    call.transfer(f"sip:cleo@{CLEO[0]}")
    link.run(2.0)
    assert anna.of(TransferProgress)[-1] == TransferProgress(486, True)
    assert call.state == bert.calls[0].state == "answered"


def test_who_takes_no_transfers(link: Link, anna: Phone) -> None:
    bert = Phone(link, BERT)
    call = anna.call(BERT)
    call.transfer(f"sip:cleo@{CLEO[0]}")
    link.run(2.0)
    assert anna.of(TransferProgress) == [TransferProgress(603, True)]
    assert len(bert.agent.calls) == 1


def test_an_attended_transfer(link: Link, anna: Phone, bert: Phone) -> None:
    cleo = Phone(link, CLEO, takes_transfers=True)
    first = anna.call(BERT)
    first.hold()
    link.run(1.0)
    second = anna.call(CLEO)
    first.attended(second)
    link.run(2.0)
    assert anna.of(TransferProgress)[-1] == TransferProgress(200, True)
    assert [event.cause for event in cleo.of(Ended)] == ["moved"]
    assert bert.calls[-1].state == cleo.calls[-1].state == "answered"
    assert {call.number for call in cleo.agent.calls} == {"phone2"}
    with pytest.raises(EndpointError, match="does not stand"):
        first.attended(first) if first.state == "answered" else bert.calls[-1].attended(second)


def test_a_place_that_may_not_be_taken(link: Link, anna: Phone, bert: Phone) -> None:
    cleo = Phone(link, CLEO)
    first = anna.call(BERT)
    first.attended(anna.call(CLEO))
    link.run(2.0)
    assert anna.of(TransferProgress)[-1] == TransferProgress(603, True)
    assert cleo.calls[0].state == "answered" and len(cleo.calls) == 1


def test_strangers_are_refused_where_that_is_asked_for(link: Link, anna: Phone) -> None:
    bert = Phone(link, BERT, strangers=False, peers=frozenset((CLEO[0],)))
    anna.call(BERT)
    assert anna.of(Ended)[0].status == 403
    cleo = Phone(link, CLEO)
    assert cleo.call(BERT).state == "answered"
    assert len(bert.calls) == 1


def test_more_calls_than_may_be(link: Link, anna: Phone) -> None:
    Phone(link, BERT, max_calls=1)
    anna.call(BERT)
    anna.call(BERT)
    assert anna.of(Ended)[0].status == 486


def test_no_service(link: Link, anna: Phone, bert: Phone) -> None:
    bert.stack.serving = False
    anna.call(BERT)
    assert anna.of(Ended)[0].status == 503
    assert not bert.calls


def test_nothing_in_common(link: Link, anna: Phone) -> None:
    bert = Phone(link, BERT, capabilities=Capabilities(codecs=("g722",)))
    bert.answers = False
    anna.call(BERT)
    with pytest.raises(EndpointError, match="cannot be taken"):
        bert.calls[0].answer()
    link.run(1.0)
    assert anna.of(Ended)[0].status == 488


def test_the_registrar_and_numbers() -> None:
    config = EndpointConfig(registrar="pbx.example.net:5070", account=Account("200", "secret"))
    assert str(config.home) == "sip:pbx.example.net:5070"
    agent = Phone(Link(), ANNA, registrar="sip:pbx.example.net;transport=tcp").agent
    assert str(agent.target("0301234")) == "sip:0301234@pbx.example.net;transport=tcp"
    assert str(agent.target("tel:+4930")) == "sip:+4930@pbx.example.net;transport=tcp"
    assert str(agent.target("bob@192.0.2.9")) == "sip:bob@192.0.2.9"
    with pytest.raises(EndpointError):
        agent.target("sip:")
    alone = Phone(Link(), BERT).agent
    assert str(alone.target("pbx.example.net")) == "sip:pbx.example.net"
    for number in ("100", "tel:+49 30", "*43#"):
        with pytest.raises(EndpointError, match="no host"):
            alone.target(number)


def test_media_events_reach_the_call(link: Link, anna: Phone, bert: Phone) -> None:
    call = anna.call(BERT)
    port = cast(Any, anna.ports[0])
    call.on_media(MediaTimeout(port))
    call.on_media(Digit(port, "5", "inband", "start", link.now, 0.0, 1))
    call.on_media(Digit(port, "5", "inband", "end", link.now, 0.1, 1))
    assert anna.of(Heard) == [Heard(MediaTimeout(port))]
    assert anna.of(Key) == [Key("5", "tones")]
    call.hang_up()
    done = RecordDone(port, 1, 2.0, "stopped", None)
    call.on_media(done)
    assert call.recorded == [done] and anna.told[-1] == Heard(done)


def test_a_fault_of_who_listens_costs_no_call(link: Link, anna: Phone, bert: Phone) -> None:
    call = anna.watch(anna.agent.invite(f"sip:x@{BERT[0]}"))
    call.on_event = lambda event: 1 / 0  # type: ignore[assignment,return-value]
    link.run(1.0)
    assert call.state == "answered"
    call.hang_up()
    link.run(1.0)
    assert bert.calls[0].ended == Ended("bye", None, "")


def test_a_session_timer_ends_a_call_whose_other_side_has_vanished(link: Link) -> None:
    timer = SessionTimerPolicy(expires=90, mode="request")
    anna, bert = Phone(link, ANNA, timer=timer), Phone(link, BERT, timer=timer)
    call = anna.call(BERT)
    link.run(300.0)
    assert call.state == bert.calls[0].state == "answered"
    link.impairment.drop = lambda data, number: True
    link.run(300.0)
    assert call.state == bert.calls[0].state == "ended"
    assert {anna.of(Ended)[0].cause, bert.of(Ended)[0].cause} <= {"timeout", "hung_up"}


@pytest.mark.parametrize("seed", range(6))
def test_a_bad_network_costs_nothing_but_time(seed: int) -> None:
    link = Link(Impairment(delay=0.02, jitter=0.05, loss=0.2, duplicate=0.1), seed)
    anna, bert = Phone(link, ANNA, takes_transfers=True), Phone(link, BERT, takes_transfers=True)
    call = anna.call(BERT)
    link.run(20.0)
    assert call.state == "answered"
    call.hold()
    link.run(40.0)
    assert call.held == Held(True, False)
    call.resume()
    link.run(40.0)
    assert call.held == Held(False, False)
    call.send_keys("123", "info")
    link.run(60.0)
    assert [key.digit for key in bert.of(Key)] == ["1", "2", "3"]
    call.hang_up()
    link.run(100.0)
    assert bert.calls[0].state == "ended"
    assert anna.stack.counts.sessions == bert.stack.counts.sessions == 0
