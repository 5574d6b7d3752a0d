"""forward_call: outcomes, branches and what the caller's session becomes."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from ivr.flow.elements.forward_call import ForwardCallElement
from ivr.flow.ports import CallEnded, CancelForward, Forward, ForwardAnswered, ForwardDone, HangUp, PromptSpec
from tests.kit.flow import Talk


def talk(fields: str = "to: phone:200", answer: str = "", **options: Any) -> Talk:
    """`fields` of the forward_call, one per line."""
    returned = ", returned: survey" if "after: return" in fields else ""
    indented = fields.replace("\n", "\n    ")
    return Talk(
        f"""
variables: {{empty: "", who: "200"}}
elements:
  start: {{type: start_incoming_call, numbers: ["100"], {answer} next: sales}}
  sales:
    type: forward_call
    {indented}
    next: after
    branches: {{no_answer: nobody, call_not_forwarded: failed, call_ended: after{returned}}}
  nobody: {{type: hang_up}}
  failed: {{type: hang_up}}
  survey: {{type: hang_up}}
  after: {{type: set_variable, variables: {{talked: "{{{{ result.talk_time }}}}"}}}}
""",
        **options,
    ).start()


def done(outcome: Any, code: int | None = None, talk_time: float = 0.0) -> list[ForwardDone]:
    return [ForwardDone(0, outcome, "", code, "", talk_time)]


def test_the_command_says_everything() -> None:
    call = talk(
        """to: [phone:200, agent:anna]
ring: in_turn
from: "+4930123"
line: pbx
timeout: 20s
mode: bridge
ringback: music
whisper: {text: Sales}
accept_key: "1"
record_call: true
max_duration: 1h
headers: {X-Who: "{{ who }}"}
after: return"""
    )
    command = call.commands(Forward)[0]
    assert command == Forward(
        id=command.id,
        targets=("phone:200", "agent:anna"),
        ring="in_turn",
        from_="+4930123",
        line="pbx",
        timeout=20.0,
        mode="bridge",
        ringback=PromptSpec("tone", "music"),
        whisper=PromptSpec("text", "Sales"),
        accept_key="1",
        record_name="forwarded-7",
        max_duration=3600.0,
        headers={"X-Who": "200"},
        after="return",
    )


@pytest.mark.parametrize(
    ("outcome", "branch", "to"),
    [
        ("no_answer", "no_answer", "nobody"),
        ("busy", "busy", "failed"),
        ("declined", "declined", "failed"),
        ("failed", "call_not_forwarded", "failed"),
    ],
)
def test_refusals_keep_the_session(outcome: str, branch: str, to: str) -> None:
    call = talk(outcomes=done(outcome, 486)).finish()
    assert call.branches[1] == branch
    assert call.path[-1] == to
    assert call.machine.cause == "ended_by_flow"
    assert call.machine._ctx.result["sip_code"] == 486


def test_a_bridged_call_that_ends_leaves_the_session() -> None:
    call = talk(outcomes=done("forwarded", 200, 42.0)).finish()
    assert call.branches[1] == "call_forwarded"
    assert call.path[-1] == "after"
    assert call.machine.variables["talked"] == 42.0
    assert call.machine.cause == "forwarded"
    assert call.commands(HangUp) == [HangUp("forwarded", 480)]


def test_the_caller_leaving_a_bridged_call_is_a_forwarded_call_too() -> None:
    for fields in ("to: phone:200", "to: phone:200\nafter: return"):
        call = talk(fields)
        call.wait(2.0).send(ForwardAnswered(1, "phone:200")).wait(30.0).hang_up()
        assert call.branches[1] == "call_forwarded"
        assert call.machine.variables["talked"] == 30.0
        assert call.machine.cause == "forwarded"


def test_the_caller_leaving_before_is_the_end_of_the_call() -> None:
    call = talk().wait(2.0).hang_up()
    assert call.branches[1] == "call_ended"
    assert call.machine.cause == "user_hung_up"
    assert len(call.commands(CancelForward)) == 1


def test_a_network_fault_while_bridged_keeps_its_cause() -> None:
    call = talk().send(ForwardAnswered(1, "phone:200")).wait(3.0).send(CallEnded("media_timeout"))
    assert call.branches[1] == "call_forwarded"
    assert call.machine.cause == "media_timeout"


def test_after_return_gives_the_caller_back() -> None:
    call = talk("to: phone:200\nafter: return", outcomes=done("returned", 200, 42.0)).finish()
    assert call.branches[1] == "returned"
    assert call.path[-1] == "survey"
    assert call.machine.cause == "ended_by_flow"


def test_an_answer_answers_a_call_in_early_media() -> None:
    call = talk(answer="answer: early_media,")
    assert call.names == ["EarlyMedia", "Forward"]
    call.send(ForwardAnswered(1, "phone:200"))
    assert call.names == ["EarlyMedia", "Forward", "Answer"]
    assert talk("to: phone:200\nmode: refer", answer="answer: early_media,").names == [
        "EarlyMedia",
        "Answer",
        "Forward",
    ]


def test_no_target_is_not_forwarded() -> None:
    for to in ("'{{ empty }}'", "'{{ nothing }}'"):
        call = talk(f"to: {to}").finish()
        assert call.branches[1] == "call_not_forwarded"
        assert not call.commands(Forward)


def test_a_forward_that_is_never_reported_is_given_up() -> None:
    call = talk("to: phone:200\ntimeout: 10s").finish()
    assert call.branches[1] == "call_not_forwarded"
    assert call.elapsed == 40.0


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"to": 200},
        {"to": ["200", 201]},
        {"to": []},
        {"to": "200", "accept_key": "12"},
        {"to": "200", "mode": "refer", "after": "return"},
        {"to": "200", "timeout": 0},
        {"to": "200", "ring": "both"},
        {"to": ["200"] * 21},
    ],
)
def test_refuses(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ForwardCallElement.model_validate({"type": "forward_call", **fields})
