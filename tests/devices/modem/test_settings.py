"""What the configuration of a modem line comes to."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ivr.devices.modem import ModemHardware
from ivr.devices.modem.protocol import PROFILES, Wish
from ivr.settings import Modem


def modem(**kept: Any) -> Modem:
    return Modem(**{"type": "modem", "port": "/dev/ttyACM0", **kept})


def test_a_line_wishes_what_its_settings_say() -> None:
    settings = modem(
        profile="usr5637",
        duplex="full",
        country="DE",
        caller_id=False,
        answer_after_rings=3,
        dial="pulse",
        ring_back_gone="6s",
        init=["ATX3"],
    )
    assert ModemHardware(settings)._wish == Wish("usr5637", "full", "DE", False, 3, True, 6.0, ("ATX3",))


@pytest.mark.parametrize("name", PROFILES)
def test_settings_know_the_profiles_and_which_are_full_duplex(name: str) -> None:
    settings = modem(profile=name)
    assert settings.full_duplex is PROFILES[name].duplex
    assert ModemHardware(settings).full_duplex is PROFILES[name].duplex


@pytest.mark.parametrize("port", ["usb:0572:1321", "/dev/serial/by-id/usb-*", "/dev/modem-shop"])
def test_ports(port: str) -> None:
    assert modem(port=port).port == port


@pytest.mark.parametrize("port", ["usb:572:1321", "COM1", "ttyACM0", "/dev/../etc/passwd"])
def test_no_ports(port: str) -> None:
    with pytest.raises(ValidationError, match="not a serial port"):
        modem(port=port)
