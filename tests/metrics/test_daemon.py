"""A daemon's figures after a call, and that dashboard, alerts and documentation speak of what there is."""

from __future__ import annotations

import json
import re
import runpy
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from ivr.call.caller import Caller, CallerOptions
from tests.conftest import free_port
from tests.kit.daemon import Daemon
from tests.kit.sipp import require

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "ivr.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
PAGE = ROOT / "docs" / "monitoring.md"
NAME = re.compile(r"\b(?:ivr|process)_[a-z_]+\b")
FLOW = """
elements:
  start: {type: start_incoming_call, numbers: ["100"], next: menu_prompt}
  menu_prompt: {type: play, text: Press one., interruptible: true, next: menu}
  menu: {type: collect, responses: {"1": thanks}, wait: 5s, branches: {no_input: thanks, no_match: thanks}}
  thanks: {type: play, text: Thanks., next: menu}
"""
CONFIG = """
sip: {{listen: ["udp:127.0.0.1:{sip}"]}}
media: {{ports: "32102-32141", workers: 1}}
http: {{listen: "127.0.0.1:{http}"}}
metrics: {{listen: "127.0.0.1:{metrics}"}}
speech: {{engine: espeak-ng}}
lines:
  pbx: {{type: sip_trunk, host: 192.0.2.1}}
"""


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    require("espeak-ng")
    folder = tmp_path_factory.mktemp("metrics")
    (folder / "flows").mkdir()
    (folder / "flows" / "menu.yaml").write_text(FLOW)
    tcp = socket.SOCK_STREAM
    config = folder / "ivr.yaml"
    config.write_text(CONFIG.format(sip=free_port(), http=free_port(tcp), metrics=free_port(tcp)))
    with Daemon(config) as running:
        yield running


def scrape(daemon: Daemon) -> str:
    with urllib.request.urlopen(f"{daemon.http}/metrics", timeout=5) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=")
        return str(answer.read().decode())


def samples(text: str) -> dict[str, float]:
    """By name and labels."""
    return {
        "{}{}".format(sample.name, ",".join(f"{k}={v}" for k, v in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def known(text: str) -> set[str]:
    """Names that queries may use, those of histograms with their endings."""
    found = set()
    for family in text_string_to_metric_families(text):
        if family.type == "histogram":
            found |= {f"{family.name}_{ending}" for ending in ("bucket", "count", "sum")}
        elif family.type == "counter":
            found.add(f"{family.name}_total")
        else:
            found.add(family.name)
    return found


async def test_a_call_leaves_its_figures(daemon: Daemon, tmp_path: Path) -> None:
    async with Caller(CallerOptions(media_ports=(32142, 32161))) as caller:
        await caller.call(f"sip:100@127.0.0.1:{daemon.sip_port}")
        caller.record(tmp_path / "heard.wav")
        assert samples(scrape(daemon))["ivr_active_callsline=guest"] == 1
        await caller.quiet(0.5, longest=10.0)
        await caller.press("1")
        await caller.quiet(0.5, longest=10.0)
        await caller.hang_up()
    daemon.records(1)
    found = samples(scrape(daemon))
    assert found["ivr_calls_totalcause=user_hung_up,direction=inbound,line=guest"] == 1
    assert found["ivr_flow_endings_totalcause=user_hung_up,flow=menu"] == 1
    assert found["ivr_active_callsline=guest"] == 0
    for name, longest in (("answer", 1.0), ("first_audio", 2.0), ("digit_reaction", 1.0)):
        assert found[f"ivr_call_{name}_seconds_count"] == 1, name
        assert 0.0 < found[f"ivr_call_{name}_seconds_sum"] < longest, name
    assert found["ivr_rtp_mos_count"] == 1
    assert found["ivr_sip_requests_totaldirection=in,method=INVITE"] >= 1
    assert found["ivr_media_pacing_error_seconds_count"] > 0
    assert found["ivr_line_usableline=pbx"] in (0, 1)
    assert found["process_resident_memory_bytes"] > 10_000_000
    assert 5 < found["process_open_fds"] < found["process_max_fds"]


def test_the_listener_for_figures_alone(daemon: Daemon) -> None:
    (port,) = re.findall(r"metrics: \{listen: \"127.0.0.1:(\d+)\"", daemon.config.read_text())
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
        assert json.load(answer) == {"ready": True}


def test_every_name_of_the_dashboard_and_of_the_alerts_is_measured(daemon: Daemon) -> None:
    measured = known(scrape(daemon))
    for path in (DASHBOARD, ALERTS):
        used = {name for name in NAME.findall(path.read_text()) if name not in {"ivr_ready"}}
        assert used <= measured, (path.name, used - measured)


def test_the_page_describes_every_figure_and_no_other(daemon: Daemon) -> None:
    measured = {name.removesuffix("_bucket") for name in known(scrape(daemon)) if not name.endswith(("_count", "_sum"))}
    described = set(re.findall(r"^\| `((?:ivr|process)_[a-z_]+)", PAGE.read_text(), re.M))
    assert described == {name for name in measured if name.startswith("ivr_")}


def test_the_dashboard_is_what_the_script_writes() -> None:
    made = runpy.run_path(str(DASHBOARD.with_name("dashboard.py")))["dashboard"]()
    assert json.loads(DASHBOARD.read_text()) == made


def test_the_dashboard_holds_together() -> None:
    board: dict[str, Any] = json.loads(DASHBOARD.read_text())
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels) > 30
    taken: set[tuple[int, int]] = set()
    for panel in panels:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        taken |= cells
        for target in panel.get("targets", ()):
            expression = target["expr"]
            assert expression.count("(") == expression.count(")") and "%" not in expression
            assert "$instance" in expression


def test_alerts_are_whole_and_described() -> None:
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    page = PAGE.read_text()
    for rule in group["rules"]:
        assert rule["expr"] and rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"] and rule["annotations"]["description"]
        assert f"`{rule['alert']}`" in page, rule["alert"]
