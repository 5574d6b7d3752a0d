"""Prompts made into sounds: what is wrong with one is an error of the prompt, never of the call."""

from __future__ import annotations

from pathlib import Path

import pytest

from ivr.call.sounds import SoundBook
from ivr.errors import PromptUnavailableError
from ivr.flow.ports import PromptSpec
from media import PromptStore

BAD = (
    PromptSpec("text", "hello", "no language"),
    PromptSpec("text", "hello", "en", None, 1000.0),
    PromptSpec("file", "../outside.wav"),
    PromptSpec("tone", "unknown"),
)


@pytest.mark.parametrize("prompt", BAD)
async def test_a_prompt_that_cannot_be_is_told_once_it_is_made(tmp_path: Path, prompt: PromptSpec) -> None:
    book = SoundBook(PromptStore(tmp_path / "cache", tmp_path), {})
    assert book.ready(prompt) is None
    with pytest.raises(PromptUnavailableError):
        await book.make(prompt)
