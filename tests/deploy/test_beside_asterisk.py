"""The PBX's side of the configuration, as far as it can be checked where there is no Asterisk: sections refer to each
other, options are those of its documentation, ports are those of ours."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.settings import SipTrunk, parse_settings

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "beside-asterisk.md").read_text()

OPTIONS = {
    "endpoint": {
        *("type", "transport", "context", "disallow", "allow", "dtmf_mode", "direct_media"),
        *("rtp_symmetric", "send_pai", "trust_id_inbound", "aors"),
    },
    "aor": {"type", "contact", "qualify_frequency"},
    "identify": {"type", "endpoint", "match"},
}
"""Of res_pjsip and res_pjsip_endpoint_identifier_ip, as its reference has them."""


def sections(text: str) -> list[tuple[str, dict[str, str]]]:
    """Of pjsip.conf, in which a name may stand several times."""
    found: list[tuple[str, dict[str, str]]] = []
    for line in text.splitlines():
        line = line.partition(";")[0].strip()
        if line.startswith("["):
            found.append((line.strip("[]"), {}))
        elif "=" in line and found:
            key, _, value = line.partition("=")
            found[-1][1][key.strip()] = value.strip()
    return found


def of_the_page() -> str:
    (block,) = re.findall(r"^```ini\n; /etc/asterisk/pjsip.conf\n(.*?)^```$", PAGE, re.M | re.S)
    return block


def of_the_script(tmp_path: Path) -> str:
    (tmp_path / "etc" / "asterisk").mkdir(parents=True)
    said = subprocess.run(
        [
            "sh",
            "deploy/install.sh",
            "--prefix",
            str(tmp_path),
            "--no-venv",
            "--sip-port",
            "5070",
            "--rtp",
            "20002-29999",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return said.partition("in pjsip.conf\n")[2].partition("and in extensions.conf")[0]


@pytest.mark.parametrize("where", ["page", "script"])
def test_the_sections_of_pjsip_belong_together(where: str, tmp_path: Path) -> None:
    found = sections(of_the_page() if where == "page" else of_the_script(tmp_path))
    by_type = {values["type"]: (name, values) for name, values in found}
    assert set(by_type) == set(OPTIONS)
    for kind, (_, values) in by_type.items():
        assert set(values) <= OPTIONS[kind], kind
    endpoint, values = by_type["endpoint"]
    assert values["aors"] == by_type["aor"][0]
    assert by_type["identify"][1]["endpoint"] == endpoint
    assert (values["disallow"], values["dtmf_mode"], values["direct_media"]) == ("all", "rfc4733", "no")
    assert by_type["aor"][1]["contact"] == "sip:127.0.0.1:5070"
    assert by_type["identify"][1]["match"] == "127.0.0.1:5070"


def test_our_side_on_the_page_fits_to_it() -> None:
    blocks = re.findall(r"^```yaml settings\n(.*?)^```$", PAGE, re.M | re.S)
    settings = parse_settings(blocks[0], ROOT / "ivr.yaml", {})
    line = settings.lines["pbx"]
    assert isinstance(line, SipTrunk)
    assert (str(settings.sip.listen[0]), line.host, line.port) == ("udp:127.0.0.1:5070", "127.0.0.1", 5060)
    assert settings.media.ports.first > 20000, "the ports of Asterisk as FreePBX sets them"


def test_calls_from_flows_reach_extensions_alone() -> None:
    (dialplan,) = re.findall(r"^```ini\n; /etc/asterisk/extensions.conf\n(.*?)^```$", PAGE, re.M | re.S)
    from_ivr = dialplan.partition("[from-ivr]")[2]
    assert re.findall(r"^exten => (\S+?),", from_ivr, re.M) == ["_2XX"]
