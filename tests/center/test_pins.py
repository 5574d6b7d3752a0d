"""Codes of agents are kept hashed, and found by what is keyed in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ivr.center.pins import find_agent, hashed_code, is_hashed, new_salt
from ivr.center.roster import Roster
from ivr.errors import ConfigError
from ivr.settings import Agent, parse_settings

CONFIG = """
phones: {"200": {password: a}}
agents: {anna: {phones: ["200"], code: "1234"}, ben: {enabled: false, code: "9999"}}
"""


def roster(kept: dict[str, dict[str, Any]], config: str = CONFIG) -> Roster:
    def keep(kind: str, key: str, value: Any) -> None:
        kept.setdefault(kind, {})[key] = value

    return Roster(parse_settings(config, Path("ivr.yaml"), {}), kept, keep)


def put(own: Roster, name: str, code: str) -> None:
    own.put_agent(name, own.coded(name, Agent.model_validate({"code": code}))())


def test_no_code_stands_in_the_store() -> None:
    kept: dict[str, dict[str, Any]] = {}
    first = roster(kept)
    put(first, "eve", "0815471123")
    assert "0815471123" not in json.dumps(kept)
    assert find_agent(first.settings.agents, "0815471123") == "eve"
    again = roster(kept)
    assert find_agent(again.settings.agents, "0815471123") == "eve"
    assert find_agent(again.settings.agents, "815471123") is None
    assert find_agent(again.settings.agents, "1234") == "anna"
    assert find_agent(again.settings.agents, "9999") is None, "ben is not enabled"
    code = again.settings.agents["eve"].code
    assert code is not None and find_agent(again.settings.agents, code.get_secret_value()) is None


def test_each_code_is_one_agents() -> None:
    kept: dict[str, dict[str, Any]] = {}
    own = roster(kept)
    put(own, "eve", "77")
    put(own, "zoe", "99")
    for name, code in (("carl", "1234"), ("carl", "77"), ("eve", "99")):
        with pytest.raises(ConfigError) as caught:
            put(own, name, code)
        assert str(caught.value).count("somebody else has this already") == 1
        assert f"agents.{name}.code" in str(caught.value), "and not whose it is"
        assert not any(other in str(caught.value) for other in {"anna", "ben", "eve", "zoe"} - {name})
    # Somebody has got a code in ivr.yaml that one of the store has already: neither is let in by it.
    both = roster(kept, CONFIG.replace("1234", "77"))
    assert find_agent(both.settings.agents, "77") is None


@pytest.mark.parametrize("code", ["", "12a", "1" * 13, "٣٤", hashed_code("1", "00" * 16)])
def test_what_is_no_code_is_refused(code: str) -> None:
    with pytest.raises(ConfigError, match="not a code"):
        put(roster({}), "eve", code)


def test_what_an_earlier_release_has_written_is_hashed_at_the_start() -> None:
    kept: dict[str, dict[str, Any]] = {"agent_made": {"eve": {"code": "0815471123"}}}
    found = roster(kept).settings.agents
    assert "0815471123" not in json.dumps(kept)
    assert find_agent(found, "0815471123") == "eve"
    written = kept["agent_made"]["eve"]["code"]
    assert is_hashed(written)
    roster(kept)
    assert kept["agent_made"]["eve"]["code"] == written


def test_what_is_not_hashed_is_not_kept() -> None:
    kept: dict[str, dict[str, Any]] = {}
    with pytest.raises(ValueError, match="kept hashed"):
        roster(kept).put_agent("eve", Agent.model_validate({"code": "0815"}))
    assert kept == {}


def test_salts_differ() -> None:
    assert hashed_code("1", new_salt()) != hashed_code("1", new_salt())
