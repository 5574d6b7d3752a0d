from __future__ import annotations

import os
from pathlib import Path

import pytest

from ivr.errors import ConfigError
from ivr.settings import find_config, load_settings, parse_settings

ROOT = Path(__file__).resolve().parents[2]


def faults(text: str, environ: dict[str, str] | None = None, path: str = "/etc/ivr/ivr.yaml") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse_settings(text, Path(path), environ or {})
    return [str(fault).removeprefix(f"{path}:") for fault in caught.value.faults]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("sip:\n  listn: []\n", "2: sip.listn: unknown key, did you mean listen?"),
        (
            "qqq: 1\n",
            "1: qqq: unknown key (expected one of sip, media, flows, time_zone, watch_flows, prompts, recordings, "
            "cache, store, http, speech, lines, phones, agents, queues, waiting, statuses, dispositions, "
            "telephone_codes, calendars, "
            "ai_agents, applications, connectors, mail, webhooks, routes, outbound_policy, settings, security, "
            "user, group, retention, capture, log, metrics, health, limits)",
        ),
        (
            'sip: {listen: ["foo:1"]}\n',
            "1: sip.listen.0: not a listener (found foo:1; expected transport:address:port, like udp:0.0.0.0:5060)",
        ),
        ("sip: {listen: []}\n", "1: sip.listen: at least one is needed"),
        (
            "media: {ports: 20002}\n",
            "1: media.ports: not a range of ports "
            "(found 20002; expected first-last between 1024 and 65535, like 20002-29999)",
        ),
        (
            "media: {codecs: [mp3]}\n",
            "1: media.codecs.0: not one of the values allowed (found mp3; expected 'pcmu', 'pcma', 'g722' or 'opus')",
        ),
        ("media: {codecs: [pcmu, pcmu]}\n", "1: media.codecs: a value stands twice"),
        (
            "limits: {drain_timeout: soon}\n",
            "1: limits.drain_timeout: not a duration "
            "(found soon; expected seconds, or a number with ms, s, m, h or d (250ms, 20s, 5m, 48h, 1d))",
        ),
        ("limits: 3\n", "1: limits: must be a mapping of keys (found 3)"),
        ("phones: {200: {password: x}}\n", '1: phones: quote the digits: "200" (found 200; expected text in quotes)'),
        ("phones: {'200': {password: 1234}}\n", "1: phones.200.password: quote the digits"),
        ("phones: {'200': {name: x}}\n", "1: phones.200.password: a key is missing"),
        ("phones: {'200': {pasword: x, password: y}}\n", "1: phones.200.pasword: unknown key, did you mean password?"),
        ("lines:\n  pbx: {type: sip_trunk}\n", "2: lines.pbx.host: a key is missing"),
        (
            "lines:\n  pbx: {type: sip_trunk, host: h, hots: x}\n",
            "2: lines.pbx.hots: unknown key, did you mean host?",
        ),
        (
            "lines:\n  pbx: {type: sip_trunk, host: h, register: {user: 4711, password: x}}\n",
            "2: lines.pbx.register.user: quote the digits (found 4711)",
        ),
        (
            "lines:\n  pbx: {type: sip_trunk, host: h, match: [here]}\n",
            "2: lines.pbx.match.0: not a network (found here; expected an address or CIDR like 192.0.2.0/24)",
        ),
        (
            "lines:\n  pbx: {type: trunk}\n",
            "2: lines.pbx: unknown type (expected 'sip_trunk', 'gateway', 'modem', 'sound_card')",
        ),
        (
            "lines:\n  pbx: {}\n",
            "2: lines.pbx: type is missing (expected sip_trunk, gateway, modem or sound_card)",
        ),
        ("store: ivr.db\n", "1: store: not a database URL (found ivr.db; expected like sqlite:///var/ivr.db)"),
        (
            "http: {listen: '8080'}\n",
            "1: http.listen: not an address (found 8080; expected host:port, like 127.0.0.1:8080)",
        ),
        ("[1, 2]\n", "1: the configuration must be a mapping of keys"),
        ("a: b: c\n", "1: not valid YAML: mapping values are not allowed in this context"),
    ],
)
def test_a_fault_names_its_place_what_was_found_and_what_was_expected(text: str, fault: str) -> None:
    assert faults(text) == [fault]


def test_all_faults_are_told_in_the_order_of_the_file() -> None:
    told = faults("spech: 1\nmedia: {timeout: x}\nsip: {lisen: 1}\n")
    assert [line.split(":")[0] for line in told] == ["1", "2", "3"]


def test_a_wrong_password_is_not_shown() -> None:
    assert "hunter2" not in " ".join(faults("phones: {'200': {password: [hunter2]}}\n"))


