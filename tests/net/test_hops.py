from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from ivr.net.hops import MAX_HOPS, Hop, Naptr, Srv, choose_services, merge_hops, order_srv, srv_name

records = st.lists(
    st.builds(
        Srv,
        priority=st.integers(0, 3),
        weight=st.integers(0, 100),
        port=st.integers(1, 65535),
        target=st.sampled_from(("a", "b", "c", "d")),
    ),
    max_size=12,
)


@given(records, st.randoms(use_true_random=False))
def test_every_record_is_tried_once_and_low_priorities_first(found: list[Srv], chance: random.Random) -> None:
    ordered = order_srv(found, chance.random)
    assert Counter(ordered) == Counter(found)
    assert [record.priority for record in ordered] == sorted(record.priority for record in found)


@given(records)
def test_chance_at_its_ends_leaves_nobody_out(found: list[Srv]) -> None:
    for fraction in (0.0, 1.0 - 2**-53):
        assert Counter(order_srv(found, lambda fraction=fraction: fraction)) == Counter(found)  # type: ignore[misc]


def test_weights_share_the_load() -> None:
    chance = random.Random(7)
    three, one, none = Srv(1, 75, 5060, "three"), Srv(1, 25, 5060, "one"), Srv(1, 0, 5060, "none")
    first = Counter(order_srv((three, one, none), chance.random)[0].target for _ in range(4000))
    assert 0.70 < first["three"] / 4000 < 0.80
    assert 0.20 < first["one"] / 4000 < 0.30
    assert first["none"] < 100


def test_services_in_the_order_the_peer_wants_and_that_we_speak() -> None:
    found = [
        Naptr(20, 10, "s", "SIP+D2U", "_sip._udp.example.net"),
        Naptr(10, 50, "S", "sip+d2t", "_sip._tcp.example.net"),
        Naptr(10, 10, "s", "SIPS+D2T", "_sips._tcp.example.net"),
        Naptr(1, 1, "s", "SIP+D2S", "_sip._sctp.example.net"),
        Naptr(1, 1, "u", "E2U+sip", ""),
        Naptr(1, 1, "s", "SIP+D2U", ""),
    ]
    assert choose_services(found, ("udp", "tcp", "tls"), False) == [
        ("tls", "_sips._tcp.example.net"),
        ("tcp", "_sip._tcp.example.net"),
        ("udp", "_sip._udp.example.net"),
    ]
    assert choose_services(found, ("udp",), False) == [("udp", "_sip._udp.example.net")]
    assert choose_services(found, ("udp", "tcp", "tls"), True) == [("tls", "_sips._tcp.example.net")]


def test_names_of_srv_records() -> None:
    assert [srv_name("h", one) for one in ("udp", "tcp", "tls", "ws")] == [
        "_sip._udp.h",
        "_sip._tcp.h",
        "_sips._tcp.h",
        None,
    ]


def test_hops_are_bounded_and_each_stands_once() -> None:
    hops = [Hop("udp", f"192.0.2.{n % 40}", 5060, "h") for n in range(100)]
    assert merge_hops(hops) == hops[:MAX_HOPS]
