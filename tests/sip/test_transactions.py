"""The transaction tables: every state and input, and each transaction's timers in virtual time."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip import Flow, Response, parse_message
from ivr.sip.layer import TransactionLayer
from ivr.sip.message import Request
from ivr.sip.outgoing import OutgoingRequest
from ivr.sip.tables import CLIENT, INVITE_CLIENT, INVITE_SERVER, SERVER, Input, State, Table
from ivr.sip.transactions import ClientTransaction, ServerTransaction
from tests.kit.sip import A, B, reply, request, rng

TABLES = {"INVITE client": INVITE_CLIENT, "client": CLIENT, "INVITE server": INVITE_SERVER, "server": SERVER}
FIRST = {
    "INVITE client": State.CALLING,
    "client": State.TRYING,
    "INVITE server": State.PROCEEDING,
    "server": State.TRYING,
}
UDP, TCP = Flow("udp", A, B), Flow("tcp", A, B)


class User:
    """Notes what a client transaction tells."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.failures: list[int] = []

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        self.statuses.append(response.status)

    def on_failure(self, transaction: ClientTransaction, status: int, now: float) -> None:
        self.failures.append(status)


class Bench:
    """A layer with one transaction, in virtual time."""

    def __init__(self, flow: Flow = UDP) -> None:
        self.layer = TransactionLayer(rng(), 0.5, 4.0)
        self.flow = flow
        self.user = User()
        self.now = 0.0

    def client(self, method: str = "INVITE") -> ClientTransaction:
        out = OutgoingRequest(method, "sip:b@192.0.2.2", "<sip:a@x>;tag=1", "<sip:b@y>", "call", 7)
        return self.layer.request(out, self.flow, self.user, self.now)

    def server(self, method: str = "INVITE") -> ServerTransaction:
        message = parse_message(request(method))
        assert isinstance(message, Request)
        key = self.layer.server_key(message, method)
        return self.layer.create_server(message, self.flow, key, None)

    def run(self, seconds: float = 1000.0) -> list[tuple[float, str]]:
        """Let timers run; when what was sent."""
        end, sent = self.now + seconds, self.sent()
        while (when := self.layer.timers.next()) is not None and when <= end:
            self.now = when
            self.layer.timers.fire(when)
            sent += self.sent()
        self.now = end
        return sent

    def sent(self) -> list[tuple[float, str]]:
        found = [(round(self.now, 3), data.split(b" ", 2)) for data, _ in self.layer.outgoing]
        self.layer.outgoing.clear()
        return [(when, (w[1] if w[0].startswith(b"SIP") else w[0]).decode()) for when, w in found]

    def answer(self, transaction: ClientTransaction, status: int) -> None:
        message = parse_message(reply(transaction.request.encode(transaction.via), status))
        assert isinstance(message, Response)
        if (transaction := self.layer.client_of(message)) is not None:
            transaction.receive(message, self.now)


def drive(transaction: ClientTransaction | ServerTransaction, bench: Bench, happened: Input) -> None:
    statuses = {
        Input.R1XX: 180,
        Input.R2XX: 200,
        Input.R3_6XX: 486,
        Input.SEND_1XX: 180,
        Input.SEND_2XX: 200,
        Input.SEND_3_6XX: 486,
    }
    message: Response | bytes | None = None
    if isinstance(transaction, ClientTransaction) and happened in statuses:
        parsed = parse_message(reply(transaction.request.encode(transaction.via), statuses[happened]))
        assert isinstance(parsed, Response)
        message = parsed
    elif happened in statuses:
        message = b"SIP/2.0 %d Whatever\r\n\r\n" % statuses[happened]
    transaction.fire(happened, bench.now, message)


def make(name: str, flow: Flow) -> tuple[ClientTransaction | ServerTransaction, Bench, Table]:
    bench = Bench(flow)
    method = "INVITE" if "INVITE" in name else "INFO"
    return (bench.client(method) if "client" in name else bench.server(method)), bench, TABLES[name]


