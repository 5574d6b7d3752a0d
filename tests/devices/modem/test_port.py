"""Which port is meant, and who has it."""

from __future__ import annotations

import asyncio
import errno
import os
import termios
import tty
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from serial import SerialException

from ivr.devices.modem import port
from ivr.devices.modem.port import MOST_HELD, Port, PortError, close_port, find, open_port


@pytest.fixture
def pty() -> Iterator[str]:
    master, slave = os.openpty()
    tty.setraw(slave)
    yield os.ttyname(slave)
    os.close(master)
    os.close(slave)


@pytest.fixture(autouse=True)
def ports(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ttyACM0", "ttyACM1", "ttyS0"):
        (tmp_path / name).touch()
    there = [
        SimpleNamespace(device=str(tmp_path / "ttyACM0"), vid=0x0572, pid=0x1321),
        SimpleNamespace(device=str(tmp_path / "ttyACM1"), vid=0x0BAF, pid=0x0303),
        SimpleNamespace(device=str(tmp_path / "ttyS0"), vid=None, pid=None),
    ]
    monkeypatch.setattr(port.list_ports, "comports", lambda: there)


def test_by_path(tmp_path: Path) -> None:
    assert find(str(tmp_path / "ttyACM1")) == (str(tmp_path / "ttyACM1"), (0x0BAF, 0x0303))
    assert find(str(tmp_path / "ttyS0")) == (str(tmp_path / "ttyS0"), None)


def test_by_a_link_that_keeps_its_name(tmp_path: Path) -> None:
    (tmp_path / "usb-modem-if00").symlink_to("ttyACM0")
    assert find(str(tmp_path / "usb-*")) == (str(tmp_path / "usb-modem-if00"), (0x0572, 0x1321))


def test_by_usb_numbers(tmp_path: Path) -> None:
    assert find("usb:0572:1321")[0] == str(tmp_path / "ttyACM0")
    assert find("usb:0BAF:0303")[0] == str(tmp_path / "ttyACM1")


def test_none_and_several(tmp_path: Path) -> None:
    with pytest.raises(PortError, match="there is no serial port"):
        find("usb:1111:2222")
    with pytest.raises(PortError, match="there is no serial port"):
        find(str(tmp_path / "ttyUSB9"))
    with pytest.raises(PortError, match="several serial ports"):
        find(str(tmp_path / "ttyACM*"))


def test_a_port_is_for_one_process_alone(pty: str) -> None:
    device = open_port(pty)
    try:
        with pytest.raises(PortError, match="in use by another process"):
            open_port(pty)
    finally:
        close_port(device)
    close_port(open_port(pty))


def test_what_cannot_be_opened_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PortError, match="cannot be opened"):
        open_port(str(tmp_path / "ttyACM0"))  # no terminal

    def refuse(number: int) -> None:
        def serial(*_: object, **__: object) -> None:
            raise SerialException(number, f"could not open port: {os.strerror(number)}")

        monkeypatch.setattr(port.serial, "Serial", serial)

    def vanish(*_: object, **__: object) -> None:
        raise termios.error(errno.EIO, "Input/output error")

    monkeypatch.setattr(port.serial, "Serial", vanish)
    with pytest.raises(PortError, match="cannot be opened"):
        open_port(str(tmp_path / "ttyACM0"))

    refuse(errno.EACCES)
    with pytest.raises(PortError, match="dialout"):
        open_port(str(tmp_path / "ttyACM0"))
    refuse(errno.EBUSY)
    with pytest.raises(PortError, match="in use by another process"):
        open_port(str(tmp_path / "ttyACM0"))


async def test_octets_go_both_ways_and_a_modem_that_takes_nothing_is_lost() -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    came: asyncio.Queue[bytes] = asyncio.Queue()
    lost: list[str] = []
    port_ = Port(open_port(os.ttyname(slave)), came.put_nowait, lost.append)
    try:
        port_.write(b"AT\r")
        assert os.read(master, 10) == b"AT\r"
        os.write(master, b"OK\r\n")
        assert await asyncio.wait_for(came.get(), 2) == b"OK\r\n"
        port_.do("break")  # a pty has none, and no DTR
        port_.do("drop_dtr")
        port_.write(bytes(2 * MOST_HELD))
        assert lost == ["the modem takes nothing any more"]
        port_.write(b"AT\r")
        assert len(lost) == 1
    finally:
        await port_.close()
        os.close(master)
        os.close(slave)
