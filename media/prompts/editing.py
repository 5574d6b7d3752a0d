"""Editing prompt files: trim, level, join, fade, convert."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from media.prompts.errors import EngineError, PromptError
from media.prompts.limits import SAMPLE_RATE
from media.prompts.process import JobProcess, python_child

__all__ = ["Edit", "Edited", "edit_prompt"]

EDIT_SECONDS = 120.0
"""Of work: pydub takes about a second for 10 minutes of sound."""
MAX_SECONDS = 3600.0
"""Of one input; an hour of 16-bit sound at 48 kHz is 350 MB in memory."""


@dataclass(frozen=True, slots=True)
class Edit:
    """What to do, in this order."""

    inputs: tuple[Path, ...]
    """Files that the decoder knows; joined in this order."""
    output: Path
    """Its ending tells the kind: wav, flac, ogg, mp3, ulaw, alaw, raw."""
    trim: bool = False
    """Drop the silence at both ends of each input."""
    level: float | None = None
    """dBFS (RMS) that each input is brought to, as far as its peaks allow; None leaves it."""
    gap: float = 0.0
    """Seconds of silence between two inputs."""
    fade_in: float = 0.0
    """Seconds."""
    fade_out: float = 0.0
    """Seconds."""
    rate: int = SAMPLE_RATE
    """Hz of the output."""


@dataclass(frozen=True, slots=True)
class Edited:
    """What came out."""

    seconds: float
    """Length."""
    level: float | None
    """dBFS (RMS); None for silence."""
    peak: float
    """dBFS."""


async def edit_prompt(edit: Edit) -> Edited:
    """Do it in a child process; the output appears whole or not at all. Raises PromptError."""
    job = {
        **asdict(edit),
        "inputs": [str(path.absolute()) for path in edit.inputs],
        "output": str(edit.output.absolute()),
        "max_seconds": MAX_SECONDS,
    }
    child = JobProcess(python_child("media.prompts.edit_child"), "the editor", waiting=1)
    try:
        return Edited(**await child.run(job, EDIT_SECONDS))
    except EngineError as error:
        raise PromptError(str(error)) from None
    finally:
        await child.close()
