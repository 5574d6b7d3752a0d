"""Hosts as numbers."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

import pytest

from media.batch import Addresses
from media.batch.addresses import MOST_STRANGERS


def packed(host: str) -> bytes:
    return ip_address(host).packed


def test_an_ipv4_host_is_its_own_number() -> None:
    addresses = Addresses()
    assert addresses.of_packed(packed("192.0.2.7")) == 0xC0000207
    assert addresses.of_packed(b"") == 0
    assert addresses.socket_address(0xC0000207 << 16 | 4000) == ("192.0.2.7", 4000)


def test_an_ipv6_host_has_the_same_number_however_it_is_met() -> None:
    addresses = Addresses()
    number = addresses.of_packed(packed("2001:db8::7"))
    assert addresses.of_v6("2001:db8::7", 0) == number != addresses.of_v6("2001:db8::8", 0)
    assert addresses.socket_address(number << 16 | 4000) == ("2001:db8::7", 4000, 0, 0)


def test_a_link_local_host_is_sent_to_on_the_link_that_it_is_heard_on() -> None:
    addresses = Addresses()
    number = addresses.of_packed(packed("fe80::7"))
    assert addresses.of_v6("fe80::7%eth0", 2) == number
    assert addresses.socket_address(number << 16 | 4000) == ("fe80::7", 4000, 0, 2)


def test_strangers_are_forgotten_and_those_of_a_call_are_kept_until_it_ends() -> None:
    addresses = Addresses()
    kept, other = addresses.of_v6("2001:db8::1", 0), addresses.of_v6("2001:db8::2", 0)
    addresses.hold(0, kept)
    addresses.hold(1, kept)
    for k in range(MOST_STRANGERS):
        addresses.of_v6(str(IPv6Address((0xFD << 120) + k)), 0)
    assert addresses.of_v6("2001:db8::1", 0) == kept
    assert addresses.of_v6("2001:db8::2", 0) != other
    with pytest.raises(OSError, match="not known"):
        addresses.socket_address(other << 16 | 4000)
    addresses.release(0)
    for k in range(2 * MOST_STRANGERS):
        addresses.of_v6(str(IPv6Address((0xFC << 120) + k)), 0)
    assert addresses.of_v6("2001:db8::1", 0) == kept
    addresses.release(1)
    for k in range(2 * MOST_STRANGERS):
        addresses.of_v6(str(IPv6Address((0xFD << 120) + k)), 0)
    assert addresses.of_v6("2001:db8::1", 0) != kept
    assert len(addresses._hosts) == len(addresses._numbers) == MOST_STRANGERS


@pytest.mark.parametrize(
    ("host", "private"),
    [
        ("10.1.2.3", True), ("100.64.0.1", True), ("192.0.2.1", False), ("172.32.0.1", False),
        ("fd00::1", True), ("fe80::1", True), ("2001:db8::1", False),
    ],
)  # fmt: skip
def test_private_hosts(host: str, private: bool) -> None:
    addresses = Addresses()
    assert addresses.private(addresses.of_packed(packed(host))) is private
