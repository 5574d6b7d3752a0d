"""The phone's screen, driven by keys and clicks without a terminal."""

from __future__ import annotations

from dataclasses import replace

import pytest
from textual.pilot import Pilot
from textual.widgets import Button, Input, RichLog

from ivr.cli.phone.engine import CallView, PhoneView, Quality
from ivr.cli.phone.screen import PhoneApp
from ivr.cli.phone.widgets import CallPanel, Meter, QualityPanel, clock
from tests.cli.phone.fake import FakeEngine
from tests.cli.phone.picture import draw

STANDING = CallView(
    "answered", "100", "Reception", 83.0, heard=-12.0, said=-31.0, quality=Quality("pcma", True, 0.002, 3.1, 24.0, 4.36)
)


def text_of(app: PhoneApp, widget: type) -> str:
    return str(app.query_one(widget).render())


async def look(app: PhoneApp, pilot: Pilot[int]) -> None:
    """Have the screen show what is, whenever it would have done so by itself."""
    app.look()
    await pilot.pause()


def log_of(app: PhoneApp) -> str:
    return "\n".join(line.text for line in app.query_one("#messages", RichLog).lines)


async def test_a_call_from_the_first_key_to_the_last() -> None:
    engine = FakeEngine()
    app = PhoneApp(engine, way="info")
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("c")
        await pilot.press(*"100", "enter")
        assert engine.done == ["dial 100"]
        engine.view = CallView("ringing", "100")
        await look(app, pilot)
        assert "it rings there" in text_of(app, CallPanel)
        engine.view = STANDING
        engine.say("answered", "connected with 100")
        await look(app, pilot)
        assert "Reception" in text_of(app, CallPanel) and "1:23" in text_of(app, CallPanel)
        assert "PCMA encrypted  loss 0.2%  jitter 3 ms  RTT 24 ms  MOS 4.4" in text_of(app, QualityPanel)
        assert "-12 dB" in text_of(app, Meter)
        await pilot.press("1", "#", "h", "m")
        await pilot.click("#key-star")
        await pilot.click("#hold")
        engine.view = replace(STANDING, held_by_us=True, muted=True)
        await look(app, pilot)
        assert "on hold" in text_of(app, CallPanel) and "muted" in text_of(app, CallPanel)
        assert str(app.query_one("#hold", Button).label) == "Resume"
        await pilot.press("h", "m")
        await pilot.press("t", *"201", "enter", "s", "k", "x")
        assert engine.done[1:] == [
            "keys 1 info", "keys # info", "hold", "mute True", "keys * info", "hold", "resume", "mute False",
            "transfer 201", "swap", "connect", "hang up",
        ]  # fmt: skip
        assert "connected with 100" in log_of(app) and "pressed 1" in log_of(app)
        await pilot.press("q")
    assert engine.closed
    assert app.return_value == 0


async def test_an_incoming_call_is_taken_or_refused() -> None:
    engine = FakeEngine()
    app = PhoneApp(engine)
    async with app.run_test() as pilot:
        assert app.query_one("#answer", Button).disabled
        engine.view = CallView("incoming", "201", "Workshop")
        engine.say("incoming", "Workshop calls")
        await look(app, pilot)
        assert not app.query_one("#answer", Button).disabled
        assert str(app.query_one("#hang_up", Button).label) == "Refuse"
        await pilot.click("#answer")
        await pilot.press("a", "x")
        assert engine.done == ["answer", "answer", "reject 486"]


async def test_digits_that_are_typed_are_no_keys() -> None:
    engine = FakeEngine()
    app = PhoneApp(engine)
    async with app.run_test() as pilot:
        await pilot.press("c", "1", "2", "escape", "3")
        assert engine.done == ["keys 3 agreed"]
        assert app.query_one("#target", Input).value == "12"


async def test_what_cannot_be_done_is_told() -> None:
    engine = FakeEngine()
    engine.refuses = "there is no call"
    app = PhoneApp(engine, "100")
    async with app.run_test() as pilot:
        await pilot.press("h")
        await look(app, pilot)
        assert log_of(app).count("there is no call") == 2


async def test_keys_given_are_pressed_once_at_the_answer_and_the_call_ends_after_its_duration() -> None:
    engine = FakeEngine()
    app = PhoneApp(engine, "100", keys="12#", duration=0.05)
    async with app.run_test() as pilot:
        engine.view = STANDING
        engine.say("answered")
        engine.say("answered")
        await pilot.pause(0.2)
    assert engine.done[:2] == ["dial 100", "keys 12# agreed"]
    assert engine.done.count("hang up") == 2


async def test_a_phone_that_does_not_register_says_so() -> None:
    engine = FakeEngine()
    engine.starts = False
    engine.account = PhoneView("sip:[2001:db8::1]", False, "403 Forbidden [x]")
    app = PhoneApp(engine, "100")
    async with app.run_test() as pilot:
        await look(app, pilot)
        assert "403 Forbidden" in log_of(app)
    assert engine.done == []


@pytest.mark.parametrize("size", [(140, 50), (100, 36), (84, 28), (80, 24), (60, 40), (40, 16), (20, 8)])
async def test_every_size_shows_the_call_and_its_buttons(size: tuple[int, int]) -> None:
    engine = FakeEngine()
    engine.view = STANDING
    app = PhoneApp(engine)
    async with app.run_test(size=size) as pilot:
        await look(app, pilot)
        width, height = size
        wanted = ["call", "heard", "said"] + (["hang_up", "messages"] if height >= 16 else [])
        wanted += ["key-5"] if (width >= 84 and height >= 28) or height >= 38 else []
        for name in wanted:
            region = app.query_one(f"#{name}").region
            assert region.width > 0 and region.height > 0, name
            assert region.right <= width and region.y < height, name


async def test_a_picture_names_no_address() -> None:
    """Pictures for the documentation hold nothing that has to be fetched, once the font's address is taken out."""
    text = (await draw()).replace('xmlns="http://www.w3.org/2000/svg"', "").replace("https://www.textualize.io", "")
    assert "http" not in text and "Reception" in text.replace("&#160;", " ")


def test_times() -> None:
    assert [clock(seconds) for seconds in (0, 7.9, 83, 3723)] == ["0:00", "0:07", "1:23", "1:02:03"]


@pytest.mark.parametrize("level", [-90.0, -60.0, -30.0, -1.0, 3.0])
def test_meters_have_a_fixed_width(level: float) -> None:
    meter = Meter("heard", "heard")
    meter.set_reactive(Meter.level, level)
    assert len({len(str(meter.render())), 6 + 4 + 8}) == 1