def test_a_line_that_health_asks_for_must_exist() -> None:
    assert faults("health: {lines: [pbx]}\n") == [
        "1: health.lines: there is no such line (found pbx; expected none is configured)"
    ]


def test_a_line_that_the_policy_names_must_exist() -> None:
    assert faults("outbound_policy: {line: pbx}\n") == [
        "1: outbound_policy.line: there is no such line (found pbx; expected none is configured)"
    ]


def test_secrets_come_from_the_environment_then_from_files(tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    (folder / "A").write_text("from a file\n")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "B").write_text("from beside\n")
    text = "phones: {'1': {password: !secret A}, '2': {password: !secret B}, '3': {password: !secret C}}\n"
    environ = {"CREDENTIALS_DIRECTORY": str(folder), "C": "from the environment"}
    settings = parse_settings(text, tmp_path / "ivr.yaml", environ)
    assert [phone.password.get_secret_value() for phone in settings.phones.values()] == [
        "from a file",
        "from beside",
        "from the environment",
    ]
    assert "from a file" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("NOWHERE", "secret NOWHERE is neither in the environment nor in"),
        ("../../etc/passwd", "!secret takes a name of letters, digits and _"),
        ("BIG", "secret BIG is longer than 65536 bytes"),
        ("BINARY", "secret BINARY is not text"),
    ],
)
def test_secrets_that_cannot_be_read(tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "BIG").write_text("x" * 70_000)
    (tmp_path / "secrets" / "BINARY").write_bytes(b"\xff\xfe")
    path = str(tmp_path / "ivr.yaml")
    (fault,) = faults(f"phones: {{'1': {{password: !secret {name}}}}}\n", path=path)
    assert fault.startswith(f"1: phones.1.password: {sentence}")


def test_the_file_is_found_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ivr.settings.loading.CONFIG_PLACES", (Path("config/ivr.yaml"), tmp_path / "etc.yaml"))
    assert find_config(None, {}) is None
    (tmp_path / "etc.yaml").write_text("")
    assert find_config(None, {}) == tmp_path / "etc.yaml"
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "ivr.yaml").write_text("")
    assert find_config(None, {}) == Path("config/ivr.yaml")
    (tmp_path / "named.yaml").write_text("")
    assert find_config(None, {"IVR_CONFIG": "named.yaml"}) == Path("named.yaml")
    assert find_config("etc.yaml", {"IVR_CONFIG": "named.yaml"}) == Path("etc.yaml")


def test_a_named_file_must_exist() -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: there is no such file \(--config\)"):
        find_config("nowhere.yaml", {})
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: there is no such file \(IVR_CONFIG\)"):
        load_settings(None, {"IVR_CONFIG": "nowhere.yaml"})


def test_without_a_file_the_defaults_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ivr.settings.loading.CONFIG_PLACES", ())
    settings = load_settings(None, {})
    assert settings.source is None
    assert settings.flows == tmp_path / "flows"


def test_paths_start_at_the_file() -> None:
    settings = parse_settings("flows: f\nrecordings: /srv/rec\n", Path("/etc/ivr/ivr.yaml"), {})
    assert settings.flows == Path("/etc/ivr/f")
    assert settings.recordings == Path("/srv/rec")
    assert settings.store == "sqlite:////etc/ivr/var/ivr.db"
    assert settings.source == Path("/etc/ivr/ivr.yaml")


def test_the_example_configuration_is_valid() -> None:
    secrets = {**os.environ, "PHONE_200": "a", "PHONE_201": "b"}
    settings = load_settings(ROOT / "config" / "ivr.yaml", secrets)
    assert settings.flows == ROOT / "config" / "flows"


def test_every_key_of_the_documentation_is_known_and_the_other_way_round() -> None:
    from ivr.settings import Settings

    text = (ROOT / "docs" / "configuration.md").read_text()
    for name, field in Settings.model_fields.items():
        assert f"`{name}`" in text or f"## {name}" in text, name
        for inner in getattr(field.annotation, "model_fields", {}):
            assert f"`{inner}`" in text, f"{name}.{inner}"


def test_what_reaches_nothing_needs_no_secrets(tmp_path: Path) -> None:
    path = tmp_path / "ivr.yaml"
    path.write_text("phones: {'1': {password: !secret NOWHERE}}\n")
    with pytest.raises(ConfigError):
        load_settings(path, {})
    settings = load_settings(path, {}, need_secrets=False)
    assert settings.phones["1"].password.get_secret_value() == "no-secret-NOWHERE"
    path.write_text("phones: {'1': {password: !secret ../NOWHERE}}\n")
    with pytest.raises(ConfigError, match="takes a name"):
        load_settings(path, {}, need_secrets=False)
