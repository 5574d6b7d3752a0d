"""Prompts: text to speech, decoding and fetching of sound files, and the cache of what came of them."""

from media.face import Sound
from media.prompts.editing import Edit, Edited, edit_prompt
from media.prompts.errors import PromptBusyError, PromptError
from media.prompts.limits import PromptLimits
from media.prompts.speech import SpeechConfig
from media.prompts.store import PromptStore
from media.prompts.voices import Voice

__all__ = [
    "Edit",
    "Edited",
    "PromptBusyError",
    "PromptError",
    "PromptLimits",
    "PromptStore",
    "Sound",
    "SpeechConfig",
    "Voice",
    "edit_prompt",
]
