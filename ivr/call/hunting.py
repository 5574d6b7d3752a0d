"""Whom a forward is to try, in the order of its targets."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from ivr.call.duplex import HALF_DUPLEX, all_bridgeable
from ivr.call.outcomes import Outcomes
from ivr.call.parties import ForwardHost
from ivr.call.services import Services
from ivr.call.targets import Destination
from ivr.errors import IvrError
from ivr.flow import ports

__all__ = ["hunted"]


def hunted(
    services: Services, host: ForwardHost, command: ports.Forward, outcomes: Outcomes
) -> deque[Sequence[Destination]]:
    """The destinations of each target that can be called: several are one phone's, which ring together. There are not
    more than `limits.forward_targets` in all; targets that cannot be called are noted in `outcomes`."""
    found: deque[Sequence[Destination]] = deque()
    now = services.clock()
    room = services.settings.limits.forward_targets
    for target in command.targets:
        try:
            destinations = services.directory.find(target, command.line, now)
        except IvrError as error:
            host.log.warning("forward: %s", error)
            outcomes.note("failed", target, error.sip_status, str(error))
            continue
        if not destinations:
            outcomes.note("no_answer", target, 480, "not registered")
            continue
        destinations = all_bridgeable(destinations, host.leg.policy, services.policies)
        if not destinations:
            host.log.warning("forward: %s", HALF_DUPLEX)
            outcomes.note("failed", target, None, HALF_DUPLEX)
        elif room > 0:
            found.append(destinations[:room])
            room -= len(destinations)
    return found
