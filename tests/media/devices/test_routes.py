"""Where PipeWire plays our sound, from what pw-dump writes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from media.devices.routes import Routes

US = 4242


def node(number: int, **props: object) -> dict[str, Any]:
    return {"id": number, "type": "PipeWire:Interface:Node", "info": {"props": props}}


def link(number: int, output: int, input: int) -> dict[str, Any]:
    info = {"output-node-id": output, "input-node-id": input, "props": {}}
    return {"id": number, "type": "PipeWire:Interface:Link", "info": info}


def client(number: int, pid: int) -> dict[str, Any]:
    return {"id": number, "type": "PipeWire:Interface:Client", "info": {"props": {"pipewire.sec.pid": pid}}}


HANDSET = node(10, **{"node.name": "handset", "node.description": "USB handset", "object.serial": 77})
HDMI = node(11, **{"node.name": "hdmi", "node.description": "HDMI output", "object.serial": 78})
PLAYING = node(21, **{"client.id": 20, "target.object": "handset"})
HEARING = node(22, **{"client.id": 20, "target.object": "77"})
WELL = [HANDSET, HDMI, client(20, US), PLAYING, HEARING, link(30, 21, 10), link(31, 10, 22)]


def routes(*messages: list[dict[str, Any]]) -> Routes:
    made = Routes()
    for message in messages:
        made.take(json.dumps(message))
    return made


def test_links_to_the_card_that_was_asked_for_by_name_or_serial_are_well() -> None:
    assert routes(WELL).astray(US) == ""


def test_a_stream_that_was_moved_is_noticed_either_way() -> None:
    gone = [{"id": 10, "info": None}, {"id": 30, "info": None}, {"id": 31, "info": None}]
    assert routes(WELL, gone).astray(US) == ""
    assert routes(WELL, gone, [link(32, 21, 11)]).astray(US) == (
        "handset is gone, and the sound was moved to HDMI output"
    )
    assert routes(WELL, gone, [link(32, 11, 22)]).astray(US) == "77 is gone, and the sound was moved to HDMI output"


def test_streams_of_others_and_streams_that_want_any_card_do_not_count() -> None:
    other = [client(40, 1), node(41, **{"client.id": 40, "target.object": "handset"}), link(42, 41, 11)]
    anywhere = [node(51, **{"client.id": 20, "target.object": "-1"}), link(52, 51, 11)]
    assert routes(WELL, other, anywhere, [node(53, **{"client.id": 20}), link(54, 53, 11)]).astray(US) == ""


@given(st.text(max_size=200) | st.recursive(st.integers() | st.text(), st.lists, max_leaves=5).map(json.dumps))
def test_what_is_no_message_is_left_out(text: str) -> None:
    made = routes(WELL)
    made.take(text)
    assert made.astray(US) == ""
