"""How a session of OpenAI Realtime is set up: `session.update`, in the shape of the interface in force or of the beta.

Sound is µ-law both ways (`audio/pcmu`, once `g711_ulaw`), so that nothing is converted.
"""

from __future__ import annotations

import json
from typing import Any, Final

from ivr.handoff.protocols.talk import Facts
from ivr.settings import AiAgent, AiTool, AiTurns, AiVariable

__all__ = ["BETA_HEADER", "session_of"]

BETA_HEADER: Final = ("openai-beta", "realtime=v1")
"""Asks a server that has both for the beta."""
_TYPES: Final = {"text": "string", "number": "number", "integer": "integer", "boolean": "boolean"}


def session_of(agent: AiAgent, facts: Facts) -> dict[str, Any]:
    """What `session` of the first `session.update` is."""
    instructions = agent.instructions
    if facts.parameters:
        known = json.dumps(dict(facts.parameters), ensure_ascii=False, default=str)
        instructions += f"\n\nKnown about this call: {known}"
    common: dict[str, Any] = {
        "instructions": instructions,
        "tools": [_declared(name, tool) for name, tool in agent.tools.items()],
        "tool_choice": "auto",
    }
    transcription = None if agent.transcribe is None else {"model": agent.transcribe}
    turns = _turns(agent.turn_detection)
    if agent.interface == "beta":
        found = {
            "modalities": ["audio", "text"],
            "input_audio_format": "g711_ulaw",
            "output_audio_format": "g711_ulaw",
            "input_audio_transcription": transcription,
            "turn_detection": turns,
            "voice": agent.voice,
            "speed": agent.speed,
            **common,
        }
        return {name: value for name, value in found.items() if value is not None}
    noise = None if agent.noise_reduction is None else {"type": agent.noise_reduction}
    heard: dict[str, Any] = {
        "format": {"type": "audio/pcmu"},
        "turn_detection": turns,
        "transcription": transcription,
        "noise_reduction": noise,
    }
    said: dict[str, Any] = {"format": {"type": "audio/pcmu"}, "voice": agent.voice, "speed": agent.speed}
    audio = {"input": heard, "output": said}
    return {
        "type": "realtime",
        "output_modalities": ["audio"],
        "audio": {way: {name: value for name, value in one.items() if value is not None} for way, one in audio.items()},
        **common,
    }


def _turns(turns: AiTurns) -> dict[str, Any]:
    found: dict[str, Any] = {"type": turns.type}
    if turns.threshold is not None:
        found["threshold"] = turns.threshold
    if turns.prefix is not None:
        found["prefix_padding_ms"] = round(turns.prefix * 1000)
    if turns.silence is not None:
        found["silence_duration_ms"] = round(turns.silence * 1000)
    if turns.eagerness is not None:
        found["eagerness"] = turns.eagerness
    if not turns.interrupt:
        found["interrupt_response"] = False
    return found


def _declared(name: str, tool: AiTool) -> dict[str, Any]:
    return {
        "type": "function",
        "name": name,
        "description": tool.description,
        "parameters": {
            "type": "object",
            "properties": {own: _schema(variable) for own, variable in tool.variables.items()},
            "required": [own for own, variable in tool.variables.items() if variable.required],
        },
    }


def _schema(variable: AiVariable) -> dict[str, Any]:
    found: dict[str, Any] = {"type": _TYPES[variable.type]}
    if variable.description:
        found["description"] = variable.description
    if variable.values:
        found["enum"] = list(variable.values)
    return found
