"""The container file's text: no engine builds it here. What it names exists, and agrees with the rest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from ivr.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "container"


def instructions() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n", " ", (FOLDER / "Containerfile").read_text())
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return [(word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in lines)]


def test_every_instruction_is_one() -> None:
    allowed = {
        *("FROM", "RUN", "COPY", "ENV", "USER", "WORKDIR", "VOLUME"),
        *("EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"),
    }
    assert {word for word, _ in instructions()} <= allowed


def test_what_is_copied_is_there() -> None:
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source


def test_it_does_not_run_as_root_and_tells_how_it_is() -> None:
    words = dict(instructions())
    assert words["USER"] == "10001"
    assert "/healthz" in words["HEALTHCHECK"]
    assert words["ENTRYPOINT"] == '["ivr", "--config", "/etc/ivr/ivr.yaml"]'


def test_the_ports_are_those_of_its_configuration() -> None:
    settings = load_settings(FOLDER / "ivr.yaml", {})
    exposed = dict(instructions())["EXPOSE"].split()
    assert f"{settings.media.ports}/udp" in exposed
    assert f"{settings.sip.listen[0].port}/udp" in exposed
    assert f"{settings.http.listen.port}/tcp" in exposed
    assert settings.token_file == Path("/var/lib/ivr/api.token")


def test_compose_leaves_time_to_drain() -> None:
    service: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())["services"]["ivr"]
    assert service["network_mode"] == "host"
    drain = load_settings(FOLDER / "ivr.yaml", {}).limits.drain_timeout
    assert int(service["stop_grace_period"].removesuffix("s")) > drain
    assert (FOLDER / service["build"]["context"] / service["build"]["dockerfile"]).exists()
