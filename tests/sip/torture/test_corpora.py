"""Messages that others made to break parsers: RFC 4475 and RFC 5118, PROTOS c07-sip, seeds of PJSIP's fuzzers, and
messages made after published advisories. They stand beside the repository and are skipped where they do not;
`tests/sip/test_parser.py` has cases of our own for the same faults.
"""

from __future__ import annotations

import importlib.util
import json
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ivr.sip.errors import ParseError, SdpError
from ivr.sip.making import make_response
from ivr.sip.message import Request
from ivr.sip.negotiate import Capabilities, answer
from ivr.sip.parser import parse_message
from ivr.sip.sdp import Sdp

PROVING = Path(__file__).parents[4] / "shared" / "proving"

pytestmark = pytest.mark.skipif(not PROVING.is_dir(), reason=f"the proving ground is not at {PROVING}")

BOUND = 0.5
"""Seconds of CPU for one message: it takes some 0.1 ms, and a collection of garbage may fall into it."""


def torture() -> list[dict[str, Any]]:
    index = PROVING / "torture" / "index.json"
    return json.loads(index.read_text()) if index.is_file() else []


def exercise(data: bytes) -> ParseError | Request | None:
    """Parse, use and answer; anything but a ParseError or SdpError escapes."""
    start = time.process_time()
    try:
        message = parse_message(data)
    except ParseError as error:
        if error.request is not None:
            assert error.status is not None
            make_response(error.request, error.status, to_tag="x").encode()
        assert time.process_time() - start < BOUND
        return error
    _ = message.vias, message.from_.tag, message.to.tag, message.cseq, message.contacts, message.routes
    _ = message.record_routes, message.content_type, message.expires, message.max_forwards, message.require
    if message.content_type == "application/sdp":
        negotiate(message.body)
    if isinstance(message, Request):
        message.stamp_source("192.0.2.77", 4000)
        make_response(message, 200, to_tag="x", contact="sip:h").encode()
    assert time.process_time() - start < BOUND
    return message if isinstance(message, Request) else None


def negotiate(body: bytes) -> None:
    try:
        ours, agreed = answer(Sdp.parse(body), Capabilities(), "127.0.0.1", 30000, session_id=1, version=1)
    except SdpError as error:
        assert error.status in (400, 413, 488)
        return
    assert agreed.remote_host not in ("0.0.0.0", "255.255.255.255")
    ours.encode()


@pytest.mark.parametrize("case", torture(), ids=lambda case: case["file"])
def test_torture(case: dict[str, Any]) -> None:
    outcome = exercise((PROVING / "torture" / case["file"]).read_bytes())
    wanted = case["status_ok"]
    if isinstance(outcome, ParseError):
        assert case["parse"] != "accept", outcome.text
        if outcome.status is None:
            assert wanted == ["no_reply"]
        else:
            assert outcome.status in wanted
            assert outcome.request is not None
    else:
        assert case["parse"] != "reject"
        assert (outcome is not None) is case["is_request"]


def test_torture_details() -> None:
    def read(name: str) -> Request:
        message = parse_message((PROVING / "torture" / name).read_bytes())
        assert isinstance(message, Request)
        return message

    short = read("rfc4475/wsinv.dat")
    assert (short.max_forwards, short.cseq, short.contacts[0].display) == (68, 9, 'Quoted string ""')
    assert short.get("UnknownHeaderWithUnusualValue") == ";;,,;;,;"
    escaped = read("rfc4475/esc01.dat")
    assert escaped.uri.user == "sips:user@example.com"
    assert escaped.contacts[0].uri.params == {"lr": None, "name": "value%41"}
    assert [contact.uri.user for contact in read("rfc4475/escnull.dat").contacts] == ["\0", "\0\0"]
    assert len(read("rfc4475/esc02.dat").contacts) == 2
    assert read("rfc4475/semiuri.dat").uri.user == "user;par=u@example.net"
    assert read("rfc4475/dblreq.dat").body == b""
    assert [via.transport for via in read("rfc4475/transports.dat").vias] == ["UDP", "SCTP", "TLS", "UNKNOWN", "TCP"]
    assert not read("rfc4475/unkscm.dat").uri.is_sip
    assert read("rfc4475/bext01.dat").unsupported(["timer"]) == ["nothingSupportsThis", "nothingSupportsThisEither"]
    assert read("rfc4475/cparam01.dat").contacts[0].params == {"unknownparam": None}
    assert read("rfc5118/port-ambiguous.dat").uri.host == "2001:db8::10:5070"
    assert read("rfc5118/port-unambiguous.dat").uri.port == 5070
    assert read("rfc5118/via-received-param-no-delim.dat").top_via.received == "2001:db8::9:255"


def advisories() -> list[Path]:
    return sorted((PROVING / "corpus" / "cve" / "open").glob("*.sip"))


@pytest.mark.parametrize("path", advisories(), ids=lambda path: path.stem)
def test_messages_after_advisories(path: Path) -> None:
    data = path.read_bytes()
    outcome = exercise(data)
    if path.stem in ("cl_plus_sign", "cl_underscore", "two_call_ids", "cseq_long_method", "bare_lf"):
        assert isinstance(outcome, ParseError)
        assert outcome.status == 400
    if path.stem in ("one_nul", "stun_binding", "keepalive_crlf", "request_http"):
        assert isinstance(outcome, ParseError)
        assert outcome.status is None


def protos() -> Iterator[bytes]:
    path = PROVING / "corpus" / "protos.py"
    spec = importlib.util.spec_from_file_location("protos", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for _, _, invite, teardown in module.cases(PROVING / "corpus" / "protos_c07" / "protos_c07_open.zip"):
        yield invite
        if teardown:
            yield teardown


def test_protos() -> None:
    count = answerable = 0
    for data in protos():
        outcome = exercise(data)
        count += 1
        answerable += isinstance(outcome, Request) or (isinstance(outcome, ParseError) and outcome.status is not None)
    assert count > 3000
    assert answerable > count // 2


def test_seeds() -> None:
    with zipfile.ZipFile(PROVING / "corpus" / "pjsip_seeds" / "pjsip_seeds_open.zip") as archive:
        names = [name for name in archive.namelist() if not name.endswith("/")]
        assert len(names) > 100
        for name in names:
            data = archive.read(name)
            exercise(data)
            negotiate(data)
            negotiate(data.partition(b"\r\n\r\n")[2])
