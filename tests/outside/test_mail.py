from __future__ import annotations

import asyncio
import email
import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from ivr.flow.ports import MailAttachment, MailDone, SendMail
from ivr.outside import mail
from ivr.outside.mail import Mailer
from ivr.settings import MailSettings
from tests.kit.smtp import SmtpServer


@asynccontextmanager
async def mailer(smtp: SmtpServer, **fields: Any) -> AsyncIterator[Mailer]:
    settings = {"server": "127.0.0.1", "port": smtp.port, "tls": "none", "from": "Front desk <ivr@example.com>"}
    found = Mailer(MailSettings.model_validate(settings | fields))
    try:
        yield found
    finally:
        await found.close()


async def send(
    mailer: Mailer, to: tuple[str, ...] = ("a@example.com",), subject: str = "Hello", text: str = "Hi"
) -> Any:
    waiting: asyncio.Future[MailDone] = asyncio.get_running_loop().create_future()
    mailer.mail(SendMail(7, to, subject, text), waiting.set_result)
    done = await waiting
    assert done.id == 7
    return done.error


async def test_a_mail_is_handed_over() -> None:
    async with SmtpServer() as server, mailer(server) as found:
        error = await send(found, ("a@example.com", "b@example.com"), "Grüße", "Zeile 1\nZeile 2 ä\n.\n" + "x" * 2000)
    assert error is None
    sender, to, text = server.mails[0]
    assert (sender, to) == ("ivr@example.com", ["a@example.com", "b@example.com"])
    message = email.message_from_string(text, policy=default)
    assert message["Subject"] == "Grüße" and message["From"] == "Front desk <ivr@example.com>"
    assert message["To"] == "a@example.com, b@example.com" and message["Date"] and message["Message-ID"]
    assert message["Auto-Submitted"] == "auto-generated"
    body = message.get_body()
    assert body is not None and body.get_content().splitlines()[:2] == ["Zeile 1", "Zeile 2 ä"]
    assert "x" * 2000 in body.get_content()


@pytest.mark.parametrize(
    ("to", "subject", "text", "words"),
    [
        (("a@example.com\r\nRCPT TO:<x@y>",), "s", "t", "a recipient is no address"),
        (("a@example.com>",), "s", "t", "a recipient is no address"),
        (("nobody",), "s", "t", "a recipient is no address"),
        ((), "s", "t", "it needs 1 to 20 recipients"),
        (("a@example.com",) * 21, "s", "t", "it needs 1 to 20 recipients"),
        (("a@example.com",), "s\nBcc: x@example.com", "t", "the subject has line breaks in it"),
        (("a@example.com",), "s", "t" * 100_001, "the text is longer than 100000 characters"),
    ],
)
async def test_what_cannot_be_sent_is_not(to: tuple[str, ...], subject: str, text: str, words: str) -> None:
    async with SmtpServer() as server, mailer(server) as found:
        assert await send(found, to, subject, text) == f"not a mail that can be sent: {words}"
    assert not server.mails


@pytest.mark.parametrize(
    ("refuse", "error"),
    [
        ({"RCPT TO:<A@": "550 no such user a@example.com"}, "the server refused the recipients (550)"),
        ({"MAIL FROM": "553 not you"}, "the server answered 553 (SMTPSenderRefused)"),
        ({"DATA": "554 spam"}, "the server answered 554 (SMTPDataError)"),
        ({"AUTH": "535 wrong password geheim"}, "the server answered 535 (SMTPAuthenticationError)"),
        ({"EHLO": "500 ?", "HELO": "500 ?"}, "the server answered 500 (SMTPHeloError)"),
    ],
)
async def test_what_the_server_refuses(refuse: dict[str, str], error: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with SmtpServer(refuse=refuse) as server, mailer(server, user="ivr", password="geheim") as found:
        assert await send(found, subject="Geheimnis", text="Geheimnis") == error
    assert "example.com" not in caplog.text and "eheim" not in caplog.text


async def test_some_recipients_refused() -> None:
    async with SmtpServer(refuse={"RCPT TO:<B@": "550 no"}) as server, mailer(server) as found:
        assert await send(found, ("a@example.com", "b@example.com")) == "the server refused some of the recipients"
    assert server.mails[0][1] == ["a@example.com"]


async def test_a_server_that_is_not_there_or_silent() -> None:
    async with SmtpServer(silent=True) as server, mailer(server, timeout=0.2) as found:
        assert await send(found) == "the server cannot be used (SMTPServerDisconnected)"
    async with mailer(server) as found:
        assert await send(found) == "the server cannot be used (ConnectionRefusedError)"


async def test_without_a_server_nothing_is_sent() -> None:
    found = Mailer(None)
    assert await send(found) == "there is no mail server (mail in the configuration)"
    await found.close()
    found.mail(SendMail(1, ("a@example.com",), "s", "t"), lambda done: pytest.fail("closed"))


async def test_mails_that_wait_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "MAX_WAITING", 2)
    async with SmtpServer() as server, mailer(server) as found:
        errors = await asyncio.gather(*(send(found) for _ in range(4)))
    assert sorted(map(str, errors)) == ["None", "None", "too many mails are waiting", "too many mails are waiting"]


