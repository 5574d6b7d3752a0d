"""`ivr policy`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from ivr.cli.policy import command

CONFIG = """
phones: {"200": {password: secret}}
lines:
  pbx: {type: sip_trunk, host: pbx.example.net}
  mobile: {type: sip_trunk, host: mobile.example.net}
calendars: {never: {time_zone: UTC, hours: {}}}
outbound_policy:
  phones: ["+49*"]
  line: mobile
  country: DE
  prefixes: {"+4918": deny, "+491": {calls_per_day: 20, minutes_per_day: 60}}
  emergency_line: pbx
  emergency_prefixes: ["0"]
"""


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["030 1234567", "--from", "phone:200"], 0, "may be dialled: nothing forbids it\nline: mobile\n"),
        (["+33123456789", "--from", "phone:200"], 1, "refused: outbound_policy.phones: "),
        (["+4918012345", "--from", "flow:sales"], 1, "refused: outbound_policy.prefixes.+4918: "),
        (["+49171234567", "--from", "phone:200"], 0, "limit of prefix +491: calls_per_day 20, minutes_per_day 60"),
        (["09001234567", "--from", "flow:sales"], 1, "refused: outbound_policy.premium: "),
        (["+4930123", "--from", "guest"], 1, "refused: outbound_policy.guests: "),
        (["0112", "--from", "phone:200"], 0, "an emergency number\nline: pbx\n"),
        (["112", "--from", "nobody"], 2, "is none of phone:USER"),
        (["112", "--from", "phone:300"], 2, "there is no phone 300"),
    ],
)
def test_what_is_told(tmp_path: Path, arguments: list[str], code: int, told: str) -> None:
    config = tmp_path / "ivr.yaml"
    config.write_text(CONFIG)
    done = CliRunner().invoke(command, [*arguments, "--config", str(config)])
    assert (done.exit_code, told in done.output) == (code, True), done.output


def test_as_json_and_outside_of_the_hours(tmp_path: Path) -> None:
    config = tmp_path / "ivr.yaml"
    config.write_text(CONFIG + "  hours: never\n")
    done = CliRunner().invoke(command, ["+4930123456", "--from", "phone:200", "--json", "--config", str(config)])
    found = json.loads(done.stdout)
    assert (done.exit_code, found["allowed"], found["rule"], found["line"]) == (1, False, "hours", "mobile")


def test_without_a_line_nothing_is_dialled(tmp_path: Path) -> None:
    config = tmp_path / "ivr.yaml"
    config.write_text("phones: {'200': {password: x}}\noutbound_policy: {phones: ['*']}\n")
    done = CliRunner().invoke(command, ["100", "--from", "phone:200", "--config", str(config)])
    assert (done.exit_code, "there is no line" in done.output) == (1, True)