@pytest.mark.parametrize(("name", "happened", "state"), list(product(TABLES, Input, State)))
def test_every_pair_does_what_the_table_says(name: str, happened: Input, state: State) -> None:
    transaction, bench, table = make(name, UDP)
    transaction.state = state
    bench.sent()
    inputs = (
        {Input.REQUEST, Input.ACK, Input.SEND_1XX, Input.SEND_2XX, Input.SEND_3_6XX}
        if isinstance(transaction, ClientTransaction)
        else {Input.R1XX, Input.R2XX, Input.R3_6XX}
    )
    if happened in inputs:
        assert (state, happened) not in table
    drive(transaction, bench, happened)
    if (state, happened) in table:
        assert transaction.state is table[state, happened][1]
    else:
        assert transaction.state is state
        assert not bench.sent()
        assert not bench.user.statuses and not bench.user.failures


@pytest.mark.parametrize("flow", [UDP, TCP], ids=lambda flow: flow.transport)
@pytest.mark.parametrize("name", TABLES)
@given(inputs=st.lists(st.tuples(st.sampled_from(Input), st.floats(0, 40)), max_size=12))
def test_any_history_ends_with_nothing_left(name: str, flow: Flow, inputs: list[tuple[Input, float]]) -> None:
    """Whatever comes in whatever order: a client is told once at most that it failed, and once it is over no timer
    and no table holds it."""
    transaction, bench, _ = make(name, flow)
    for happened, wait in inputs:
        drive(transaction, bench, happened)
        bench.run(wait)
    if transaction.state is State.PROCEEDING and isinstance(transaction, ClientTransaction):
        drive(transaction, bench, Input.R3_6XX)
    if isinstance(transaction, ServerTransaction) and transaction.state < State.COMPLETED:
        drive(transaction, bench, Input.SEND_3_6XX)
    bench.run()
    assert transaction.state is State.TERMINATED
    assert len(bench.layer) == 0 and len(bench.layer.timers) == 0
    assert len(bench.user.failures) <= 1
    assert Counter(status >= 300 for status in bench.user.statuses)[True] <= 1


def test_invite_doubles_its_interval_and_gives_up_after_64_t1() -> None:
    bench = Bench()
    bench.client()
    sent = bench.run()
    assert sent == [(when, "INVITE") for when in (0.0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5)]
    assert bench.user.failures == [408]


def test_other_requests_double_to_t2() -> None:
    bench = Bench()
    bench.client("BYE")
    sent = bench.run()
    assert [when for when, _ in sent] == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.user.failures == [408]


def test_a_provisional_response_stops_the_invite_for_good() -> None:
    bench = Bench()
    transaction = bench.client()
    bench.answer(transaction, 180)
    assert bench.run(300.0) == [(0.0, "INVITE")]
    assert transaction.state is State.PROCEEDING and not bench.user.failures


def test_a_provisional_response_slows_other_requests_to_t2() -> None:
    bench = Bench()
    transaction = bench.client("BYE")
    bench.answer(transaction, 100)
    times = [when for when, _ in bench.run()]
    assert times[:3] == [0.0, 0.5, 4.5]
    assert all(later - earlier == pytest.approx(4.0) for earlier, later in pairwise(times[1:]))


def test_a_failure_is_acknowledged_as_often_as_it_comes_and_told_once() -> None:
    bench = Bench()
    transaction = bench.client()
    for _ in range(3):
        bench.answer(transaction, 486)
    assert [what for _, what in bench.sent()] == ["INVITE", "ACK", "ACK", "ACK"]
    assert bench.user.statuses == [486]
    bench.run(31.9)
    assert len(bench.layer) == 1
    bench.run(0.2)
    assert len(bench.layer) == 0


def test_the_ack_of_a_failure_has_the_branch_of_the_invite_and_the_to_of_the_response() -> None:
    bench = Bench()
    transaction = bench.client()
    transaction.request.routes = "Route: <sip:proxy;lr>\r\n"
    bench.answer(transaction, 404)
    ack = parse_message(bench.layer.outgoing[-1][0])
    assert isinstance(ack, Request)
    assert ack.method == "ACK" and ack.cseq == 7
    assert ack.top_via.branch == transaction.branch and len(ack.vias) == 1
    assert ack.to.tag == "b1"
    assert str(ack.uri) == "sip:b@192.0.2.2" and ack.get("Route") == "<sip:proxy;lr>"


def test_every_2xx_reaches_the_session_until_timer_m() -> None:
    bench = Bench()
    transaction = bench.client()
    bench.answer(transaction, 200)
    bench.run(30.0)
    bench.answer(transaction, 200)
    bench.run(2.1)
    bench.answer(transaction, 200)
    assert bench.user.statuses == [200, 200]


