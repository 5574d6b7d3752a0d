"""Draws the picture of the phone in docs/img: `python -m tests.cli.phone.picture docs/img/phone.svg`."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from ivr.cli.phone.engine import CallView, PhoneView, Quality
from ivr.cli.phone.screen import PhoneApp
from tests.cli.phone.fake import FakeEngine
from tests.kit.svg import self_contained


async def draw(size: tuple[int, int] = (100, 33)) -> str:
    """A phone in the middle of a call, as SVG that fetches no font."""
    engine = FakeEngine()
    engine.account = PhoneView("sip:200@127.0.0.1", True)
    engine.view = CallView(
        "answered",
        "100",
        "Reception",
        83.0,
        heard=-14.0,
        said=-29.0,
        quality=Quality("pcma", False, 0.0, 2.4, 3.0, 4.38),
    )
    app = PhoneApp(engine)
    async with app.run_test(size=size) as pilot:
        for kind, text in (
            ("registered", "registered as 200 at 127.0.0.1"),
            ("calling", "calling sip:100@127.0.0.1"),
            ("ringing", "it rings at 100"),
            ("answered", "connected with 100"),
        ):
            engine.say(kind, text)
        await pilot.press("1")
        await pilot.pause(0.3)
        picture = app.export_screenshot(title="ivr phone sip:100@127.0.0.1", simplify=True)
    return self_contained(picture)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(asyncio.run(draw()))
