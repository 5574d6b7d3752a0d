"""STUN binding messages: the vectors of RFC 5769, and whatever may come."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.sip.stun import binding_request, binding_response, read_request, read_response

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
RFC5769_REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae8022001053 54554e207465737420636c69656e74002400046e0001ff80290008932ff9b1"
    "51263b36000600096576746a3a68367659202020000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a280280004e57a3bcb"
)
RFC5769_RESPONSE4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000080001a147e112a643000800142b91f599fd9e"
    "90c38c7489f92af9ba53f06be7d780280004c07d4c96"
)
RFC5769_RESPONSE6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae8022000b7465737420766563746f7220002000140002a1470113a9faa5d3f179bc25f4b5bed2"
    "b9d900080014a382954e4be67bf11784c97c8292c275bfe3ed4180280004c8fb0b4c"
)


def test_the_vectors_of_rfc_5769() -> None:
    assert read_request(RFC5769_REQUEST) == TRANSACTION
    assert read_response(RFC5769_RESPONSE4, TRANSACTION) == ("192.0.2.1", 32853)
    assert read_response(RFC5769_RESPONSE6, TRANSACTION) == ("2001:db8:1234:5678:11:2233:4455:6677", 32853)


def test_an_answer_of_an_old_server() -> None:
    attribute = bytes.fromhex("0001000800011388c0000201")
    data = bytes.fromhex("0101000c2112a442") + TRANSACTION + attribute
    assert read_response(data, TRANSACTION) == ("192.0.2.1", 5000)


@given(st.binary(min_size=12, max_size=12), st.ip_addresses(), st.integers(1, 65535))
def test_what_is_told_is_read(transaction: bytes, address: object, port: int) -> None:
    data = binding_response(transaction, str(address), port)
    assert read_response(data, transaction) == (str(address), port)
    assert read_request(data) is None
    assert read_response(data, transaction[::-1] + b"x") is None
    request = binding_request(transaction)
    assert read_request(request) == transaction
    assert read_response(request, transaction) is None


@given(st.data())
def test_damaged_messages_are_nothing_and_raise_nothing(data: st.DataObject) -> None:
    whole = data.draw(st.sampled_from([RFC5769_REQUEST, RFC5769_RESPONSE4, RFC5769_RESPONSE6]))
    damaged = bytearray(whole)
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=6)):
        damaged[place] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    read_request(cut)
    read_response(cut, TRANSACTION)


@pytest.mark.parametrize("change", [b"\x00\x01\x00\x01", b"\x00\x01\x00\x04", b"\x00\x11\x00\x00"])
def test_what_is_no_request(change: bytes) -> None:
    assert read_request(change + binding_request(TRANSACTION)[4:]) is None