def test_a_failure_is_repeated_until_the_ack() -> None:
    bench = Bench()
    transaction = bench.server()
    transaction.respond(486, bench.now, to_tag="b1")
    assert [when for when, _ in bench.run(8.0)] == [0.0, 0.5, 1.5, 3.5, 7.5]
    transaction.fire(Input.ACK, bench.now)
    assert bench.run(4.9) == []
    assert len(bench.layer) == 1
    bench.run(0.2)
    assert len(bench.layer) == 0


def test_a_failure_nobody_acknowledges_ends_after_64_t1() -> None:
    bench = Bench()
    bench.server().respond(486, bench.now, to_tag="b1")
    sent = bench.run()
    assert [when for when, _ in sent] == [0.0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert len(bench.layer) == 0


def test_an_invite_again_gets_the_last_response_again_but_not_the_2xx() -> None:
    bench = Bench()
    transaction = bench.server()
    transaction.fire(Input.REQUEST, bench.now)
    assert bench.sent() == []
    transaction.respond(180, bench.now, to_tag="b1")
    transaction.fire(Input.REQUEST, bench.now)
    transaction.respond(200, bench.now, to_tag="b1")
    transaction.fire(Input.REQUEST, bench.now)
    assert [what for _, what in bench.sent()] == ["180", "180", "200"]


def test_other_requests_again_get_the_answer_again_for_64_t1() -> None:
    bench = Bench()
    transaction = bench.server("INFO")
    transaction.respond(200, bench.now, to_tag="b1")
    transaction.fire(Input.REQUEST, bench.now)
    assert [what for _, what in bench.run(31.9)] == ["200", "200"]
    assert len(bench.layer) == 1
    bench.run(0.2)
    assert len(bench.layer) == 0


def test_only_one_final_response_is_sent() -> None:
    bench = Bench()
    transaction = bench.server()
    assert transaction.respond(486, bench.now, to_tag="b1")
    assert transaction.respond(200, bench.now, to_tag="b1") == b""
    assert transaction.answered
    assert [what for _, what in bench.sent()] == ["486"]


def test_reliable_transports_neither_retransmit_nor_wait() -> None:
    for method, status in (("INVITE", 486), ("BYE", 200)):
        bench = Bench(TCP)
        transaction = bench.client(method)
        assert bench.run(10.0) == [(0.0, method)]
        bench.answer(transaction, status)
        bench.run(0.0)
        assert len(bench.layer) == 0
    bench = Bench(TCP)
    bench.server().respond(486, bench.now, to_tag="b1")
    assert len(bench.run()) == 1


def test_what_cannot_be_sent_fails_at_once() -> None:
    bench = Bench()
    bench.layer.transport_error(bench.client().last, bench.now)
    assert bench.user.failures == [503]
    assert len(bench.layer) == 0 and len(bench.layer.timers) == 0


def test_a_response_repeats_what_identifies_the_request() -> None:
    headers = "Via: SIP/2.0/UDP far;branch=z9hG4bKfar\r\nRecord-Route: <sip:p1;lr>, <sip:p2;lr>\r\nTimestamp: 54\r\n"
    message = parse_message(request(headers=headers))
    assert isinstance(message, Request)
    bench = Bench(Flow("udp", B, A))
    transaction = bench.layer.create_server(message, bench.flow, ("key",), None)
    trying = parse_message(transaction.respond(100, 0.0, to_tag="t"))
    assert trying.to.tag is None and trying.get("Timestamp") == "54" and trying.get("Record-Route") is None
    ringing = parse_message(transaction.respond(180, 0.0, to_tag="t"))
    assert [via.branch for via in ringing.vias] == ["z9hG4bKone", "z9hG4bKfar"]
    assert ringing.to.tag == "t" and ringing.from_.tag == "a1" and ringing.call_id == "call-1"
    assert ringing.cseq == 1 and ringing.cseq_method == "INVITE"
    assert ringing.get_all("Record-Route") == ["<sip:p1;lr>, <sip:p2;lr>"] and ringing.get("Timestamp") is None
    refused = parse_message(transaction.respond(486, 0.0, to_tag="t"))
    assert refused.get("Record-Route") is None
