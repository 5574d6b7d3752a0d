"""What is to be said of flows that are in no folder yet, beside those that are in force."""

from __future__ import annotations

from collections.abc import Iterable

from ivr.errors import FlowLoadError
from ivr.flow import join_flows, parse_flow
from ivr.flow.custom import ElementTypes
from ivr.flow.lint import Finding, World, check_flows, finding_of
from ivr.flow.lint.targets import SECTIONS
from ivr.flow.model import Flow
from ivr.flow.sim import QueueBook
from ivr.settings import DEFAULT_QUEUE, Settings

__all__ = ["check_text", "world_of"]


def world_of(settings: Settings, *, live: bool = False) -> World:
    """What a configuration lets flows name; `live`: with all that was made over HTTP."""
    folder = settings.prompts

    def exists(name: str) -> bool:
        return (folder / name).is_file()

    return World(
        exists,
        settings.lines,
        settings.phones,
        settings.agents,
        {section: getattr(settings, section) for section in SECTIONS},
        settings.settings,
        queues=QueueBook(settings.queues, settings.waiting),
        staffed=_staffed(settings),
        routed=_routed(settings),
        half_duplex=[name for name, line in settings.lines.items() if not line.full_duplex],
        live=live,
    )


def _staffed(settings: Settings) -> frozenset[str] | None:
    """Queues that an agent works in; None: there are no agents yet."""
    if not settings.agents:
        return None
    named = {queue for agent in settings.agents.values() if agent.enabled for queue in agent.queues}
    return frozenset(named | {name for name, queue in settings.queues.items() if queue.all} | {"default"})


def _routed(settings: Settings) -> frozenset[str]:
    """Queues that routes lead to: as far as the first that matches every call, else `default`, too."""
    found: list[str] = []
    for route in settings.routes:
        if route.enabled:
            found.append(route.queue)
            if not route.when:
                return frozenset(found)
    return frozenset((*found, DEFAULT_QUEUE))


def check_text(
    settings: Settings, types: ElementTypes, name: str, text: str, others: Iterable[Flow], *, live: bool = False
) -> list[Finding]:
    """What `ivr check` says of the text of a flow that stands, under its name, beside others; `live`: the settings have
    all that was made over HTTP. Takes up to a second."""
    try:
        flow = parse_flow(text, name, None, settings.limits, types)
        flows = [*(other for other in others if other.name != name), flow]
        join_flows(flows, complete=True)
    except FlowLoadError as error:
        return [finding_of(fault) for fault in error.faults]
    return list(check_flows(flows, world_of(settings, live=live), [name])[name])
