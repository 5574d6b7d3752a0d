"""How many calls one source may start."""

from __future__ import annotations

from ipaddress import ip_network

from ivr.call.rates import SOURCES_COUNTED, SourceRates


def test_so_many_at_once_and_then_so_many_a_second() -> None:
    rates = SourceRates(10)
    assert sum(rates.admits("192.0.2.1", 100.0) for _ in range(30)) == 10
    assert sum(rates.admits("192.0.2.1", 100.0 + step / 100) for step in range(1, 201)) == 20
    assert rates.admits("192.0.2.2", 100.0)


def test_who_is_exempt_is_never_counted() -> None:
    rates = SourceRates(1, [ip_network("198.51.100.0/24"), ip_network("2001:db8::/32")])
    assert all(rates.admits(ip, 1.0) for ip in ("198.51.100.7", "2001:db8::1") for _ in range(100))
    assert sum(rates.admits("192.0.2.1", 1.0) for _ in range(100)) == 1


def test_forged_sources_do_not_fill_the_memory() -> None:
    rates = SourceRates(1, [ip_network("10.0.0.0/8")])
    for number in range(SOURCES_COUNTED + 10):
        octets = f"{number >> 8 & 255}.{number & 255}"
        assert rates.admits(f"192.0.{octets}", 1.0)
        assert rates.admits(f"10.0.{octets}", 1.0)
    assert len(rates._left) <= SOURCES_COUNTED
    assert len(rates._free) <= SOURCES_COUNTED
