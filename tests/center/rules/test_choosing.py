from __future__ import annotations

from ivr.center.rules import decisions as said
from ivr.center.rules import events as told
from tests.kit.center import House, of

THREE = """
phones: {{"1": {{password: x}}, "2": {{password: x}}, "3": {{password: x}}}}
agents:
  anna: {{phones: "1", skills: {{german: 9, sales: 2}}, channels: {{chat: 10, mail: 20}}}}
  ben: {{phones: "2", skills: {{german: 5, sales: 8}}, channels: {{chat: 5, mail: 10}}}}
  carla: {{phones: "3", skills: {{sales: 10}}, channels: {{chat: 20, mail: 5}}}}
queues: {{default: {{order: {order}{more}}}}}
"""


def house(order: str, more: str = "") -> House:
    return House(THREE.format(order=order, more=more))


def taken_by(house: House, caller: str, **more: object) -> str:
    """Who gets a caller; he talks for 10 s."""
    house.join(caller, **more)
    agent = house.offer_of(caller).agent
    house.answer(caller)
    house.wait(10)
    house.hang_up(caller)
    return agent


def test_longest_idle_goes_round_by_itself() -> None:
    centre = house("longest_idle")
    assert [taken_by(centre, f"c{number}") for number in range(6)] == ["anna", "ben", "carla"] * 2


def test_round_robin_takes_turns_whoever_is_idle_for_longest() -> None:
    centre = house("round_robin")
    assert taken_by(centre, "c1") == "anna"
    centre.status("ben", "away")
    centre.wait(1)
    centre.status("ben", "available")
    assert [taken_by(centre, f"d{number}") for number in range(3)] == ["ben", "carla", "anna"]


def test_fewest_calls_counts_those_of_the_day() -> None:
    centre = house("fewest_calls")
    centre.status("carla", "away")
    assert [taken_by(centre, f"c{number}") for number in range(4)] == ["anna", "ben"] * 2
    centre.status("carla", "available")
    assert [taken_by(centre, f"d{number}") for number in range(2)] == ["carla", "carla"]
    centre.wait(86400)
    for name in ("anna", "ben", "carla"):
        assert centre.center.figures()["agents"][name]["calls_today"] == 0


def test_by_skill_takes_the_best_who_has_what_is_needed() -> None:
    centre = house("by_skill", ", skills: {sales: 5}")
    assert taken_by(centre, "c1") == "carla"
    assert taken_by(centre, "c2", facts={"tags": ["skill:german:5"]}) == "ben"
    assert taken_by(centre, "c3", facts={"tags": ["skill:german"]}) == "ben"
    refused = centre.join("c4", facts={"tags": ["skill:german:6"]})
    assert of(said.Refused, refused)[0].text == "No agent of the queue default who has the skills is logged in."


def test_who_needs_a_skill_does_not_keep_others_from_agents_without_it() -> None:
    centre = house("by_skill")
    for name in ("anna", "ben"):
        centre.tell(told.AgentBusy(name, "x"))
    assert of(said.Offer, centre.join("german", facts={"tags": ["skill:german"]})) == []
    centre.wait(1)
    assert of(said.Offer, centre.join("any"))[0].agent == "carla"
    assert [each.caller for each in of(said.Offer, centre.tell(told.AgentFree("ben", "x")))] == ["german"]


def test_the_score_looks_at_other_channels() -> None:
    centre = house("weighted")
    occupied = {"anna": (5, 4), "ben": (1, 5), "carla": (15, 1)}
    for name, (chat, mail) in occupied.items():
        centre.tell(told.AgentOccupied(name, "chat", chat))
        centre.tell(told.AgentOccupied(name, "mail", mail))
    for name, pause in (("carla", 100), ("ben", 190), ("anna", 10)):
        centre.status(name, "away")
        centre.status(name, "available")
        centre.wait(pause)
    explained = centre.center.explain({})
    # voice is a channel, too, and free: the loads are two thirds of 35, 35 and 47.5 %, the ratios those of the example
    assert [(each.agent, each.score) for each in explained.agents] == [
        ("carla", 0.8684),
        ("ben", 0.8333),
        ("anna", 0.5167),
    ]
    assert explained.agents[0].why == "He has the highest score."
    centre.join("c1")
    assert centre.ringing("c1") == {"carla"}


def test_for_voice_alone_the_score_comes_down_to_the_longest_idle() -> None:
    centre = house("weighted")
    assert [taken_by(centre, f"c{number}") for number in range(3)] == ["anna", "ben", "carla"]


def test_the_agent_who_spoke_to_the_caller_is_asked_first() -> None:
    centre = house("longest_idle", ", sticky: 30d")
    assert taken_by(centre, "c1", person="+49301") == "anna"
    assert taken_by(centre, "c2", person="+49301") == "anna"
    assert centre.offer_of("c2").why == "spoke to this caller a moment ago"
    assert taken_by(centre, "c3", person="+49302") == "ben"
    centre.wait(3 * 86400)
    explained = centre.center.explain({}, person="+49301")
    assert (explained.agents[0].agent, explained.agents[0].why) == ("anna", "He spoke to this caller last.")
    centre.join("c4", person="+49301")
    assert centre.offer_of("c4").why == "spoke to this caller 3 days ago"
    centre.fail("c4", "declined")
    assert centre.offer_of("c4").agent == "carla"
    centre.leave("c4")
    assert taken_by(centre, "c5", person="+49301", sticky="off") == "carla"
    centre.wait(31 * 86400)
    centre.join("c6", person="+49302")
    assert "spoke" not in centre.offer_of("c6").why
    centre.leave("c6")
    centre.join("c7", person="+49302", sticky="60d")
    assert centre.offer_of("c7").why == "spoke to this caller 34 days ago"


def test_a_sticky_agent_who_is_busy_is_not_waited_for() -> None:
    centre = house("longest_idle", ", sticky: ever")
    taken_by(centre, "c1", person="p")
    centre.tell(told.AgentBusy("anna", "x"))
    assert taken_by(centre, "c2", person="p") == "ben"
