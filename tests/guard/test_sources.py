"""Who a source is."""

from __future__ import annotations

import ipaddress

import pytest

from ivr.guard.sources import MAX_KEYS, Networks, Sources, network_of


@pytest.mark.parametrize(
    ("host", "key"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("no:address", "no:address"),
    ],
)
def test_the_source_of_an_address(host: str, key: str) -> None:
    sources = Sources()
    assert sources.key(host) == sources.key(host) == key


def test_the_table_of_addresses_is_bounded() -> None:
    sources = Sources()
    for number in range(MAX_KEYS + 10):
        sources.key(f"2001:db8::{number:x}")
    assert len(sources._keys) <= MAX_KEYS


def test_networks() -> None:
    networks = Networks(ipaddress.ip_network(text) for text in ("10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"))
    for host in ("10.1.2.3", "192.0.2.7", "2001:db8::9", "::ffff:10.0.0.1"):
        assert host in networks
    for host in ("11.0.0.1", "192.0.2.8", "2001:db9::1", "here", ""):
        assert host not in networks
    assert "10.0.0.1" not in Networks([])


def test_a_network_may_be_named() -> None:
    assert str(network_of("2001:db8::1")) == "2001:db8::/64"
    assert str(network_of("192.0.2.9/32")) == "192.0.2.9/32"
    with pytest.raises(ValueError):
        network_of("here")
