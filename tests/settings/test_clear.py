"""Keys of encrypted sound that would travel in clear."""

from __future__ import annotations

from pathlib import Path

from ivr.settings import keys_in_clear, parse_settings

LINES = """
media: {srtp: required}
sip: {listen: ["udp:127.0.0.1:5060", "tls:127.0.0.1:5061"], tls: {certificate: a.pem, key: b.pem}}
lines:
  bare: {type: sip_trunk, host: sip.example.com}
  hidden: {type: sip_trunk, host: sip.example.com, transport: tls}
  plain: {type: gateway, host: 192.0.2.5, srtp: optional}
"""


def told(text: str) -> list[str]:
    return keys_in_clear(parse_settings(text, Path("/etc/ivr/ivr.yaml"), {}, need_secrets=False))


def test_each_line_whose_keys_can_be_read_is_named() -> None:
    assert told(LINES) == ["lines.bare: srtp is required, but its keys travel in clear (transport: udp)"]


def test_phones_without_a_listener_that_hides_their_keys_are_named() -> None:
    (said,) = told("media: {srtp: required}\n")
    assert said.startswith("media.srtp")
    assert told("media: {srtp: optional}\n") == []
