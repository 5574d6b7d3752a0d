"""Enqueue in simulated calls: documents heard while waiting, how the wait ends, what actions are told of it."""

from __future__ import annotations

import pytest

from ivr.flow.ports import (
    AgentAnswered,
    HangUp,
    JoinQueue,
    LeaveQueue,
    LookAtQueue,
    Play,
    QueueDone,
    QueueJoined,
    QueuePosition,
    QueueSeen,
    StopPlay,
)
from ivr.settings import WaitingStrategy
from tests.flow.twiml.kit import Application


def joined(app: Application, position: int = 3, strategy: WaitingStrategy | None = None) -> JoinQueue:
    """The queue takes the caller."""
    command: JoinQueue = app.call.commands(JoinQueue)[-1]
    app.call.send(QueueJoined(command.id, "support", position, strategy or WaitingStrategy(music=False)))
    return command


def seen(app: Application, waiting: int = 5, mean_wait: float = 42.0) -> None:
    """The queue says how it is."""
    app.call.send(QueueSeen(app.call.commands(LookAtQueue)[-1].id, waiting, mean_wait))


def waiting(document: str = "<Play>/music.mp3</Play>") -> tuple[Application, JoinQueue]:
    """A caller who hears a document while he waits."""
    app = Application().answer('<Enqueue action="/left" waitUrl="/wait" waitUrlMethod="GET">support</Enqueue>')
    command = joined(app)
    seen(app)
    app.answer(document)
    return app, command


def test_documents_are_asked_for_again_and_again_with_the_place() -> None:
    app = Application().answer('<Enqueue waitUrl="/wait">support</Enqueue>')
    joined(app)
    seen(app)
    params = app.params
    assert app.asked.url == "https://app.test/wait"
    assert (params["QueuePosition"], params["QueueTime"], params["AvgQueueTime"]) == ("3", "0", "42")
    assert params["CurrentQueueSize"] == "5"
    assert params["QueueSid"].startswith("QU")
    app.answer("<Say>Please wait</Say>")
    app.call.wait(1.0).send(QueuePosition(app.call.commands(JoinQueue)[-1].id, 2)).wait(1.0)
    seen(app, 4)
    assert (app.params["QueuePosition"], app.params["QueueTime"]) == ("2", "2")
    assert app.params["QueueSid"] == params["QueueSid"]


def test_a_document_that_says_nothing_is_not_asked_for_in_a_hurry() -> None:
    app, _ = waiting("")
    before = app.requests
    app.call.wait(0.9)
    assert app.requests == before
    app.call.wait(0.2)
    seen(app)
    assert app.requests == before + 1


def test_an_agent_takes_the_call_in_the_middle_of_a_document() -> None:
    app, command = waiting("<Play loop='0'>/music.mp3</Play>")
    app.call.wait(7.0)
    app.call.send(AgentAnswered(command.id, "anna", 7.0))
    assert app.call.commands(StopPlay)
    app.call.wait(5.0).send(QueueDone(command.id, "forwarded", "support", "anna", 5.0, 7.0))
    assert app.asked.url == "https://app.test/left"
    assert (app.params["QueueResult"], app.params["QueueTime"]) == ("bridged", "7")


def test_leave_goes_on_with_the_action() -> None:
    app, command = waiting("<Say>Nobody is there</Say><Leave/><Say>never</Say>")
    app.call.wait(2.0)
    assert app.call.commands(LeaveQueue)[-1].reason == "key_exit"
    app.call.send(QueueDone(command.id, "key_exit", "support", waited=2.0))
    assert (app.params["QueueResult"], app.asked.url) == ("leave", "https://app.test/left")
    assert "never" not in app.said


def test_hangup_ends_the_call() -> None:
    app, command = waiting("<Hangup/>")
    app.call.send(QueueDone(command.id, "key_exit", "support"))
    assert app.call.commands(HangUp)
    assert app.told()[-1]["QueueResult"] == "hangup"
    assert app.call.machine.finished


def test_keys_are_gathered_while_waiting() -> None:
    app, command = waiting('<Gather numDigits="1" action="/key" timeout="60"><Say>1 to leave</Say></Gather>')
    app.call.wait(2.0).send(QueuePosition(command.id, 2)).press("1")
    assert (app.asked.url, app.params["Digits"]) == ("https://app.test/key", "1")
    now = [app.params[name] for name in ("QueuePosition", "QueueTime", "CurrentQueueSize")]
    assert now == ["2", "2", "2"], "the figures of this moment"
    app.answer("<Leave/>")
    app.call.send(QueueDone(command.id, "key_exit", "support"))
    assert app.params["QueueResult"] == "leave"


def test_a_verb_that_does_not_stand_there_is_said() -> None:
    app, _ = waiting("<Dial>100</Dial><Say>On</Say>")
    assert app.errors == ["this verb does not stand in such a document"]
    assert app.said == ["On"]


def test_without_a_document_the_strategy_is_heard() -> None:
    app = Application().answer('<Enqueue action="/left" waitUrl="/wait">support</Enqueue>')
    command = joined(app, strategy=WaitingStrategy(music=True))
    seen(app)
    app.answer("oops", status=500)
    app.call.wait(1.0)
    assert app.call.commands(Play)[-1].prompts[0].value == "music"
    app.call.send(QueueDone(command.id, "max_wait", "support", waited=9.0))
    assert (app.params["QueueResult"], app.params["QueueTime"]) == ("leave", "1")


def test_a_task_has_a_priority_and_a_longest_wait() -> None:
    app = Application().answer(
        '<Enqueue action="/left" waitUrl="/wait">support<Task priority="7" timeout="30">{"order": "1"}</Task></Enqueue>'
    )
    command = joined(app)
    assert command.priority == 7
    seen(app)
    app.answer("<Play loop='0'>/music.mp3</Play>")
    app.call.wait(31.0)
    assert app.call.commands(LeaveQueue)[-1].reason == "max_wait"


def test_a_queue_that_is_full_enough() -> None:
    app = Application().answer('<Enqueue action="/left" maxQueueSize="5">support</Enqueue>')
    assert app.call.commands(LookAtQueue)[-1].queue == "support"
    seen(app, 5)
    assert (app.params["QueueResult"], app.params["QueueTime"]) == ("queue-full", "0")
    assert not app.call.commands(JoinQueue)
    app = Application().answer('<Enqueue maxQueueSize="5">support</Enqueue>')
    seen(app, 4)
    assert app.call.commands(JoinQueue)
    app = Application().answer('<Enqueue maxQueueSize="many">support</Enqueue>')
    assert app.errors == ["maxQueueSize is a whole number"]
    assert app.call.commands(JoinQueue)


@pytest.mark.parametrize(("outcome", "result"), [("full", "queue-full"), ("closed", "error"), ("error", "error")])
def test_a_queue_that_takes_nobody(outcome: str, result: str) -> None:
    app = Application().answer('<Enqueue action="/left" waitUrl="/wait">support</Enqueue>')
    command = app.call.commands(JoinQueue)[-1]
    app.call.send(QueueDone(command.id, outcome, "support"))  # type: ignore[arg-type]
    assert app.params["QueueResult"] == result


def test_a_caller_who_hangs_up_while_he_waits() -> None:
    app, _ = waiting()
    app.call.wait(4.0).hang_up()
    assert app.told()[-1]["QueueResult"] == "hangup"
    assert app.told()[-1]["QueueTime"] == "4"
    assert app.call.machine.finished


def test_leave_outside_a_queue_is_said() -> None:
    app = Application().answer("<Leave/><Say>On</Say>")
    assert "Leave" in app.errors[0]
    assert app.said == ["On"]
