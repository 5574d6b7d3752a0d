"""The flow of a code that an agent dials, on the machine that runs live calls."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from ivr.center.dialled import code_flow
from ivr.flow import FlowSet, Machine, ports
from ivr.settings import TELEPHONE_ACTIONS, Limits, TelephoneAction

CALL = ports.CallInfo("c1", "200", "*11", datetime(2026, 3, 2, 9, tzinfo=UTC), "inbound", line="phones", short_id=7)


class Talk:
    """Runs it, and answers codes as a test says."""

    def __init__(self, action: TelephoneAction, answer: Callable[[str], ports.AgentCodeDone]) -> None:
        flow = code_flow(action)
        self.machine = Machine(flow, FlowSet({}), CALL, {}, Limits())
        self.answer, self.now = answer, 0.0
        self.said: list[str] = []
        self.asked: list[str] = []
        self.ended = False
        self.machine.start(flow.entries[0], self.now)
        self.turn()

    def turn(self) -> None:
        while commands := self.machine.commands():
            for command in commands:
                match command:
                    case ports.Play(id=number, prompts=prompts):
                        self.said += [prompt.value for prompt in prompts]
                        self.machine.receive(ports.PlayDone(number), self.now)
                    case ports.AgentCode():
                        self.asked.append(command.digits)
                        done = self.answer(command.digits)
                        self.machine.receive(ports.AgentCodeDone(command.id, done.outcome, done.say), self.now)
                    case ports.HangUp():
                        self.ended = True

    def press(self, digits: str) -> None:
        for digit in digits:
            self.now += 0.3
            self.machine.receive(ports.Digit(digit, self.now), self.now)
            self.turn()


@pytest.mark.parametrize("action", TELEPHONE_ACTIONS)
def test_what_became_of_it_is_said(action: TelephoneAction) -> None:
    talk = Talk(action, lambda digits: ports.AgentCodeDone(0, "done", "You are logged in."))
    assert talk.said == ["You are logged in."] and talk.asked == [""] and talk.ended


def test_digits_are_asked_for_until_they_are_right() -> None:
    def answer(digits: str) -> ports.AgentCodeDone:
        return (
            ports.AgentCodeDone(0, "done", "Hello.")
            if digits == "1234"
            else ports.AgentCodeDone(0, "digits_needed", "?")
        )

    talk = Talk("log_in", answer)
    talk.press("99#")
    assert talk.said == ["?", "?"] and not talk.ended
    talk.press("1234#")
    assert talk.asked == ["", "99", "1234"] and talk.said[-1] == "Hello." and talk.ended
    assert "1234" not in str(talk.machine.path()) and "1234" not in str(talk.machine.digits())
