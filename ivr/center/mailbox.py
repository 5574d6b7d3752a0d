"""Messages of callers for the mailboxes of queues and agents: as mails with the recording."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

from ivr.call.naming import safe_name
from ivr.flow import ports
from ivr.settings import Settings

__all__ = ["MAX_ATTACHED", "Mailbox"]

log = logging.getLogger("ivr.center")

MAX_ATTACHED = 8 * 2**20
"""Bytes of a recording that goes with a mail: eight minutes as WAV. A longer one is told of, and stays here."""
TYPES = {".wav": "audio/x-wav", ".ulaw": "audio/basic"}

Send = Callable[[ports.SendMail, Callable[[ports.MailDone], None]], None]


class Mailbox:
    """Sends them."""

    def __init__(self, settings: Callable[[], Settings], send: Send) -> None:
        """`settings` as they hold now; `send` never blocks."""
        self._settings = settings
        self._send = send
        self.sent = 0
        """Messages that went to a mailbox."""
        self.failed = 0
        """Messages that did not; their recordings are kept."""

    def deliver(self, message: ports.DeliverVoicemail, call: str, short_id: int | None, ended: datetime) -> bool:
        """Send a message that `ended` then; False where nobody has a mailbox for it: the recording is all there is
        then. The mail says when it began, in the configured time zone."""
        settings = self._settings()
        to, whose = _mailbox(settings, message)
        if not to:
            return False
        path = Path(message.recording)
        at = (ended - timedelta(seconds=message.seconds)).astimezone(settings.zone)
        lines = [
            f"A caller has left a message for {whose}.",
            "",
            f"From: {message.caller or 'not known'}",
            f"At: {at.strftime('%Y-%m-%d %H:%M:%S %Z').strip()}",
            f"Length: {round(message.seconds)} seconds",
            f"Call: {short_id or ''} ({call})".replace(":  (", ": ("),
        ]
        attachments: tuple[ports.MailAttachment, ...] = ()
        try:
            fits = path.stat().st_size <= MAX_ATTACHED
        except OSError:
            fits = False
        if fits:
            name = safe_name(f"message-{short_id or call}{path.suffix}", "message")
            kind = TYPES.get(path.suffix.lower(), "application/octet-stream")
            attachments = (ports.MailAttachment(str(path), name, kind),)
        else:
            lines += ["", f"The recording is not attached: it is too large. It is kept as {path.name}."]
        subject = f"Message for {whose}" + (f", call {short_id}" if short_id else "")
        mail = ports.SendMail(0, to, _line(subject), "\n".join(lines) + "\n", True, attachments)
        self._send(mail, self._done)
        return True

    def _done(self, done: ports.MailDone) -> None:
        if done.error is None:
            self.sent += 1
        else:
            self.failed += 1
            log.error("a message did not come to its mailbox, its recording is kept: %s", done.error)


def _mailbox(settings: Settings, message: ports.DeliverVoicemail) -> tuple[tuple[str, ...], str]:
    """Addresses, and whose they are: those of the agent, else those of the queue."""
    agent = settings.agents.get(message.agent)
    if agent is not None and agent.email is not None:
        return (agent.email,), agent.name or message.agent
    queue = settings.queues.get(message.queue)
    if queue is not None and queue.voicemail is not None:
        return queue.voicemail.email, queue.name or message.queue
    return (), ""


def _line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
