"""The console's page in a real browser, at a house that does what the tests say."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
import wave
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from ivr.store import Store
from tests.conftest import free_port
from tests.kit.browser import CHROMIUM, Browser, browser
from tests.kit.console_house import ConsoleHouse, console_house

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (Debian: chromium)")

MARKUP = "<img src=x onerror='window.broken=1'><script>window.broken=1</script>Eve"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store.open(f"sqlite:///{tmp_path}/ivr.db")
    yield found
    found.close()


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser(tmp_path / "profile") as found:
        yield found


async def open_page(page: Browser, house: ConsoleHouse, where: str = "calls", token: str = "") -> None:
    """The console, live; with a token it is signed in."""
    await page.go(f"{house.url}/console/icon.svg")
    await page.until(f"location.href.startsWith({house.url!r}) && document.readyState === 'complete'")
    await page.run(f"sessionStorage.setItem('ivr.token', {token!r})" if token else "sessionStorage.clear()")
    await page.go(f"{house.url}/console/#{where}")
    await page.until("document.querySelector('#live.on') && !document.querySelector('.loading')", 30)


def unexpected(page: Browser) -> list[str]:
    """What went wrong, but for refused requests and a house that was away."""
    return [fault for fault in page.faults if not any(each in fault for each in ("401", "403", "404", "ERR_"))]


async def test_what_is_pure(store: Store, page: Browser) -> None:
    async with console_house(store) as house:
        await open_page(page, house)

        async def told(module: str, script: str) -> Any:
            return json.loads(await page.run(f"import('./{module}.js').then((m) => JSON.stringify({script}))"))

        assert await told("dom", "[0, 61.9, 3600, -1, null].map(m.clock)") == ["0:00", "1:01", "1:00:00", "0:00", ""]
        condition = "m.condition({now: {status: 'lunch', group: 'away', phase: 'idle'}}).word"
        assert await told("words", condition) == "Lunch"
        away = "m.condition({now: {status: 'available', group: 'available', phase: 'idle', reachable: false}})"
        assert (await told("words", away))["word"] == "No phone"

        # A wait becomes too long while nothing is told.
        late = (
            "(() => { const t = m.counting(m.now() - 19, {}, 20); document.body.append(t);"
            " const seen = []; const look = () => { m.tick(); seen.push(t.matches('.late'), t.title); };"
            " look(); t.dataset.since -= 2; look(); t.dataset.since = m.now(); look(); t.remove(); return seen; })()"
        )
        assert await told("dom", late) == [False, "", True, "longer than the queue aims at", False, ""]

        # Events in pieces, wherever they are cut.
        stream = 'id: r-1\nevent: call.ended\ndata: {"a":\ndata: 1}\n\n:\nid: r-2\n\n'
        pieces = (
            f"(async () => {{ const text = {stream!r}; const found = [];"
            " const body = new ReadableStream({start(c) { for (const b of new TextEncoder().encode(text))"
            " c.enqueue(new Uint8Array([b])); c.close(); }});"
            " for await (const each of m.messages(body)) found.push(...each); return JSON.stringify(found); })()"
        )
        found = json.loads(await page.run(f"import('./api.js').then((m) => {pieces})"))
        assert found == [
            {"event": "call.ended", "id": "r-1", "data": '{"a":\n1}'},
            {"event": "message", "id": "r-2", "data": ""},
        ]

        # A call from its events alone; events of calls that are over already change nothing.
        calls = (
            "(() => { const calls = new Map();"
            " const tell = (type, data, at = 5) => m.follow(calls, type, {call: 'a', at, data});"
            " tell('call.element', {flow: 'f', element: 'x'}); tell('call.started', {from: '1', to: '2', flow: 'f'});"
            " tell('call.answered', {}, 7); tell('call.element', {flow: 'g', element: 'y', type: 'play'});"
            " const seen = {...calls.get('a')}; tell('call.ended', {}); return [seen, calls.size]; })()"
        )
        seen, left = await told("data", calls)
        assert left == 0
        assert (seen["caller"], seen["answered_at"], seen["element"], seen["element_flow"]) == ("1", 7, "y", "g")

        # What is drawn anew leaves alone what is the same: the field that is typed into, rows by their keys.
        kept = (
            "(() => { const {h, show} = m; const at = document.createElement('div'); document.body.append(at);"
            " const rows = (...keys) => keys.map((key) => h('p', {key}, h('input', {}), key));"
            " show(at, rows('a', 'b', 'c')); const field = at.children[1].firstChild;"
            " field.focus(); field.value = 'typed';"
            " show(at, rows('x', 'b', 'y')); const same = document.activeElement === field && field.value === 'typed';"
            " const texts = [...at.children].map((each) => each.textContent); at.remove(); return [same, texts]; })()"
        )
        assert await told("dom", kept) == [True, ["x", "b", "y"]]
        assert unexpected(page) == []


async def test_markup_is_text_and_events_are_enough(store: Store, page: Browser, tmp_path: Path) -> None:
    async with console_house(store) as house:
        anna = house.agent("anna", shown=MARKUP, title=MARKUP, phase="in_call", caller="c1", queue="sales")
        anna["missed"] = [{"at": 1.0, "call": "c0", "short_id": 4711, "queue": MARKUP, "reason": "no_answer"}]
        house.queue("sales", shown=MARKUP, waiting=2)
        house.call("c1", 17, caller=MARKUP, called=MARKUP, line=MARKUP, flow=MARKUP, element=MARKUP, flow_number=None)
        house.paths["c1"] = [{"element": MARKUP, "type": MARKUP, "flow": MARKUP, "entered_at": 1.0, "branch": MARKUP}]
        packet = {
            "call": {"short_id": 17, "from": MARKUP}, "origin": MARKUP, "tags": [MARKUP], "variables": {MARKUP: MARKUP},
            "profile": {"name": MARKUP, MARKUP: [MARKUP]}, "ai": {"agent": MARKUP, "summary": MARKUP, "transcript": [
                {"role": MARKUP, "text": MARKUP}]}, "waits": [{"queue": MARKUP, "seconds": 3, "outcome": MARKUP}],
            "inputs": [{"element": MARKUP, "digits": MARKUP}], "path": [{"element": MARKUP, "branch": MARKUP}],
        }  # fmt: skip
        house.pops["anna"] = {"call": "c1", "queue": MARKUP, "state": "talking", "waited": 3.0, "packet": packet}
        house.recordings = [
            {"id": "r", "call_id": "c1", "kind": MARKUP, "name": MARKUP, "started_at": 1.0, "seconds": 3.0}
        ]
        manager = house.token("manager", name=MARKUP)
        await open_page(page, house, token=manager)
        for where in ("calls", "calls/c1", "queues", "desk/anna", "recordings"):
            await page.run(f"location.hash = {'#' + where!r}")
            await page.until(f"location.hash === {'#' + where!r} && document.querySelector('main h1')")
            await page.sees("onerror='window.broken=1'")
            if where == "desk/anna":
                await page.sees("call 4711")
        assert await page.run("window.broken") is None
        assert await page.run("document.querySelectorAll('main img, main script').length") == 0

        # From here on the page is told by events, and does not ask.
        await page.run("location.hash = '#calls'")
        await page.until("document.querySelectorAll('tr.link').length === 1")
        asked = house.asked.count("/v1/calls")
        house.tell("call.started", "c9", short_id=99, **{"from": "+499", "to": "100", "flow": "desk"})
        await page.sees("+499")
        house.tell("call.element", "c9", short_id=99, flow="desk", element="menu_two", type="collect")
        await page.sees("menu_two")
        house.tell("call.ended", "c9", short_id=99)
        await page.until("!document.body.innerText.includes('+499')")
        assert house.asked.count("/v1/calls") == asked

        # Of a call that has begun unseen the first word is that it rings for somebody.
        house.call("c7", 77, caller="+497", queue="sales")
        house.tell("agent.offered", "c7", agent="anna", queue="sales")
        await page.sees("+497")
        del house.calls["c7"]
        house.tell("agent.missed", "c7", agent="anna", queue="sales")
        await page.until("!document.body.innerText.includes('+497')")

        await page.run("location.hash = '#queues'")
        await page.until("document.querySelectorAll('.waiting li').length === 2")
        house.queue("sales", shown=MARKUP, waiting=1)
        house.tell("queue.left", "sales-1", queue="sales")
        await page.until("document.querySelectorAll('.waiting li').length === 1")

        # What cannot be taken back is asked for.
        await page.run("location.hash = '#calls/c1'")
        await page.click("Hang up…")
        assert house.done.empty()
        await page.run("document.querySelector('#asking [type=submit]').click()")
        await page.until("!document.querySelector('#asking').open")
        assert house.done.get_nowait() == ("/v1/calls/c1/hangup", {})
        await page.click("Move…")
        await page.run("document.querySelector('#asking [type=submit]').click()")
        await page.until("!document.querySelector('#asking').open")
        assert house.done.get_nowait() == ("/v1/calls/c1/transfer", {"queue": "sales"})
        assert unexpected(page) == []


async def test_the_daemon_goes_and_comes_and_tokens_end(store: Store, page: Browser) -> None:
    port = free_port()
    async with console_house(store, port) as house:
        house.agent("anna")
        await open_page(page, house, "desk/anna", house.token("agent", agent="anna", name="anna"))
        await page.sees("No call")
        assert await page.run("document.querySelector('nav a[data-page=recordings]').hidden")
    await page.sees("The daemon does not answer", 30)
    async with console_house(store, port) as house:
        house.agent("anna", phase="wrapping", wrap_up_left=50.0, queue="sales")
        house.dispositions = [{"id": "sold", "name": "Sold", "queues": ["sales"]}]
        await page.sees("How did it end?", 30)  # the new one is asked for all of it
        await page.until("document.querySelector('#bar').hidden")
        await page.until("document.querySelector('time[data-until]').innerText < '0:50'")
        await page.click("Sold")
        async with asyncio.timeout(20):
            assert await house.done.get() == ("/v1/agents/anna/disposition", {"disposition": "sold"})

        # A token that was taken back: the page says so, and asks no more with it.
        store.tokens.remove("anna")
        house.open = False
        await page.click("Away")
        await page.sees("has expired or was taken back")
        assert await page.run("sessionStorage.getItem('ivr.token')") is None
        assert unexpected(page) == []


async def test_buttons_and_fields_work_while_events_come(store: Store, page: Browser) -> None:
    async with console_house(store) as house:
        anna = house.agent("anna")
        for at in range(20):
            house.call(f"c{at}", at)

        async def happen() -> None:
            for at in itertools.count():
                anna["now"]["today"]["answered"] = at
                house.tell("agent.status", agent="anna", status="available", group="available", phase="idle", queue="")
                house.tell("call.element", f"c{at % 20}", flow="desk", element=f"step-{at}", type="play")
                await asyncio.sleep(0.05)

        await open_page(page, house, "desk", house.token("agent", agent="anna", name="anna"))
        await page.sees("No call")
        happening = asyncio.create_task(happen())
        try:
            for label in ("Away", "Busy", "Away", "Busy"):
                await page.press(label)
                async with asyncio.timeout(20):
                    _, body = await house.done.get()
                assert body == {"status": label.lower()}
            await page.run("location.hash = '#calls'")
            await page.run("document.querySelector('main input').focus()")
            await page.command("Input.insertText", text="nobody ")
            await page.sees("Nothing found")
            await page.command("Input.insertText", text="at all")
            assert await page.run("document.activeElement.value") == "nobody at all"
            # Drawn while they come, not when they end.
            await page.run("location.hash = '#calls/%zz'")
            await page.sees("There is no such")
            await page.run("location.hash = '#desk'")
            before = await page.run("document.querySelector('.figures dd').innerText")
            await page.until(f"document.querySelector('.figures dd').innerText !== {before!r}")
        finally:
            happening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await happening
        assert unexpected(page) == []


async def test_recordings_are_heard_by_parts(store: Store, page: Browser, tmp_path: Path) -> None:
    house_sound = tmp_path / "long.wav"
    with wave.open(str(house_sound), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(bytes(16000 * 300))
    async with console_house(store) as house:
        house.sound = house_sound
        house.recordings = [
            {"id": f"r{at}", "call_id": f"c{at}", "kind": "call", "name": f"call-{at}", "started_at": 1e9 - at}
            for at in range(120)
        ]
        house.call("c7", 7)
        house.queue("default")
        await open_page(page, house, "recordings", house.token("manager"))
        await page.until("document.querySelectorAll('tbody tr').length === 50")
        await page.click("Older ones")
        await page.until("document.querySelectorAll('tbody tr').length === 100")
        await page.click("Listen")
        await page.until("document.querySelector('audio')?.duration > 299", 30)
        await page.run("document.querySelector('audio').currentTime = 250")
        await page.until(
            "document.querySelector('audio').currentTime >= 250 && !document.querySelector('audio').seeking"
        )
        parts = [each.partition(" ")[2] for each in house.asked if each.startswith("/v1/recordings/r0/audio")]
        assert parts and all(part.startswith("bytes=") for part in parts), "it was not asked for by parts"
        # What plays is left alone while others come and go.
        await page.run("window.playing = document.querySelector('audio')")
        house.recordings.insert(0, {**house.recordings[0], "id": "new", "name": "call-new", "started_at": 2e9})
        house.tell("recording.ready", "c0", id="new", kind="call", name="call-new", seconds=3.0)
        await page.sees("call-new")
        assert await page.run("document.querySelector('audio') === window.playing && window.playing.currentTime >= 250")

        await page.write("[name=call]", "7")
        await page.click("Find")
        await page.until("location.hash === '#recordings/7' && document.querySelectorAll('tbody tr').length === 1")
        assert unexpected(page) == []


@pytest.mark.heavy
async def test_a_flood_of_events_does_not_hang_the_page(store: Store, page: Browser) -> None:
    seconds, rate = 5, 1000
    async with console_house(store) as house:
        for at in range(200):
            house.agent(f"a{at}")
        for at in range(20):
            house.queue(f"q{at}", waiting=5)
        for at in range(300):
            house.call(f"c{at}", at)
        await open_page(page, house, "queues")
        await page.until("document.querySelectorAll('tbody tr').length === 200")
        watch = (
            "window.gaps = []; { let last = performance.now();"
            " const look = (now) => { window.gaps.push(now - last); last = now; requestAnimationFrame(look); };"
            " requestAnimationFrame(look); } 0"
        )
        await page.run(watch)
        before, begun = len(house.asked), time.monotonic()
        for at in range(seconds * rate):
            agent = {"agent": f"a{at % 200}", "status": "available", "group": "available", "queue": f"q{at % 20}"}
            match at % 4:
                case 0:
                    house.tell("agent.status", f"c{at % 300}", **agent, phase="in_call" if at % 8 else "idle")
                case 1:
                    house.tell("queue.joined", f"c{at % 300}", queue=f"q{at % 20}", position=3, short_id=at)
                case 2:
                    house.tell("call.element", f"c{at % 300}", short_id=at, flow="desk", element=f"e{at}", type="play")
                case 3:
                    house.tell("call.started", f"n{at}", short_id=at, **{"from": "1", "to": "2", "flow": "desk"})
            if at % 20 == 19:
                await asyncio.sleep(max(0.0, begun + (at + 1) / rate - time.monotonic()))
        house.tell("call.started", "last", short_id=77777, **{"from": "+4977", "to": "100", "flow": "desk"})
        await page.run("location.hash = '#calls'")
        await page.sees("77777", 20)
        took = time.monotonic() - begun
        gaps = sorted(json.loads(await page.run("JSON.stringify(window.gaps)")))
        asked = len(house.asked) - before
        print(f"{seconds * rate} events in {took:.1f} s, a frame at least every {gaps[-1]:.0f} ms, {asked} requests")
        assert asked < took * 40, "the page asks again for each event"
        assert gaps[-1] < 2000
        assert unexpected(page) == []
