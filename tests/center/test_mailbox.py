"""Messages of callers as mails, through the mailer of the daemon to a server."""

from __future__ import annotations

import asyncio
import email
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest

from ivr.center import mailbox
from ivr.center.mailbox import Mailbox
from ivr.flow.ports import DeliverVoicemail, MailDone, SendMail
from ivr.outside.mail import Mailer
from ivr.settings import Settings, mailboxes_without_mail, parse_settings
from tests.kit.smtp import SmtpServer

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
BOXES = """
time_zone: Europe/Berlin
agents: {anna: {name: Anna Berg, email: anna@example.com}, ben: {}}
queues: {sales: {name: Sales, voicemail: {email: [sales@example.com, boss@example.com]}}, support: {}}
"""


def settings(port: int = 0) -> Settings:
    mail = f"mail: {{server: 127.0.0.1, port: {port}, tls: none, from: ivr@example.com}}\n" if port else ""
    return parse_settings(mail + BOXES, Path("ivr.yaml"), {})


async def mails(message: DeliverVoicemail, count: int = 1) -> list[EmailMessage]:
    """What comes to the server."""
    async with SmtpServer() as server:
        told = settings(server.port)
        mailer = Mailer(told.mail)
        sent = asyncio.Event()

        def send(mail: SendMail, done: Callable[[MailDone], None]) -> None:
            mailer.mail(mail, lambda told: (done(told), sent.set())[0])

        box = Mailbox(lambda: told, send)
        assert box.deliver(message, "c1", 42, AT) is (count > 0)
        if count:
            await sent.wait()
        assert (box.sent, box.failed) == (count, 0)
        await mailer.close()
        found = [email.message_from_string(text, policy=default) for _, _, text in server.mails]
    assert all(isinstance(mail, EmailMessage) for mail in found)
    return found  # type: ignore[return-value]


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "message-7.wav"
    path.write_bytes(b"RIFF" + bytes(1000))
    return path


async def test_a_message_for_a_queue(recording: Path) -> None:
    (mail,) = await mails(DeliverVoicemail(str(recording), 12.4, queue="sales", caller="+4930123456"))
    assert mail["To"] == "sales@example.com, boss@example.com" and mail["Subject"] == "Message for Sales, call 42"
    body = mail.get_body()
    assert body is not None
    text = body.get_content()
    assert "From: +4930123456" in text and "At: 2026-03-02 10:29:47 CET" in text and "Length: 12 seconds" in text
    (part,) = mail.iter_attachments()
    assert part.get_filename() == "message-42.wav" and part.get_content_type() == "audio/x-wav"
    assert part.get_content() == b"RIFF" + bytes(1000)


async def test_a_message_for_an_agent_goes_to_him_alone(recording: Path) -> None:
    (mail,) = await mails(DeliverVoicemail(str(recording), 3.0, queue="sales", agent="anna"))
    assert mail["To"] == "anna@example.com" and mail["Subject"] == "Message for Anna Berg, call 42"


async def test_an_agent_without_a_mailbox_shares_that_of_the_queue(recording: Path) -> None:
    (mail,) = await mails(DeliverVoicemail(str(recording), 3.0, queue="sales", agent="ben"))
    assert "sales@example.com" in mail["To"]


async def test_nobody_has_a_mailbox(recording: Path) -> None:
    assert await mails(DeliverVoicemail(str(recording), 3.0, queue="support"), 0) == []


async def test_a_long_message_is_told_of_and_stays(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mailbox, "MAX_ATTACHED", 500)
    (mail,) = await mails(DeliverVoicemail(str(recording), 900.0, queue="sales"))
    body = mail.get_body()
    assert body is not None and "kept as message-7.wav" in body.get_content()
    assert not list(mail.iter_attachments())


def test_a_mailbox_without_a_mail_server_is_found() -> None:
    found = mailboxes_without_mail(settings())
    assert [one.partition(":")[0] for one in found] == ["queues.sales.voicemail", "agents.anna.email"]
    assert mailboxes_without_mail(settings(25)) == []
