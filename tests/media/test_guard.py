from __future__ import annotations

import socket

import pytest
from yarl import URL

from media import AddressError, CheckedResolver, allow_listed, check_literal


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("8.8.8.8", True), ("2606:4700::1", True), ("10.1.2.3", False), ("10.9.9.9", True), ("192.168.1.1", False),
        ("172.16.0.1", False), ("100.64.0.1", False), ("169.254.169.254", False), ("127.0.0.1", False),
        ("0.0.0.0", False), ("224.0.0.1", False), ("255.255.255.255", False), ("::", False), ("::1", False),
        ("fe80::1%eth0", False), ("fc00::1", False), ("::ffff:10.1.2.3", False), ("::ffff:10.9.9.9", True),
        ("64:ff9b::a01:203", False), ("2002:a01:203::1", False), ("64:ff9b::808:808", True),
        ("168.63.129.16", False), ("192.0.0.192", False), ("fec0::1", False), ("64:ff9b:1::a01:203", False),
        ("::7f00:1", False), ("2001:0:4136:e378:8000:63bf:3fff:fdd2", False), ("100.100.100.200", False),
    ],
)  # fmt: skip
def test_which_addresses_are_public(address: str, allowed: bool) -> None:
    assert allow_listed(["10.9.0.0/16", "pbx.example"])("h", 80, address) is allowed
    assert allow_listed(["pbx.example"])("PBX.example.", 80, address)


def test_an_entry_may_open_one_port_alone() -> None:
    policy = allow_listed(["127.0.0.1:8090", "[fd00::1]:443", "pbx.example:80", "10.0.0.0/8"])
    assert policy("h", 8090, "127.0.0.1") and not policy("h", 8091, "127.0.0.1")
    assert policy("h", 443, "fd00::1") and not policy("h", 80, "fd00::1")
    assert policy("pbx.example", 80, "127.0.0.1") and not policy("pbx.example", 443, "127.0.0.1")
    assert policy("h", 1, "10.1.1.1")


@pytest.mark.parametrize("host", ["127.0.0.1", "2130706433", "127.1", "[::1]", "[::ffff:127.0.0.1]", "0"])
def test_addresses_in_urls_are_checked_however_they_are_written(host: str) -> None:
    with pytest.raises(AddressError, match="not a public address"):
        check_literal(allow_listed([]), URL(f"http://{host}/"))


def test_names_are_left_to_the_resolver() -> None:
    check_literal(allow_listed([]), URL("http://localhost/"))
    check_literal(allow_listed(["127.0.0.1:80"]), URL("http://127.0.0.1/"))


async def test_of_several_addresses_the_permitted_ones_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (to, 80)) for to in ("10.0.0.1", "8.8.8.8", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: found)
    resolver = CheckedResolver(allow_listed([]), "test")
    try:
        assert [result["host"] for result in await resolver.resolve("h.example", 80)] == ["8.8.8.8"]
        del found[1]
        with pytest.raises(AddressError, match=r"h\.example is not a public address"):
            await resolver.resolve("h.example", 80)
    finally:
        resolver.shutdown()
