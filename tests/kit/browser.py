"""A browser of the tests' own: Chromium without a screen, driven over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import shutil
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

__all__ = ["CHROMIUM", "Browser", "browser"]

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
START_SECONDS = 30.0
ANSWER_SECONDS = 20.0
LOOK_SECONDS = 0.05
OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--autoplay-policy=no-user-gesture-required",
    "--hide-scrollbars",
    "--lang=en-GB",
    "--remote-debugging-port=0",
)


class Browser:
    """One page. `faults` are errors of its scripts, and what its policy did not let happen."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._session: str | None = None
        self.faults: list[str] = []

    async def read(self) -> None:
        """Take in what the browser says, until it is gone."""
        async for message in self._socket:
            told = message.json()
            answer = self._answers.pop(told.get("id", 0), None)
            if answer is not None and not answer.done():
                answer.set_result(told)
            elif told.get("method") == "Runtime.exceptionThrown":
                self.faults.append(str(told["params"]["exceptionDetails"].get("exception", {}).get("description")))
            elif told.get("method") == "Log.entryAdded" and told["params"]["entry"]["level"] == "error":
                entry = told["params"]["entry"]
                self.faults.append(f"{entry['text']} {entry.get('url', '')}")

    async def command(self, method: str, **fields: Any) -> dict[str, Any]:
        """One command of the protocol, and its result."""
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        session = {} if self._session is None else {"sessionId": self._session}
        await self._socket.send_json({"id": number, "method": method, "params": fields, **session})
        told = await asyncio.wait_for(answer, ANSWER_SECONDS)
        assert "error" not in told, f"{method}: {told['error']}"
        found: dict[str, Any] = told["result"]
        return found

    async def begin(self) -> None:
        """Open the page."""
        target = await self.command("Target.createTarget", url="about:blank")
        attached = await self.command("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log"):
            await self.command(f"{domain}.enable")
        await self.size(1200, 800)

    async def size(self, width: int, height: int, *, dark: bool = False) -> None:
        """What is seen of the page, in pixels."""
        await self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.command("Emulation.setEmulatedMedia", features=[scheme])

    async def go(self, url: str) -> None:
        """To an address."""
        await self.command("Page.navigate", url=url)

    async def run(self, script: str) -> Any:
        """The value of an expression of JavaScript."""
        told = await self.command("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    async def until(self, script: str, seconds: float = 30.0) -> None:
        """Wait until an expression is true."""
        end = asyncio.get_running_loop().time() + seconds
        while not await self.run(f"Boolean({script})"):
            seen = await self.run("document.body?.innerText")
            assert asyncio.get_running_loop().time() < end, f"never true: {script}\n{seen}"
            await asyncio.sleep(LOOK_SECONDS)

    async def sees(self, text: str, seconds: float = 30.0) -> None:
        """Wait until the page shows a text."""
        await self.until(f"document.body?.innerText.includes({text!r})", seconds)

    async def click(self, label: str) -> None:
        """The button or link of a name."""
        find = f"[...document.querySelectorAll('button,a')].find((e) => e.innerText.trim().startsWith({label!r}))"
        await self.until(find)
        await self.run(f"{find}.click()")

    async def press(self, label: str, seconds: float = 0.12) -> None:
        """The mouse, held down for a while, on the button of a name: what is put in its place meanwhile is not hit."""
        find = f"[...document.querySelectorAll('button')].find((e) => e.innerText.trim().startsWith({label!r}))"
        await self.until(find)
        place = (
            f"(() => {{ const b = {find}.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})()"
        )
        x, y = await self.run(place)
        mouse = {"x": x, "y": y, "button": "left", "clickCount": 1}
        await self.command("Input.dispatchMouseEvent", type="mousePressed", **mouse)
        await asyncio.sleep(seconds)
        await self.command("Input.dispatchMouseEvent", type="mouseReleased", **mouse)

    async def write(self, selector: str, text: str) -> None:
        """Into a field."""
        await self.run(
            f"(() => {{ const e = document.querySelector({selector!r}); e.focus(); e.value = {text!r};"
            " for (const name of ['input', 'change']) e.dispatchEvent(new Event(name, {bubbles: true})); })()"
        )

    async def picture(self, path: Path) -> None:
        """Keep what is seen, as PNG."""
        told = await self.command("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(told["data"]))


@contextlib.asynccontextmanager
async def browser(folder: Path) -> AsyncIterator[Browser]:
    """A browser whose profile is in `folder`."""
    assert CHROMIUM is not None
    port = folder / "DevToolsActivePort"
    port.unlink(missing_ok=True)  # of a browser that had this profile before
    process = await asyncio.create_subprocess_exec(
        CHROMIUM,
        *OPTIONS,
        f"--user-data-dir={folder}",
        start_new_session=True,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        end = asyncio.get_running_loop().time() + START_SECONDS
        while not port.is_file() or len(port.read_text().splitlines()) < 2:
            assert process.returncode is None, f"chromium ended with {process.returncode}"
            assert asyncio.get_running_loop().time() < end, "chromium does not start"
            await asyncio.sleep(LOOK_SECONDS)
        number, way = port.read_text().splitlines()[:2]
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(f"ws://127.0.0.1:{number}{way}", max_msg_size=64 * 2**20) as socket,
        ):
            page = Browser(socket)
            reading = asyncio.create_task(page.read())
            try:
                await page.begin()
                yield page
            finally:
                reading.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await reading
    finally:
        # Its helpers too, which write into the profile until they are gone.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
