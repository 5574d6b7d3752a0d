"""Datagrams that the kernel drops."""

from __future__ import annotations

import socket
import sys

import pytest

from ivr.net.kernel_filter import MAX_SOURCES, shut_out

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="filters of Linux")


def test_what_is_shut_out_does_not_come_and_all_else_does() -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as target,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as enemy,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as friend,
    ):
        target.bind(("127.0.0.1", 0))
        target.settimeout(5.0)
        enemy.bind(("127.0.66.1", 0))
        friend.bind(("127.0.66.2", 0))

        def heard() -> list[bytes]:
            """What arrives of a datagram of each, the friend's last."""
            enemy.sendto(b"enemy", target.getsockname())
            friend.sendto(b"friend", target.getsockname())
            found = [target.recv(16)]
            while found[-1] != b"friend":
                found.append(target.recv(16))
            return found

        both, one = [b"enemy", b"friend"], [b"friend"]
        assert heard() == both
        shut_out(target, [])
        assert heard() == both
        crowd = [f"10.0.{number >> 8}.{number & 255}" for number in range(MAX_SOURCES - 1)]
        for sources in (["127.0.66.1"], ["no address", "2001:db8::/64", "127.0.66.1"], [*crowd, "127.0.66.1"]):
            shut_out(target, sources)
            assert heard() == one
        shut_out(target, ["127.0.66.9"])
        assert heard() == both
        shut_out(target, ["127.0.66.1"])
        shut_out(target, [])
        assert heard() == both
