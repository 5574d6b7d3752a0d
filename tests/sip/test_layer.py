"""The transaction layer: keys, names, chance."""

from __future__ import annotations

import pytest

from ivr.sip import Flow, Request, parse_message
from ivr.sip.layer import TOKEN_POOL, Tokens, TransactionLayer, reply_flow, stamped_via
from tests.kit.sip import A, B, request, rng

FLOW = Flow("udp", B, A)


@pytest.fixture
def layer() -> TransactionLayer:
    return TransactionLayer(rng(), 0.5, 4.0)


def parsed(**more: object) -> Request:
    message = parse_message(request(**more))  # type: ignore[arg-type]
    assert isinstance(message, Request)
    return message


def test_tokens_are_never_used_twice() -> None:
    asked: list[int] = []
    chance = rng()

    def counted(count: int) -> bytes:
        asked.append(count)
        return chance(count)

    tokens = Tokens(counted)
    taken = [tokens.take() for _ in range(1000)]
    assert len(set(taken)) == 1000 and {len(token) for token in taken} == {16}
    assert len(asked) == -(-1000 // (TOKEN_POOL // 8))
    assert all(0 <= tokens.fraction() < 1 for _ in range(100))


def test_a_key_is_branch_sent_by_and_method() -> None:
    layer = TransactionLayer
    key = layer.server_key(parsed(), "INVITE")
    assert key == layer.server_key(parsed(method="ACK", to="<sip:x@y>;tag=z"), "INVITE")
    for other in (
        parsed(branch="z9hG4bKtwo"),
        parsed(call_id="other"),
        parsed(via="SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKone"),
        parsed(via="SIP/2.0/UDP 192.0.2.1:5061;branch=z9hG4bKone"),
    ):
        assert layer.server_key(other, "INVITE") != key
    assert layer.server_key(parsed(method="BYE"), "BYE") != key


def test_without_the_cookie_the_key_is_the_request_itself() -> None:
    layer = TransactionLayer
    for via in ("SIP/2.0/UDP 192.0.2.1:5060", "SIP/2.0/UDP 192.0.2.1:5060;branch=1", "SIP/2.0/UDP h;branch=z9hG4bK"):
        key = layer.server_key(parsed(via=via), "INVITE")
        assert key == layer.server_key(parsed(via=via, method="ACK", to="<sip:100@192.0.2.2>;tag=ours"), "INVITE")
        for other in (
            parsed(via=via, cseq=2),
            parsed(via=via, call_id="other"),
            parsed(via=via, from_="<sip:alice@192.0.2.1>;tag=other"),
            parsed(via=via, uri="sip:101@192.0.2.2"),
        ):
            assert layer.server_key(other, "INVITE") != key


@pytest.mark.parametrize(
    ("transport", "secure", "contact"),
    [
        ("udp", False, "sip:192.0.2.2:5060"),
        ("udp", True, "sip:192.0.2.2:5060"),
        ("tcp", False, "sip:192.0.2.2:5060;transport=tcp"),
        ("tls", False, "sip:192.0.2.2:5060;transport=tls"),
        ("tls", True, "sips:192.0.2.2:5060"),
        ("ws", False, "sip:192.0.2.2:5060;transport=ws"),
        ("wss", False, "sip:192.0.2.2:5060;transport=ws"),
        ("wss", True, "sips:192.0.2.2:5060;transport=ws"),
    ],
)
def test_what_we_are_called(layer: TransactionLayer, transport: str, secure: bool, contact: str) -> None:
    names = layer.names(Flow(transport, B, A, secure=secure))
    assert names.uri == contact
    assert names.via.startswith(f"SIP/2.0/{transport.upper()} 192.0.2.2:5060;rport;branch=")


def test_a_public_address_holds_for_a_host_and_a_public_port_for_datagrams(layer: TransactionLayer) -> None:
    layer.advertise((B[0], 0), ("203.0.113.7", 0))
    assert layer.names(Flow("tcp", B, A)).uri == "sip:203.0.113.7:5060;transport=tcp"
    for near in ("10.0.0.5", "192.168.1.2", "172.20.0.1", "169.254.0.9", "127.0.0.1", "fd00::1", "fe80::1%eth0"):
        assert layer.names(Flow("udp", B, (near, 5060))).uri == "sip:192.0.2.2:5060"
    layer.advertise(B, ("203.0.113.8", 40000))
    assert layer.names(Flow("udp", B, A)).uri == "sip:203.0.113.8:40000"
    assert layer.names(Flow("tcp", B, A)).uri == "sip:203.0.113.7:5060;transport=tcp"


def test_replies_on_streams_take_the_stream() -> None:
    flow = Flow("tcp", B, ("192.0.2.1", 45000), 7)
    assert reply_flow(parsed(), flow) == Flow("tcp", B, ("192.0.2.1", 5060), 7), "the port for when it is gone"
    assert reply_flow(parsed(via="SIP/2.0/TCP h:5070;branch=z9hG4bKone"), flow).remote == ("192.0.2.1", 5070)
    tls = Flow("tls", B, ("192.0.2.1", 45000), 8)
    assert reply_flow(parsed(via="SIP/2.0/TLS h;branch=z9hG4bKone"), tls).remote == ("192.0.2.1", 5061)


def test_the_source_is_written_where_it_matters() -> None:
    assert stamped_via(parsed(), FLOW) is None
    nat = Flow("udp", B, ("203.0.113.5", 33000))
    assert stamped_via(parsed(), nat) == "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKone;received=203.0.113.5"
    plain = stamped_via(parsed(via="SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bKone"), nat)
    assert plain == "SIP/2.0/UDP 192.0.2.1:5060;rport=33000;received=203.0.113.5;branch=z9hG4bKone"
    mixed = parsed(via="SIP/2.0/UDP h:5060;rportx;RPort;branch=z9hG4bKone , SIP/2.0/TCP far;branch=z9hG4bKfar")
    stamped = stamped_via(mixed, nat)
    assert stamped is not None and stamped.endswith(", SIP/2.0/TCP far;branch=z9hG4bKfar")
    assert "rport=33000" in stamped and "received=203.0.113.5" in stamped and "rportx;" in stamped


def test_names_of_our_sockets() -> None:
    layer = TransactionLayer(rng(), 0.5, 4.0)
    names = layer.names(FLOW)
    assert names.uri == "sip:192.0.2.2:5060" and names.contact == "Contact: <sip:192.0.2.2:5060>\r\n"
    assert names.via.startswith("SIP/2.0/UDP 192.0.2.2:5060;rport;branch=z9hG4bK")
    assert layer.names(Flow("tcp", B, A)).uri == "sip:192.0.2.2:5060;transport=tcp"
    assert layer.names(Flow("udp", ("2001:db8::1", 5060), A)).uri == "sip:[2001:db8::1]:5060"
    layer.advertise(B, ("198.51.100.7", 6060))
    assert layer.names(FLOW).uri == "sip:198.51.100.7:6060"
