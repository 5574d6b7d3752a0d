"""Mailboxes that nothing can reach: messages for them stay recordings."""

from __future__ import annotations

from ivr.settings.sections import Settings

__all__ = ["mailboxes_without_mail"]


def mailboxes_without_mail(settings: Settings) -> list[str]:
    """A sentence for each mailbox, where there is no mail server."""
    if settings.mail is not None:
        return []
    why = "there is no mail server (mail): messages are kept as recordings, and nobody is told"
    boxes = [f"queues.{name}.voicemail" for name, queue in settings.queues.items() if queue.voicemail is not None]
    boxes += [f"agents.{name}.email" for name, agent in settings.agents.items() if agent.email is not None]
    return [f"{box}: {why}" for box in boxes]
