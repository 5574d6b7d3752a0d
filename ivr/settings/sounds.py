"""Sounds that callers of queues hear, and those of them that are nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ivr.settings.sections import Settings
from ivr.settings.waiting import Sound, WaitingStrategy

__all__ = ["queue_sounds", "sounds_without_file"]


def queue_sounds(settings: Settings) -> Iterator[tuple[str, Sound]]:
    """Each sound of a waiting strategy or a queue, with where it stands."""
    strategies = {f"waiting.{name}": strategy for name, strategy in settings.waiting.items()}
    for name, queue in settings.queues.items():
        if isinstance(queue.waiting, WaitingStrategy):
            strategies[f"queues.{name}.waiting"] = queue.waiting
        if queue.away is not None:
            yield f"queues.{name}.away", queue.away
    for where, strategy in strategies.items():
        for field in ("greeting", "music", "max_wait_message"):
            sound = getattr(strategy, field)
            if isinstance(sound, Sound):
                yield f"{where}.{field}", sound
        for index, sound in enumerate(strategy.announcements):
            yield f"{where}.announcements.{index}", sound


def sounds_without_file(settings: Settings, exists: Callable[[str], bool]) -> list[str]:
    """A sentence for each sound whose file is not in the prompts folder; `exists` says of a name whether it is."""
    return [
        f"{where}.file: there is no prompt file {sound.file}"
        for where, sound in queue_sounds(settings)
        if sound.file is not None and not exists(sound.file)
    ]
