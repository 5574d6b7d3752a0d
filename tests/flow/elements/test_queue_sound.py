"""What is known beforehand of what callers in queues hear."""

from __future__ import annotations

from pathlib import Path

from ivr.flow.elements.queue_sound import prompts_of
from ivr.flow.ports import PromptSpec
from ivr.flow.spoken import Languages
from ivr.settings import parse_settings

SETTINGS = """
queues:
  sales: {waiting: calm, away: {text: "Zu.", language: de}}
  support: {waiting: {greeting: {file: hello.wav}, music: {file: hold.wav}}}
waiting:
  calm: {greeting: Hello., announcements: [{every: 20s, text: Wait.}], max_wait_message: Hello.}
"""


def test_each_prompt_is_made_once() -> None:
    found = prompts_of(parse_settings(SETTINGS, Path("/etc/ivr/ivr.yaml"), {}), Languages())
    assert sorted(found, key=lambda prompt: prompt.value) == [
        PromptSpec("text", "Hello."),
        PromptSpec("text", "Wait."),
        PromptSpec("text", "Zu.", "de"),
        PromptSpec("file", "hello.wav"),
        PromptSpec("file", "hold.wav"),
    ]
