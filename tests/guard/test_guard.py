"""Whose messages are looked at, who is shut out."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.guard import Ban, Fault, SourceGuard
from ivr.guard.bans import MAX_BANS, MAX_FAULTY
from ivr.settings import SecuritySettings

STRANGER, TRUNK, FRIEND, PHONE = "192.0.2.66", "198.51.100.1", "203.0.113.5", "192.0.2.200"
REMOTE_KINDS: tuple[Fault, ...] = ("unknown_number", "malformed", "scanner", "probe", "flood", "auth_failed")


def guard(**settings: Any) -> SourceGuard:
    return SourceGuard(
        SecuritySettings(**settings), [ipaddress.ip_network("203.0.113.0/24")], lambda host: host == TRUNK
    )


def looked_at(guard: SourceGuard, host: str, now: float) -> bool:
    return guard.message(host, now, 400)


def note(guard: SourceGuard, host: str, kind: Fault, count: int, now: float, *, proven: bool = False) -> None:
    for number in range(count):
        guard.note(host, kind, now + number / 100, proven=proven)


def test_who_guesses_is_shut_out_and_let_in_again() -> None:
    one = guard()
    told: list[tuple[Ban, str]] = []
    one.on_ban = lambda ban, host: told.append((ban, host))
    for number in range(10):
        assert looked_at(one, STRANGER, 1.0 + number)
        one.auth_failed(STRANGER, "200", 1.0 + number, proven=True)
    assert not looked_at(one, STRANGER, 11.0)
    assert not one.connection(STRANGER, 11.0)
    ((ban, host),) = told
    assert (ban.source, ban.reason, ban.left(10.0), ban.times, ban.proven, host) == (
        STRANGER,
        "auth_failed",
        600.0,
        1,
        True,
        STRANGER,
    )
    assert looked_at(one, "192.0.2.67", 11.0)
    assert not looked_at(one, STRANGER, 609.9)
    assert looked_at(one, STRANGER, 611.5)


def test_each_ban_is_longer_than_the_last_up_to_a_day() -> None:
    one, now, lengths = guard(), 0.0, []
    for _ in range(6):
        note(one, STRANGER, "unknown_number", 20, now, proven=True)
        (ban,) = one.bans(now + 1)
        lengths.append(round(ban.until - ban.since, 3))
        now = ban.until + 1.0
    assert lengths == [600.0, 2400.0, 9600.0, 38400.0, 86400.0, 86400.0]


def test_a_day_without_a_fault_makes_a_ban_the_first_again() -> None:
    one = guard()
    note(one, STRANGER, "scanner", 1, 0.0)
    note(one, STRANGER, "scanner", 1, 90_000.0)
    assert [ban.times for ban in one.bans(90_001.0)] == [1]


def test_what_may_be_forged_shuts_out_for_minutes() -> None:
    one, now, lengths = guard(), 0.0, []
    for _ in range(6):
        note(one, STRANGER, "malformed", 30, now)
        (ban,) = one.bans(now + 1)
        lengths.append(round(ban.until - ban.since, 3))
        now = ban.until + 1.0
    assert lengths == [60.0, 120.0, 240.0, 480.0, 600.0, 600.0]


def test_faults_are_forgotten() -> None:
    one = guard()
    for number in range(100):
        one.note(STRANGER, "unknown_number", number * 32.0)
    assert not one.bans(3200.0)


@pytest.mark.parametrize("host", [TRUNK, FRIEND, "127.0.0.1", "::1", "::ffff:203.0.113.9"])
@pytest.mark.parametrize("kind", REMOTE_KINDS)
def test_who_is_free_is_never_shut_out(host: str, kind: Fault) -> None:
    one = guard()
    note(one, host, kind, 500, 1.0, proven=True)
    assert all(looked_at(one, host, 7.0) for _ in range(3000))
    assert all(one.connection(host, 7.0) for _ in range(300))
    assert one.ban(host, 60.0, 7.0) is None


@pytest.mark.parametrize("kind", REMOTE_KINDS)
def test_who_forges_the_address_of_a_phone_does_not_shut_it_out(kind: Fault) -> None:
    one = guard()
    one.proved(PHONE, "200", 1.0)
    note(one, PHONE, kind, 500, 2.0)
    for number in range(500):
        one.auth_failed(PHONE, "200", 3.0 + number / 100, proven=False)
    assert looked_at(one, PHONE, 9.0)
    assert one.may_prove(PHONE, "200", 9.0)
    again = guard()
    again.load(one.dump(10.0, 1000.0), 0.0, 1005.0)
    note(again, PHONE, kind, 500, 1.0)
    assert looked_at(again, PHONE, 7.0), "nor after a restart"


def test_guesses_from_behind_the_address_of_a_phone_bar_users_and_not_the_address() -> None:
    one = guard()
    one.proved(PHONE, "200", 1.0)
    for number in range(10):
        one.auth_failed(PHONE, f"3{number:02}", 2.0, proven=True)
    assert looked_at(one, PHONE, 3.0)
    assert not one.may_prove(PHONE, "301", 3.0)
    assert one.may_prove(PHONE, "200", 3.0)
    assert one.may_prove(STRANGER, "301", 3.0)
    for _ in range(10):
        one.auth_failed(PHONE, "200", 4.0, proven=True)
    assert not one.may_prove(PHONE, "200", 5.0)
    assert one.may_prove(PHONE, "200", 65.0)


def test_who_floods_is_shut_out_after_some_seconds_and_others_are_not() -> None:
    one = guard()
    for step in range(40_000):
        now = 1.0 + step / 10_000
        one.message(f"127.0.10.{step % 50}", now, 400)
        if step % 2000 == 0:
            one.message(STRANGER, now, 400)
    assert {ban.source for ban in one.bans(5.0)} == {f"127.0.10.{number}" for number in range(50)}
    assert {ban.reason for ban in one.bans(5.0)} == {"flood"}
    assert looked_at(one, STRANGER, 5.1)
    assert looked_at(one, FRIEND, 5.1)


def test_a_network_of_ipv6_is_one_source() -> None:
    one = guard()
    assert sum(looked_at(one, f"2001:db8:0:1::{number:x}", 1.0) for number in range(1, 2000)) == 200
    assert looked_at(one, "2001:db8:0:2::1", 1.0)
    for number in range(1, 21):
        one.note(f"2001:db8:0:7::{number:x}", "unknown_number", 2.0)
    assert [ban.source for ban in one.bans(2.0)] == ["2001:db8:0:7::/64"]
    assert not looked_at(one, "2001:db8:0:7:ffff::9", 2.0)
    assert one.unban("2001:db8:0:7::1")
    assert looked_at(one, "2001:db8:0:7:ffff::9", 2.0)


def test_connections_are_limited_by_the_second() -> None:
    one = guard(connections_per_second=5)
    assert sum(one.connection(STRANGER, 1.0) for _ in range(50)) == 5
    assert one.connection("192.0.2.67", 1.0)
    assert one.connection(STRANGER, 2.1)
    one.proved(PHONE, "200", 1.0)
    assert sum(one.connection(PHONE, 1.0) for _ in range(100)) == 50


def test_bans_by_hand() -> None:
    one = guard()
    assert one.ban(STRANGER, 3600.0, 1.0) is not None
    one.proved(PHONE, "200", 1.0)
    assert one.ban(PHONE, 3600.0, 1.0) is not None, "people may shut out a phone"
    assert not looked_at(one, PHONE, 2.0)
    assert [(ban.source, ban.reason) for ban in one.bans(2.0)] == [(STRANGER, "manual"), (PHONE, "manual")]
    assert one.unban(STRANGER)
    assert not one.unban(STRANGER)
    assert looked_at(one, STRANGER, 2.0)
    for wrong in ("here", "192.0.2.0/24", "2001:db8::/32"):
        with pytest.raises(ValueError):
            one.ban(wrong, 60.0, 1.0)
    assert one.ban("2001:db8::/64", 60.0, 1.0) is not None


def test_a_call_that_stands_makes_its_address_known() -> None:
    one = guard()
    one.call_up(STRANGER)
    note(one, STRANGER, "unknown_number", 100, 1.0)
    assert looked_at(one, STRANGER, 3.0)
    one.call_over(STRANGER)
    note(one, STRANGER, "unknown_number", 100, 4.0)
    assert not looked_at(one, STRANGER, 6.0)


def test_bans_and_phones_outlive_a_restart() -> None:
    one = guard()
    note(one, STRANGER, "unknown_number", 20, 100.0, proven=True)
    one.proved(PHONE, "200", 100.0)
    again = guard()
    again.load(one.dump(200.0, 5000.0), 10.0, 5100.0)
    (ban,) = again.bans(10.0)
    assert (ban.source, round(ban.left(10.0)), ban.times) == (STRANGER, 400, 1)
    assert not looked_at(again, STRANGER, 20.0)
    assert not again.is_stranger(PHONE, 20.0)


def test_a_file_that_holds_something_else_shuts_nobody_out_for_ever() -> None:
    one = guard()
    one.load({"bans": [{"source": 7}, {"source": "a", "until": "x"}], "phones": [{}]}, 1.0, 1.0)
    assert not one.bans(1.0)
    row = {"source": STRANGER, "reason": "flood", "since": 0, "until": 1e12, "times": 1, "proven": False}
    one.load({"bans": [row]}, 1.0, 1.0)
    assert [ban.left(1.0) for ban in one.bans(1.0)] == [600.0]


def test_forged_addresses_do_not_put_out_bans_that_were_proved() -> None:
    one = guard()
    note(one, STRANGER, "unknown_number", 20, 1.0, proven=True)
    for number in range(MAX_BANS + 2000):
        one.note(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", "scanner", 2.0)
    assert len(one.bans(2.0)) <= MAX_BANS
    assert not looked_at(one, STRANGER, 3.0)


def test_forged_addresses_do_not_put_out_counts_that_were_proved() -> None:
    one = guard()
    for _ in range(9):
        one.auth_failed(STRANGER, "200", 1.0, proven=True)
    for number in range(MAX_FAULTY * 2):
        one.note(f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}", "malformed", 2.0)
    one.auth_failed(STRANGER, "200", 3.0, proven=True)
    assert not looked_at(one, STRANGER, 3.0)


def test_bans_can_be_switched_off() -> None:
    one = guard(bans={"enabled": False})
    note(one, STRANGER, "scanner", 100, 1.0, proven=True)
    assert looked_at(one, STRANGER, 3.0)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([STRANGER, PHONE, TRUNK, FRIEND, "2001:db8::7"]),
            st.sampled_from([*REMOTE_KINDS, "message", "proved", "up", "over", "ban", "unban"]),
            st.floats(0.0, 50.0),
            st.booleans(),
        ),
        max_size=120,
    )
)
def test_whatever_happens_who_is_free_gets_through_and_every_ban_ends(
    steps: list[tuple[str, Any, float, bool]],
) -> None:
    one, now = guard(bans={"malformed": 2, "unknown_numbers": 2, "probes": 2, "auth_failures": 2}), 1.0
    up: dict[str, int] = {}
    for host, what, pause, proven in steps:
        now += pause
        match what:
            case "message":
                taken = looked_at(one, host, now)
                assert taken or host not in (TRUNK, FRIEND)
            case "proved":
                one.proved(host, "200", now)
            case "up":
                one.call_up(host)
                up[host] = up.get(host, 0) + 1
            case "over":
                if up.get(host):
                    one.call_over(host)
                    up[host] -= 1
            case "ban":
                one.ban(host, 60.0, now)
            case "unban":
                one.unban(host)
                assert host not in {ban.source for ban in one.bans(now)}
            case _:
                one.note(host, what, now, proven=proven)
        assert all(ban.left(now) <= 86_400.0 for ban in one.bans(now))
    assert not one.bans(now + 86_401.0)
