"""Lines on hardware, as the configuration describes them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.errors import ConfigError
from ivr.settings import Modem, Settings, SoundCard, parse_settings

Make = Callable[[str], Settings]


def fault(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse_settings(text, Path("ivr.yaml"), {})
    (found,) = caught.value.faults
    return str(found).removeprefix("ivr.yaml:")


def test_a_modem(make_settings: Make) -> None:
    line = make_settings(
        "lines: {old: {type: modem, port: /dev/ttyACM0, number: '0301234567', country: DE, dial_prefix: '0,'}}"
    ).lines["old"]
    assert isinstance(line, Modem)
    assert (line.port, line.number, line.dial_prefix) == ("/dev/ttyACM0", "0301234567", "0,")
    assert (line.profile, line.answer_after_rings, line.caller_id, line.dial) == ("auto", 2, True, "tone")


@pytest.mark.parametrize(
    ("keys", "full"),
    [
        ("", False),
        (", profile: usr5637", False),
        (", profile: v253", False),
        (", profile: cx93010", True),
        (", profile: cx93010, duplex: half", False),
        (", duplex: full", True),
    ],
)
def test_a_modem_is_full_duplex_where_its_profile_knows_or_the_configuration_says(
    make_settings: Make, keys: str, full: bool
) -> None:
    line = make_settings(f"lines: {{a: {{type: modem, port: /dev/ttyACM0{keys}}}}}").lines["a"]
    assert line.full_duplex is full


def test_lines_over_the_network_and_cards_are_full_duplex(make_settings: Make) -> None:
    lines = make_settings("lines: {a: {type: sip_trunk, host: h}, b: {type: sound_card}}").lines
    assert [line.full_duplex for line in lines.values()] == [True, True]


def test_a_sound_card(make_settings: Make) -> None:
    line = make_settings(
        "lines: {desk: {type: sound_card, input: USB, output: USB, channel: 2, answer: voice, hid: 0D8C:0013,"
        " echo: off, hang_up_after: 20s}}"
    ).lines["desk"]
    assert isinstance(line, SoundCard)
    assert (line.channel, line.answer, line.hid, line.echo) == (2, "voice", "0d8c:0013", "off")
    assert (line.dial, line.hang_up_after, line.wideband) == ("handset", 20.0, False)


def test_truth_values_of_yaml_are_the_words_they_were_written_as(make_settings: Make) -> None:
    lines = make_settings("lines: {a: {type: sound_card, echo: on, hid: off}}").lines
    assert isinstance(line := lines["a"], SoundCard)
    assert (line.echo, line.hid) == ("on", "off")


def test_sound_is_kept_wideband_for_a_wideband_card(make_settings: Make) -> None:
    assert make_settings("lines: {a: {type: sound_card, wideband: true}}").wideband
    assert not make_settings("lines: {a: {type: sound_card}}").wideband


def test_lines_of_all_kinds_stand_in_for_each_other(make_settings: Make) -> None:
    settings = make_settings(
        "lines:\n"
        "  trunk: {type: sip_trunk, host: h, failover: [old]}\n"
        "  old: {type: modem, port: /dev/ttyACM0, failover: [trunk]}\n"
        "health: {lines: [old]}\n"
        "outbound_policy: {line: [trunk, old]}\n"
    )
    assert settings.lines["old"].failover == ("trunk",)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{type: modem}", "lines.a.port: a key is missing"),
        (
            "{type: modem, port: COM3}",
            "lines.a.port: not a serial port (found COM3; expected a file of /dev, like /dev/ttyACM0 or one of"
            " /dev/serial/by-id, or usb:vendor:product)",
        ),
        (
            "{type: modem, port: /dev/../etc/passwd}",
            "lines.a.port: not a serial port (found /dev/../etc/passwd; expected a file of /dev, like /dev/ttyACM0 or"
            " one of /dev/serial/by-id, or usb:vendor:product)",
        ),
        (
            "{type: modem, port: /dev/ttyACM0, profile: hayes}",
            "lines.a.profile: not one of the values allowed (found hayes; expected 'auto', 'usr5637', 'cx93010' or"
            " 'v253')",
        ),
        ("{type: modem, port: /dev/ttyACM0, options: {}}", "lines.a.options: unknown key"),
        ("{type: modem, port: /dev/ttyACM0, number: 100}", "lines.a.number: quote the digits (found 100)"),
        (
            "{type: modem, port: /dev/ttyACM0, init: [reset]}",
            "lines.a.init: not a command of a modem (expected one line that begins with AT, 60 signs at most)",
        ),
        (
            "{type: modem, port: /dev/ttyACM0, dial_prefix: W}",
            "lines.a.dial_prefix: not what can be dialled (found W; expected 0 to 9, * and #, and commas for pauses,"
            " like 0,)",
        ),
        (
            "{type: modem, port: /dev/ttyACM0, dial_format: national}",
            "lines.a: dial_format is national, of which country is not said",
        ),
        ("{type: modem, port: /dev/ttyACM0, failover: [a]}", "lines.a.failover: this line cannot stand here"),
        (
            "{type: sound_card, hid: mouse}",
            "lines.a.hid: not a HID (found mouse; expected auto, off, or vendor:product as lsusb has them, like"
            " 0d8c:0013)",
        ),
        (
            "{type: sound_card, answer: never}",
            "lines.a.answer: not one of the values allowed (found never; expected 'hook', 'voice', 'ring' or 'always')",
        ),
        ("{type: sound_card, channel: 0}", "lines.a.channel: input should be greater than or equal to 1"),
    ],
)
def test_a_fault_says_what_was_expected(line: str, said: str) -> None:
    assert said in fault(f"lines:\n  a: {line}\n")
