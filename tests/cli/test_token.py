from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner, Result

from ivr.cli.main import cli
from ivr.cli.token import SCOPES
from ivr.settings import load_settings
from ivr.store import SCOPES as STORED
from ivr.store import TokenTable, split_token


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["--config", str(config), "token", *arguments])


def test_the_scopes_are_those_of_the_store() -> None:
    assert set(SCOPES) == set(STORED)


def test_a_token_is_made_listed_and_taken_back(config_file: Path) -> None:
    assert run(config_file, "list").output == "no tokens\n"
    made = run(config_file, "create", "--name", "crm", "--scope", "events", "--scope", "calls:read", "--expires", "30d")
    assert made.exit_code == 0
    found = split_token(made.output.strip())
    assert found is not None
    key, secret = found
    [row] = json.loads(run(config_file, "list", "--json").output)
    assert (row["id"], row["name"], row["scopes"]) == (key, "crm", ["calls:read", "events"])
    assert round(row["expires_at"] - row["created_at"]) == 30 * 86400
    assert secret not in run(config_file, "list").output
    table = TokenTable.open(load_settings(config_file, {}).store)
    token = table.get(key)
    table.close()
    assert token is not None
    assert token.holds(secret, token.created_at)
    assert run(config_file, "revoke", "crm").output == "1 taken back\n"
    result = run(config_file, "revoke", key)
    assert (result.exit_code, result.output) == (1, f"ivr: there is no token {key}\n")


def test_what_is_no_scope_or_no_time_is_a_usage_error(config_file: Path) -> None:
    assert run(config_file, "create", "--name", "x", "--scope", "all").exit_code == 2
    assert run(config_file, "create", "--name", "x").exit_code == 2
    assert run(config_file, "create", "--name", "x", "--scope", "events", "--expires", "soon").exit_code == 2
