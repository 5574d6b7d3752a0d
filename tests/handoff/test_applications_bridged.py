"""Calls that an application has connected to somebody, and bridges that are broken up from outside. In virtual time."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs

from ivr.call.moving import document_flow, goal_of
from ivr.flow import ports
from ivr.sip import Ended
from tests.handoff.test_applications import ELSEWHERE, SECRET, SETTINGS, Scene
from tests.kit.house import DESK, House

PHONES = SETTINGS + "phones:\n  '200': {password: secret-200}\n"


def answer(scene: Scene, document: str) -> None:
    request = scene.house.outside.asked[-1]
    scene.house.outside.answer(
        ports.RequestDone(request.id, 200, {"content-type": "text/xml"}, f"<Response>{document}</Response>")
    )
    scene.house.run(0.3)


def params(scene: Scene) -> dict[str, str]:
    request = scene.house.outside.asked[-1]
    return {name: values[0] for name, values in parse_qs((request.body or b"").decode()).items()}


def test_a_document_connects_the_caller_and_gets_him_back(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "shop", PHONES)
    desk = scene.house.phone("200", DESK)
    answer(scene, '<Dial action="/after"><Client>200</Client></Dial>')
    desk.ring()
    desk.answer()
    assert scene.house.port.bridged is not None
    scene.house.run(9.0)
    desk.hang_up()
    told = params(scene)
    assert (told["DialCallStatus"], told["DialBridged"]) == ("completed", "true")
    assert 8 <= int(told["DialCallDuration"]) <= 11
    assert not scene.caller.got(Ended)
    answer(scene, "<Say>Thank you</Say>")
    scene.house.play_out()
    scene.house.settled()
    assert scene.house.record.cause == "transferred"


def test_a_bridge_is_broken_up_when_the_call_is_moved(tmp_path: Path) -> None:
    scene = Scene(tmp_path, "shop", PHONES)
    desk = scene.house.phone("200", DESK)
    answer(scene, "<Dial><Client>200</Client></Dial>")
    desk.answer()
    goal = goal_of("flow", "elsewhere", scene.house.manager.flows, scene.house.settings)
    scene.house.manager.move(scene.name, goal.flow, goal.entry, "test")
    scene.house.run(0.5)
    assert desk.got(Ended)
    assert not scene.caller.got(Ended)
    assert scene.house.port.bridged is None
    assert scene.element == "hello"
    scene.house.play_out()
    scene.house.settled()
    (talk,) = scene.house.record.hand_offs
    assert (talk["target"], talk["outcome"], talk["status"]) == ("phone:200", "forwarded", "cancelled")


def test_a_phone_that_rings_stops_when_the_call_is_moved(tmp_path: Path) -> None:
    main = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: desk}
  desk: {type: forward_call, to: "phone:200", branches: {call_not_forwarded: bye}}
  bye: {type: hang_up}
"""
    house = House(tmp_path, {"main": main, "elsewhere": ELSEWHERE}, PHONES)
    house.outside.read_profile = lambda number, then: then({})  # type: ignore[method-assign]
    desk, caller = house.phone("200", DESK), house.party()
    caller.call("100")
    desk.ring()
    call = next(iter(house.manager.calls.values()))
    goal = goal_of("to", "phone:200", house.manager.flows, house.settings, otherwise="elsewhere")
    house.manager.move(call.report.id, goal.flow, goal.entry, "test")
    house.run(0.5)
    assert [event.cause for event in desk.got(Ended)] == ["cancel"]
    assert len(desk.calls) == 2
    desk.refuse(486)
    assert call.machine.element == "hello"
    house.play_out()
    house.settled()
    assert [step["branch"] for step in house.record.path][1] == "moved by test"


def test_a_bot_reaches_its_call_while_the_document_runs_that_it_left_behind(tmp_path: Path) -> None:
    bots = SETTINGS + f"ai_agents:\n  bot: {{url: 'wss://bot.test/ws', auth_token: '{SECRET}'}}\n"
    scene = Scene(tmp_path, "crm", bots)
    account = scene.house.settings.ai_agents["bot"].account_sid("bot")
    goal = document_flow("ai_agents/bot", "<Response><Say>Goodbye</Say></Response>")
    scene.house.manager.move(scene.name, goal.flow, goal.entry, "bot")
    found = scene.desk.credentials(scene.call)
    assert found is not None and found[0] == account
    scene.house.play_out()
    assert len(scene.desk._lent) == 0
    scene.house.settled()
    assert scene.house.record.cause == "transferred"
