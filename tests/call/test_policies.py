"""What lines allow in media descriptions."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from ivr.call import policies
from ivr.call.identity import LineTable
from ivr.settings import load_settings

LINES = """
media: {codecs: [opus, g722, pcma], codec_order: ours, ptime: 30}
lines:
  pbx: {type: sip_trunk, host: 192.0.2.10, codecs: [opus], codec_order: theirs, ptime: 40}
"""


def capabilities(tmp_path: Path, line: str | None) -> policies.Capabilities:
    tmp_path.mkdir()
    path = tmp_path / "ivr.yaml"
    path.write_text(LINES)
    settings = load_settings(path)
    return policies.media_policies(settings, LineTable(settings), lambda peer: peer)(line).capabilities


def test_codecs_their_order_and_packet_times_of_lines(tmp_path: Path) -> None:
    default = capabilities(tmp_path / "a", None)
    assert (default.codecs, default.order, default.ptime) == (("opus", "g722", "pcma"), "ours", 30)
    line = capabilities(tmp_path / "b", "pbx")
    assert (line.codecs, line.order, line.ptime) == (("opus",), "theirs", 40)


def test_opus_is_left_out_where_it_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(policies, "opus_available", lambda: False)
    with caplog.at_level(logging.WARNING):
        assert capabilities(tmp_path / "a", None).codecs == ("g722", "pcma")
    assert "ivr[opus]" in caplog.text
    assert capabilities(tmp_path / "b", "pbx").codecs == ("pcmu", "pcma")
