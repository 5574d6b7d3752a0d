"""What the sections of the contact centre say of one another and of phones and calendars."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ivr.settings.center import DEFAULT_QUEUE, STATUS_GROUPS, Queue

if TYPE_CHECKING:
    from ivr.settings.sections import Settings

__all__ = ["Mismatch", "center_mismatches", "with_default"]

MAX_NAMED = 20
"""Names that a sentence lists."""

_CODE = re.compile(r"\d{1,12}|scrypt\$[0-9a-f]{32}\$[0-9a-f]{64}", re.ASCII)
"""Digits, or the hash of them that the store has of agents who were made over HTTP."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something named that is not there, or named twice."""

    path: tuple[str | int, ...]
    """Where."""
    text: str
    """What is wrong."""
    found: str | None = None
    """What stands there; None where it is secret."""
    expected: str | None = None
    """What could stand there."""


def with_default(queues: dict[str, Queue]) -> dict[str, Queue]:
    """The queues with `default`, which has all agents whatever it says."""
    default = queues.get(DEFAULT_QUEUE, Queue())
    return {**queues, DEFAULT_QUEUE: default if default.all else default.model_copy(update={"all": True})}


def center_mismatches(settings: Settings) -> Iterator[Mismatch]:
    """All that do not fit."""
    queues, calendars, strategies = settings.queues, settings.calendars, settings.waiting
    for name, agent in settings.agents.items():
        for index, queue in enumerate(agent.queues):
            yield from _there(("agents", name, "queues", index), queue, queues, "queue")
        for index, phone in enumerate(agent.phones):
            if not phone.startswith(("tel:", "sip:", "sips:")):
                yield from _there(("agents", name, "phones", index), phone, settings.phones, "phone")
        if agent.code is not None and not _CODE.fullmatch(agent.code.get_secret_value()):
            yield Mismatch(("agents", name, "code"), "not a code", None, "1 to 12 digits")
    yield from _twice(
        ((("agents", name, "phones", index), phone, name))
        for name, agent in settings.agents.items()
        for index, phone in enumerate(agent.phones)
    )
    yield from _twice(
        (
            (("agents", name, "code"), agent.code.get_secret_value(), name)
            for name, agent in settings.agents.items()
            if agent.code is not None
        ),
        secret=True,
    )
    for name, queue_settings in queues.items():
        if queue_settings.hours is not None:
            yield from _there(("queues", name, "hours"), queue_settings.hours, calendars, "calendar")
        if isinstance(queue_settings.waiting, str):
            yield from _there(("queues", name, "waiting"), queue_settings.waiting, strategies, "waiting strategy")
    for index, route in enumerate(settings.routes):
        yield from _there(("routes", index, "queue"), route.queue, queues, "queue")
    for name in settings.statuses.keys() & set(STATUS_GROUPS):
        yield Mismatch(("statuses", name), "this status is there already", name, "another name")
    for name, disposition in settings.dispositions.items():
        for index, queue in enumerate(disposition.queues):
            yield from _there(("dispositions", name, "queues", index), queue, queues, "queue")
    for section in ("statuses", "dispositions"):
        named: Mapping[str, Any] = getattr(settings, section)
        yield from _twice(
            ((section, name, "code"), each.code, name) for name, each in named.items() if each.code is not None
        )


def _there(path: tuple[str | int, ...], name: str, known: Mapping[str, Any], what: str) -> Iterator[Mismatch]:
    if name not in known:
        yield Mismatch(path, f"there is no such {what}", name, _listed(known))


def _listed(known: Iterable[str]) -> str:
    names = list(known)
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return (", ".join(names[:MAX_NAMED]) + more) or "none is configured"


def _twice(given: Iterable[tuple[tuple[str | int, ...], str, str]], *, secret: bool = False) -> Iterator[Mismatch]:
    """(where, what, whose): what two have, or one has twice."""
    owners: dict[str, str] = {}
    for path, value, owner in given:
        if value in owners:
            whose = "somebody else" if secret else owners[value]  # whoever learns whose a code is can use it
            yield Mismatch(path, f"{whose} has this already", None if secret else value, "each has his own")
        owners.setdefault(value, owner)
