"""Mails of flows, by SMTP.

smtplib blocks, so it runs in a few threads of its own; what waits for them is bounded. Texts of errors hold neither
addresses nor what the server said, which may repeat them.
"""

from __future__ import annotations

import asyncio
import logging
import re
import smtplib
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, localtime, make_msgid, parseaddr

from ivr.flow import ports
from ivr.settings import MailSettings
from ivr.tasks import TaskSet

__all__ = ["Mailer"]

log = logging.getLogger("ivr.outside")

THREADS = 4
"""Mails sent at the same time: servers refuse many connections of one client."""

MAX_WAITING = 500
"""Mails that may wait: at 4 a second two minutes' worth."""

MAX_RECIPIENTS = 20
MAX_TEXT = 100_000
"""Characters of a mail."""
MAX_ATTACHED = 10 * 2**20
"""Bytes of files that go with one mail: servers refuse mails of more than some 20 MB, and a third is added on the way.
Ten minutes of a message are 9.6 MB."""

PORTS = {"starttls": 587, "tls": 465, "none": 25}

_ADDRESS = re.compile(r"[^\s<>@,;:\"\\()\[\]]{1,64}@[^\s<>@,;:\"\\()\[\]]{1,255}")

Done = Callable[[ports.MailDone], None]


class Mailer:
    """Hands mails over to the configured server."""

    def __init__(self, settings: MailSettings | None) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(THREADS, "mail")
        self._tasks = TaskSet()
        self._closed = False

    def mail(self, command: ports.SendMail, done: Done) -> None:
        """Send a mail; `done` is called once, later, whatever happens, unless the mailer is closed before."""
        if self._closed:
            return
        self._tasks.spawn(self._answer(command, done, len(self._tasks) >= MAX_WAITING))

    async def close(self) -> None:
        """Give up what waits; what a thread has begun ends by itself."""
        self._closed = True
        await self._tasks.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _answer(self, command: ports.SendMail, done: Done, busy: bool) -> None:
        error: str | None
        settings = self._settings
        if settings is None:
            error = "there is no mail server (mail in the configuration)"
        elif busy:
            error = "too many mails are waiting"
        else:
            try:
                message, to = _message(command, settings.from_)
                loop = asyncio.get_running_loop()
                error = await loop.run_in_executor(self._threads, _hand_over, settings, command, message, to)
            except (ValueError, MessageError) as problem:
                error = f"not a mail that can be sent: {problem}"
        if error is not None:
            log.warning("a mail could not be sent: %s", error)
        done(ports.MailDone(command.id, error))


def _message(command: ports.SendMail, sender: str) -> tuple[EmailMessage, list[str]]:
    """The mail, and whom it goes to; ValueError where it cannot be one. Its texts show no values."""
    to = [address.strip() for address in command.to if address.strip()]
    if not 0 < len(to) <= MAX_RECIPIENTS:
        raise ValueError(f"it needs 1 to {MAX_RECIPIENTS} recipients")
    if not all(_ADDRESS.fullmatch(address) and address.isprintable() for address in to):
        raise ValueError("a recipient is no address")
    if any(ord(sign) < 32 or ord(sign) == 127 for sign in command.subject):
        raise ValueError("the subject has line breaks in it")
    if len(command.text) > MAX_TEXT:
        raise ValueError(f"the text is longer than {MAX_TEXT} characters")
    message = EmailMessage(policy=SMTP)
    name, address = parseaddr(sender)
    message["From"] = Address(name, addr_spec=address)
    message["To"] = [Address(addr_spec=each) for each in to]
    message["Subject"] = command.subject
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain=address.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"  # nobody's absence notice is to answer it (RFC 3834)
    message.set_content(command.text.encode("utf-8", "replace").decode(), cte="quoted-printable")
    return message, to


def _hand_over(settings: MailSettings, command: ports.SendMail, message: EmailMessage, to: list[str]) -> str | None:
    """Attach the files, and hand a mail over, in a thread; None, or why it failed."""
    size = 0
    for file in command.attachments:
        try:
            with open(file.path, "rb") as source:
                content = source.read(MAX_ATTACHED + 1 - size)
        except OSError as error:
            return f"a file that was to go with it cannot be read ({type(error).__name__})"
        size += len(content)
        if size > MAX_ATTACHED:
            return f"the files that were to go with it are more than {MAX_ATTACHED // 2**20} MiB"
        main, _, sub = file.type.partition("/")
        message.add_attachment(content, maintype=main, subtype=sub, filename=file.name)
    return _send(settings, message, to)


def _send(settings: MailSettings, message: EmailMessage, to: list[str]) -> str | None:
    """Hand a mail over, in a thread; None, or why it failed."""
    port = settings.port or PORTS[settings.tls]
    context = ssl.create_default_context()
    try:
        server: smtplib.SMTP
        if settings.tls == "tls":
            server = smtplib.SMTP_SSL(settings.server, port, timeout=settings.timeout, context=context)
        else:
            server = smtplib.SMTP(settings.server, port, timeout=settings.timeout)
        with server:
            if settings.tls == "starttls":
                server.starttls(context=context)
            if settings.user is not None and settings.password is not None:
                server.login(settings.user, settings.password.get_secret_value())
            refused = server.send_message(message, to_addrs=to)
    except smtplib.SMTPResponseException as error:
        return f"the server answered {error.smtp_code} ({type(error).__name__})"
    except smtplib.SMTPRecipientsRefused as error:
        codes = sorted({code for code, _ in error.recipients.values()})
        return f"the server refused the recipients ({', '.join(map(str, codes))})"
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return f"the server cannot be used ({type(error).__name__})"
    return "the server refused some of the recipients" if refused else None