# TLS


@pytest.mark.parametrize("at_once", [False, True])
async def test_over_tls(trusted: ssl.SSLContext, at_once: bool) -> None:
    fields = {"server": "localhost", "tls": "tls" if at_once else "starttls", "user": "ivr", "password": "geheim"}
    async with SmtpServer(tls=trusted, at_once=at_once) as server, mailer(server, **fields) as found:
        assert await send(found) is None
    assert server.secured == [True] and server.logins == ["ivr:geheim"]


async def test_a_certificate_that_is_not_trusted_or_another_name(
    certificate: Path, trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with SmtpServer(tls=trusted) as server:
        async with mailer(server, tls="starttls") as found:
            assert await send(found) == "the server cannot be used (SSLCertVerificationError)"
        monkeypatch.delenv("SSL_CERT_FILE")
        async with mailer(server, server="localhost", tls="starttls") as found:
            assert await send(found) == "the server cannot be used (SSLCertVerificationError)"
    assert not server.mails


async def test_a_server_without_starttls_gets_neither_mail_nor_password() -> None:
    async with SmtpServer() as server, mailer(server, tls="starttls", user="ivr", password="geheim") as found:
        assert await send(found) == "the server cannot be used (SMTPNotSupportedError)"
    assert not server.mails and not server.logins


@pytest.mark.parametrize(
    "fields",
    [{"from": "nobody"}, {"from": "a@b\nBcc: x@y"}, {"user": "a"}, {"tls": "ssl"}, {"port": 0}],
)
def test_settings_that_are_none(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        MailSettings.model_validate({"server": "h", "from": "a@b"} | fields)


async def test_a_recording_goes_with_a_mail(tmp_path: Path) -> None:
    (tmp_path / "m.wav").write_bytes(b"RIFF" + bytes(300))
    file = MailAttachment(str(tmp_path / "m.wav"), "message.wav", "audio/x-wav")
    async with SmtpServer() as server, mailer(server) as found:
        waiting: asyncio.Future[MailDone] = asyncio.get_running_loop().create_future()
        found.mail(SendMail(7, ("a@example.com",), "s", "t", attachments=(file,)), waiting.set_result)
        assert (await waiting).error is None
    message = email.message_from_string(server.mails[0][2], policy=default)
    (part,) = message.iter_attachments()
    assert part.get_filename() == "message.wav" and part.get_content_type() == "audio/x-wav"
    assert part.get_content() == b"RIFF" + bytes(300)
    body = message.get_body()
    assert body is not None and body.get_content().strip() == "t"


@pytest.mark.parametrize(("size", "words"), [(None, "cannot be read"), (2000, "more than")])
async def test_a_file_that_cannot_go_with_a_mail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int | None, words: str
) -> None:
    monkeypatch.setattr(mail, "MAX_ATTACHED", 1000)
    if size is not None:
        (tmp_path / "m.wav").write_bytes(bytes(size))
    async with SmtpServer() as server, mailer(server) as found:
        waiting: asyncio.Future[MailDone] = asyncio.get_running_loop().create_future()
        file = MailAttachment(str(tmp_path / "m.wav"), "message.wav")
        found.mail(SendMail(7, ("a@example.com",), "s", "t", attachments=(file,)), waiting.set_result)
        error = (await waiting).error
    assert error is not None and words in error and str(tmp_path) not in error
    assert not server.mails
