"""Whether somebody can be called back on a number at all, judged before it is promised to him: as when he is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ivr.call.dialling import CALLING
from ivr.call.dials import party_of
from ivr.errors import IvrError
from ivr.flow.ports import NumberJudged
from ivr.guard import Dialler

if TYPE_CHECKING:
    from ivr.call.runner import FlowRunner
    from ivr.call.services import Services

__all__ = ["judge"]


def judge(services: Services, number: str, runner: FlowRunner, told: Callable[[bool], NumberJudged]) -> None:
    """Tell a flow, soon, whether its caller can be called back on a number. What passes does not count: a limit that is
    reached, a line that is down, hours of the policy."""

    def found(allowed: bool) -> None:
        runner.feed(told(allowed))
        services.flush()

    if _has_way(services, number, guest=runner.guest):
        services.outside.may_contact(party_of(number), found)
    else:
        found(False)


def _has_way(services: Services, number: str, *, guest: bool) -> bool:
    try:
        ways = services.directory.find(number, None, services.clock())
    except IvrError:
        return False
    dialler = Dialler("guest" if guest else "flow", flow=CALLING, written=False)
    numbers = [way.number for way in ways if way.number]
    if guest and (not ways or len(numbers) < len(ways)):
        # Phones of the house are no matter of the policy; but a guest chooses as little as elsewhere who is rung.
        numbers.append(number)
    verdicts = [services.outbound.policy.judge(each, dialler, is_open=True) for each in numbers]
    # Nobody is called back who is to send help.
    return all(verdict.allowed and not verdict.emergency for verdict in verdicts)
