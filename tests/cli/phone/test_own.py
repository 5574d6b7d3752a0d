"""The phone on our own user agent, called by endpoints of the loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from ivr.cli.phone.engine import PhoneEvent
from ivr.cli.phone.making import make_own
from ivr.cli.phone.own import OwnEngine, SoundOptions
from ivr.cli.phone.script import StepFailed, Witness, parse_script, perform
from ivr.endpoint import Endpoint, EndpointConfig
from media.devices import SilentDevice
from tests.endpoint.phones import options
from tests.kit.waiting import until


async def test_who_answers_by_itself_is_busy_while_a_call_stands() -> None:
    told: list[PhoneEvent] = []
    phone = make_own(options("sip:127.0.0.1", answer=True))
    phone.on_event = told.append
    await phone.start()
    try:
        _, host, port = phone.addresses[0]
        async with (
            Endpoint(EndpointConfig(user="anna"), SilentDevice) as anna,
            Endpoint(EndpointConfig(user="bert"), SilentDevice) as bert,
        ):
            first = anna.invite(f"sip:phone@{host}:{port}")
            await until(lambda: first.state == "answered")
            second = bert.invite(f"sip:phone@{host}:{port}")
            await until(lambda: second.ended)
            assert second.ended is not None and second.ended.status == 486
            assert not first.held.by_peer
            first.hang_up()
            await until(lambda: phone.call().phase == "ended")
            third = bert.invite(f"sip:phone@{host}:{port}")
            await until(lambda: third.state == "answered")
    finally:
        await phone.close()
    assert [event.fields["caller"] for event in told if event.kind == "incoming"] == ["anna", "bert"]


async def test_a_file_that_cannot_be_played_costs_no_call(tmp_path: Path) -> None:
    phone = make_own(options("sip:127.0.0.1", answer=True))
    await phone.start()
    try:
        _, host, port = phone.addresses[0]
        async with Endpoint(EndpointConfig(user="anna"), SilentDevice) as anna:
            call = anna.invite(f"sip:phone@{host}:{port}")
            await until(lambda: call.state == "answered")
            witness = Witness()
            with pytest.raises(StepFailed, match=r"line 1: play .*nothere\.wav"):
                await perform(parse_script(f"play {tmp_path / 'nothere.wav'}"), phone, witness)
            assert call.state == "answered"
    finally:
        await phone.close()


async def test_nobody_there_is_said_in_words() -> None:
    told: list[PhoneEvent] = []
    phone = make_own(options("sip:127.0.0.1"))
    phone.on_event = told.append
    await phone.start()
    try:
        phone.dial("sip:x@127.0.0.1:9")
        (call,) = phone._calls
        call.over("refused", 408, "no response")
    finally:
        await phone.close()
    assert told[-1].text == "the call is over: nobody answers there (408 no response)"


async def test_a_card_that_goes_is_told_of() -> None:
    told: list[PhoneEvent] = []
    tell: list[Callable[[bool, str], None]] = []

    def opened(changed: Callable[[bool, str], None]) -> SilentDevice:
        tell.append(changed)
        return SilentDevice()

    phone = OwnEngine(EndpointConfig(), SoundOptions(card=opened), "agreed", False)
    phone.on_event = told.append
    await phone.start()
    try:
        for state in ((True, "a headset"), (False, "a headset: the card hears no more"), (True, "a headset")):
            await asyncio.to_thread(tell[0], *state)
        await until(lambda: len(told) == 2)
    finally:
        await phone.close()
    assert [(event.kind, event.text) for event in told] == [
        ("card", "sound: a headset: the card hears no more"),
        ("card", "sound: a headset"),
    ]
