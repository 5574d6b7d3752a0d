"""SIP messages of a call over HTTP."""

from __future__ import annotations

import pytest

from ivr.capture.pcap import HEADER
from ivr.sip import Flow
from tests.api.conftest import Api

FLOW = Flow("udp", ("127.0.0.1", 5060), ("127.0.0.1", 5070))
INVITE = b'INVITE sip:100@x SIP/2.0\r\nCall-ID: a/b@c\r\nAuthorization: Digest response="0123abcd"\r\n\r\n'
OF_CALL = {"call_id": "a/b@c"}


async def test_messages_of_a_call_without_their_secrets(api: Api) -> None:
    api.captures.tap("in", INVITE, FLOW)
    answer = await api.client.get("/v1/messages", params=OF_CALL, headers=api.token("calls:read"))
    (message,) = (await answer.json())["messages"]
    assert (message["direction"], message["from"], message["to"]) == ("in", "127.0.0.1:5070", "127.0.0.1:5060")
    assert message["text"] == INVITE.decode().replace("0123abcd", "xxxxxxxx")


async def test_a_file_for_wireshark(api: Api) -> None:
    api.captures.tap("in", INVITE, FLOW)
    answer = await api.client.get("/v1/messages.pcap", params=OF_CALL, headers=api.token("calls:read"))
    assert answer.content_type == "application/vnd.tcpdump.pcap"
    body = await answer.read()
    assert body.startswith(HEADER) and b"INVITE sip:100@x" in body and b"0123abcd" not in body


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages.pcap"])
async def test_who_may_not_see_them_and_what_is_not_there(api: Api, path: str) -> None:
    api.captures.tap("in", INVITE, FLOW)
    assert (await api.client.get(path, params=OF_CALL)).status == 401
    assert (await api.client.get(path, params=OF_CALL, headers=api.token("events"))).status == 403
    assert (await api.client.get(path, headers=api.token("calls:read"))).status == 422
    answer = await api.client.get(path, params={"call_id": "x"}, headers=api.token("calls:read"))
    assert answer.status == 404 and "capture.kept" in await answer.text()
