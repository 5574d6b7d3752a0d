"""transfer_to_flow with a participant: another flow runs for somebody else."""

from __future__ import annotations

import pytest

from ivr.errors import FlowLoadError
from ivr.flow.loader import join_flows, parse_flow
from ivr.flow.machine import Machine
from ivr.flow.ports import CallEnded, CallInfo, ContactStarted, HangUp, StartContact
from ivr.flow.sim import MONDAY_NOON, Given, SimulatedCall, StartedContact, Stubs
from tests.kit.flow import Talk
from tests.kit.life import Life

SURVEY = """
elements:
  start: {type: start_from_audience, next: call}
  call: {type: start_outgoing_call, next: bye}
  bye: {type: hang_up}
"""


def desk(fields: str, rest: str = "") -> str:
    return f"""
variables: {{pin: "1234", order: 7}}
sensitive: [pin]
elements:
  start: {{type: start_incoming_call, numbers: ["100"], next: invite}}
  invite: {{type: transfer_to_flow, flow: survey, participant: "+49 30-777", {fields}}}
  thanks: {{type: play, text: Thanks, next: bye}}
  sorry: {{type: play, text: Sorry, next: bye}}
  bye: {{type: hang_up}}
{rest}"""


def test_this_flow_ends_and_hangs_up_where_it_is_not_detached() -> None:
    talk = Talk(desk("pass: [order], branches: {other: sorry}"), {"survey": SURVEY}).start()
    talk.finish()
    assert talk.path == ["start", "invite"]
    (command,) = talk.commands(StartContact)
    assert (command.flow, command.number, dict(command.properties)) == ("survey", "+4930777", {"order": 7})
    assert [each.cause for each in talk.commands(HangUp)] == ["transferred"]
    assert talk.machine.steps[-1].branch == "transferred"
    assert talk.machine.fault is None


def test_detached_both_run_on() -> None:
    talk = Talk(desk("detached: true, next: thanks"), {"survey": SURVEY}).start()
    talk.finish()
    assert talk.path == ["start", "invite", "thanks", "bye"]
    assert talk.machine.steps[1].details["reason"] == "started"


def test_who_cannot_be_invited_takes_the_branch_other() -> None:
    flows = join_flows([parse_flow(desk("branches: {other: sorry}"), "main"), parse_flow(SURVEY, "survey")])
    call = SimulatedCall(flows["main"], flows, Given(), Stubs(failing_contacts={"invite": "no_room"})).start().run()
    assert call.path == ["start", "invite", "sorry", "bye"]
    assert call.machine.result["reason"] == "no_room"
    assert call.contacts == [StartedContact(0.0, "invite", "survey", "+4930777", {}, "no_room")]


def test_without_a_number_nothing_begins() -> None:
    text = desk("branches: {other: sorry}").replace('"+49 30-777"', '" "')
    talk = Talk(text, {"survey": SURVEY}).start().finish()
    assert talk.path == ["start", "invite", "sorry", "bye"]
    assert not talk.commands(StartContact)


def test_secrets_are_marked() -> None:
    talk = Talk(desk("pass: [pin], detached: true, next: bye"), {"survey": SURVEY}).start().finish()
    (command,) = talk.commands(StartContact)
    assert command.secret
    assert command.properties == {"pin": "1234"}
    assert talk.call.contacts[0].number == "(sensitive)"
    assert "1234" not in str(talk.machine.path())


def inviting() -> Machine:
    text = desk("branches: {other: sorry, call_ended: note}", "  note: {type: tag, tags: left}\n")
    flows = join_flows([parse_flow(text, "main"), parse_flow(SURVEY, "survey")])
    machine = Machine(flows["main"], flows, CallInfo("c", "+1", "100", MONDAY_NOON), {})
    machine.start("start", 0.0)
    assert machine.element == "invite"
    return machine


def test_a_caller_who_leaves_meanwhile() -> None:
    machine = inviting()
    machine.receive(CallEnded("user_hung_up"), 1.0)
    assert machine.tags == ["left"]
    machine.receive(ContactStarted(1), 1.5)
    assert machine.finished


def test_an_answer_that_never_comes_takes_the_branch_other() -> None:
    machine = inviting()
    machine.handle_timer(10.0)
    assert machine.element == "sorry"
    assert machine.result["reason"] == "lost"


def test_outside_a_call_it_leaves_every_subroutine() -> None:
    life = Life(
        """
elements:
  start: {type: start_from_audience, next: sub}
  sub: {type: transfer_to_flow, flow: inner, return_to: never}
  never: {type: tag, tags: never}
""",
        {
            "inner": "elements: {start: {type: start_from_flow, next: invite}, invite: {type: transfer_to_flow, "
            'flow: survey, participant: "+4930777"}}',
            "survey": SURVEY,
        },
    ).run()
    assert life.path == ["start", "sub", "start", "invite"]
    assert life.machine.finished
    assert life.machine.tags == []


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ("next: thanks", "does not come back"),
        ("return_to: thanks", "does not come back"),
        ("detached: true, branches: {returned: thanks, nobody: bye}", "no such branch"),
    ],
)
def test_what_is_refused(fields: str, fault: str) -> None:
    with pytest.raises(FlowLoadError, match=fault):
        parse_flow(desk(fields), "main")


def test_detached_needs_a_participant() -> None:
    text = desk("detached: true").replace('participant: "+49 30-777", ', "")
    with pytest.raises(FlowLoadError, match="detached needs a participant"):
        parse_flow(text, "main")


def test_the_flow_must_be_there_and_need_no_entry_for_transfers() -> None:
    main = parse_flow(desk("branches: {other: sorry}"), "main")
    assert join_flows([main, parse_flow(SURVEY, "survey")])
    with pytest.raises(FlowLoadError, match="there is no such flow"):
        join_flows([main])
