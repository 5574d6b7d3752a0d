from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from media.face import Sound
from media.prompts import PromptError, PromptStore
from media.prompts.cache import SoundCache, content_key
from media.prompts.fetch import Fetched, Validators
from media.prompts.urls import UrlPrompts
from tests.media.prompts.test_fetch import BadServer, server

__all__ = ["server"]

URL = "http://prompts.example/menu.wav"


class Origin:
    """A server by script: takes the place of the fetcher."""

    def __init__(self) -> None:
        self.content: bytes | None = b"one"
        self.max_age: float | None = None
        self.asked: list[Validators | None] = []
        self.gate = asyncio.Event()
        self.gate.set()

    def close(self) -> None:
        """Nothing is held."""

    async def fetch(self, url: str, validators: Validators | None = None) -> Fetched:
        self.asked.append(validators)
        await self.gate.wait()
        if self.content is None:
            raise PromptError("http://prompts.example/menu.wav: status 500 (expected 200)")
        etag = f'"{self.content.decode()}"'
        unchanged = validators is not None and validators.etag == etag
        return Fetched(None if unchanged else self.content, Validators(etag), self.max_age)


class Setup:
    """URL prompts over an origin, with a clock; the sound of a body is its bytes."""

    def __init__(self, folder: Path) -> None:
        self.now = 2_000_000_000.0
        self.origin = Origin()
        self.cache = SoundCache(folder, 10**6, lambda: self.now)
        self.cache.open()
        self.urls = self.fresh()

    def fresh(self) -> UrlPrompts:
        return UrlPrompts(self.cache, self.origin, self.decode, 10, lambda: self.now)  # type: ignore[arg-type]

    async def decode(self, body: bytes, name: str) -> tuple[str, Sound]:
        if body == b"broken":
            raise PromptError(f"{name}: not a sound")
        unfinished = self.cache.temporary()
        unfinished.write_bytes(body * 2)
        key = content_key(body.decode())
        return key, self.cache.add(key, unfinished)

    async def heard(self) -> str:
        sound = await self.urls.get(URL)
        return sound.path.read_bytes().decode()[: sound.samples]


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path)


async def test_a_copy_is_fresh_for_a_minute(setup: Setup) -> None:
    assert setup.urls.cached(URL) is None
    assert await setup.heard() == "one"
    assert setup.urls.cached(URL) is not None
    setup.now += 59
    assert await setup.heard() == "one"
    assert len(setup.origin.asked) == 1


@pytest.mark.parametrize(("max_age", "fresh"), [(0.0, 1.0), (300.0, 300.0), (1e9, 86400.0)])
async def test_the_server_says_how_long_within_bounds(setup: Setup, max_age: float, fresh: float) -> None:
    setup.origin.max_age = max_age
    await setup.heard()
    setup.now += fresh - 0.5
    assert setup.urls.cached(URL) is not None
    setup.now += 1
    assert setup.urls.cached(URL) is None


async def test_an_unchanged_prompt_is_not_sent_again(setup: Setup) -> None:
    await setup.heard()
    setup.now += 61
    assert await setup.heard() == "one"
    assert setup.origin.asked == [None, Validators('"one"')]


async def test_a_changed_prompt_is_heard(setup: Setup) -> None:
    await setup.heard()
    setup.origin.content = b"two"
    setup.now += 61
    assert await setup.heard() == "two"


async def test_a_failing_server_does_no_harm_to_a_copy(setup: Setup) -> None:
    await setup.heard()
    setup.now += 61
    for content in (None, b"broken"):
        setup.origin.content = content
        assert await setup.heard() == "one"
        asked = len(setup.origin.asked)
        assert await setup.heard() == "one"
        assert len(setup.origin.asked) == asked
        setup.now += 31


async def test_without_a_copy_the_failure_is_told(setup: Setup) -> None:
    setup.origin.content = None
    with pytest.raises(PromptError, match="status 500"):
        await setup.heard()


async def test_a_slow_server_keeps_nobody_waiting_who_can_hear_the_copy(
    setup: Setup, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.prompts.urls.PATIENCE_SECONDS", 0.0)
    await setup.heard()
    setup.now += 61
    setup.origin.gate.clear()
    setup.origin.content = b"two"
    assert await asyncio.gather(*(setup.heard() for _ in range(5))) == ["one"] * 5
    assert len(setup.origin.asked) == 2
    setup.origin.gate.set()
    await asyncio.gather(*setup.urls._asking.values())
    assert await setup.heard() == "two"
    setup.origin.gate.clear()
    setup.now += 61
    assert await setup.heard() == "two"
    await setup.urls.close()


async def test_a_restart_keeps_copies_and_validators(setup: Setup) -> None:
    await setup.heard()
    setup.urls = setup.fresh()
    assert await setup.heard() == "one"
    assert len(setup.origin.asked) == 1
    setup.now += 61
    setup.urls = setup.fresh()
    assert await setup.heard() == "one"
    assert setup.origin.asked[-1] == Validators('"one"')


async def test_damaged_notes_are_ignored(setup: Setup) -> None:
    await setup.heard()
    for note in (setup.cache.folder / "urls").iterdir():
        note.write_text('{"key": 1')
    setup.urls = setup.fresh()
    assert await setup.heard() == "one"
    assert len(setup.origin.asked) == 2


async def test_a_copy_dropped_from_the_cache_is_fetched_whole(setup: Setup) -> None:
    await setup.heard()
    for sound in setup.cache.folder.rglob("*.s16"):
        sound.unlink()
    assert setup.urls.cached(URL) is None
    assert await setup.heard() == "one"
    assert setup.origin.asked == [None, None]


async def test_what_is_no_sound_is_said_with_its_address(store: PromptStore, server: BadServer) -> None:
    with pytest.raises(PromptError, match=r"http://127\.0\.0\.1:\d+/ok: not a sound file"):
        await store.url(f"http://127.0.0.1:{server.port}/ok?token=1")
