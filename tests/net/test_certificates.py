"""Certificates: whose they are, when they end, and how new ones are taken up."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from ivr.errors import ConfigError
from ivr.net import TlsFiles
from ivr.net.certificates import expiry, proves
from ivr.net.tls import TlsContexts
from tests.kit.certificate import make_certificate
from tests.kit.node import Node, Peer, options
from tests.kit.waiting import until


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"), "pbx.example.net")


def names(*found: tuple[str, str]) -> dict[str, object]:
    return {"subjectAltName": found}


@pytest.mark.parametrize(
    ("certificate", "domain", "expected"),
    [
        (names(("DNS", "example.net")), "example.net", True),
        (names(("DNS", "EXAMPLE.net")), "example.NET.", True),
        (names(("DNS", "example.net")), "pbx.example.net", False),
        (names(("DNS", "pbx.example.net")), "example.net", False),
        (names(("URI", "sip:example.net"), ("DNS", "pbx.example.net")), "example.net", True),
        (names(("URI", "sip:example.net"), ("DNS", "pbx.example.net")), "pbx.example.net", False),
        (names(("URI", "sip:alice@example.net"), ("DNS", "pbx.example.net")), "pbx.example.net", True),
        (names(("URI", "sip:alice@example.net")), "example.net", False),
        (names(("URI", "https://example.net")), "example.net", False),
        (names(("DNS", "*.example.net")), "pbx.example.net", False),
        (names(("IP Address", "192.0.2.1")), "192.0.2.1", True),
        (names(("IP Address", "2001:DB8:0:0:0:0:0:1")), "[2001:db8::1]", True),
        (names(("DNS", "192.0.2.1")), "192.0.2.1", False),
        ({"subject": ((("commonName", "example.net"),),)}, "example.net", False),
        ({}, "example.net", False),
    ],
)
def test_whose_a_certificate_is(certificate: dict[str, object], domain: str, expected: bool) -> None:
    assert proves(certificate, domain, wildcards=False) is expected


def test_wildcards_stand_for_one_label_where_they_are_permitted() -> None:
    certificate = names(("DNS", "*.example.net"))
    assert proves(certificate, "pbx.example.net", wildcards=True)
    assert not proves(certificate, "a.pbx.example.net", wildcards=True)
    assert not proves(certificate, "example.net", wildcards=True)
    assert not proves(names(("DNS", "*.net")), "example.net", wildcards=True)


def test_when_a_certificate_ends(certificate: Path) -> None:
    text = subprocess.run(
        ["openssl", "x509", "-in", str(certificate), "-noout", "-enddate"], capture_output=True, text=True, check=True
    ).stdout
    assert expiry(certificate) == ssl.cert_time_to_seconds(text.strip().partition("=")[2])
    state = TlsContexts(TlsFiles(certificate), serves=True).certificates[0]
    assert 1.9 < state.days_left(time.time()) < 2.1 and state.ends_soon(time.time())


@pytest.mark.parametrize("text", ["", "-----BEGIN CERTIFICATE-----\n", "no certificate"])
def test_what_is_no_certificate(tmp_path: Path, text: str) -> None:
    (tmp_path / "cert.pem").write_text(text)
    with pytest.raises(ValueError, match="certificate"):
        expiry(tmp_path / "cert.pem")
    with pytest.raises(ConfigError, match="TLS cannot be set up"):
        TlsContexts(TlsFiles(tmp_path / "cert.pem"), serves=True)


def test_a_key_with_a_passphrase_is_refused_and_nobody_is_asked(certificate: Path, tmp_path: Path) -> None:
    key = tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "rsa", "-in", str(certificate), "-aes128", "-passout", "pass:word", "-out", str(key)],
        check=True,
        capture_output=True,
    )
    with pytest.raises(ConfigError, match="passphrase"):
        TlsContexts(TlsFiles(certificate, key), serves=True)


async def serial(port: int) -> bytes:
    """The certificate that a node shows."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    peer = await Peer.to(port, ssl=context)
    peer.write(options(transport="TLS"))
    assert (await peer.read()).startswith(b"SIP/2.0 200")
    found: bytes = peer.writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    peer.close()
    return found


async def test_new_files_are_taken_up_and_bad_ones_are_not(
    certificate: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "both.pem"
    shutil.copy(certificate, path)
    monkeypatch.setattr("ivr.net.shell.FILES_EVERY", 0.02)
    async with Node("tls", tls=TlsFiles(path)) as node:
        old = await serial(node.port("tls"))
        path.write_text("half a fi")
        await until(lambda: "do not hold" in caplog.text)
        assert await serial(node.port("tls")) == old
        assert not node.shell.reload_tls()
        (tmp_path / "new").mkdir()
        shutil.copy(make_certificate(tmp_path / "new", "pbx.example.net"), path)
        assert node.shell.reload_tls()
        assert await serial(node.port("tls")) != old
        assert node.shell.certificates()[0].path == path
    assert caplog.text.count("do not hold") >= 2
    assert "ends in" in caplog.text
    async with Node("udp") as plain:
        assert plain.shell.reload_tls() and plain.shell.certificates() == []
