"""What can go wrong with a prompt.

MediaError
└── PromptError             the prompt cannot be had; the text is a sentence for a person
    └── PromptBusyError     too many prompts are in the making; the same request may succeed a little later
EngineError                 a speech engine failed at one job (inside this package: another engine may do it)
└── EngineLostError         ... because its process hung or died
"""

from __future__ import annotations

from media.errors import MediaError

__all__ = ["EngineError", "EngineLostError", "PromptBusyError", "PromptError"]


class PromptError(MediaError):
    """A prompt can be neither spoken, nor fetched, nor decoded. Never holds the text to speak: it may be private."""


class PromptBusyError(PromptError):
    """More prompts are being made than may wait."""

    retryable = True


class EngineError(Exception):
    """A speech engine could not do its job, and says why."""


class EngineLostError(EngineError):
    """The engine's process hung or died during the job."""
