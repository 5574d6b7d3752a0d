"""OpenAI Realtime over a WebSocket: JSON events, µ-law both ways (`audio/pcmu`), so that nothing is converted.

The session is set up by `session.update` and has taken the call with `session.updated`. The server finds out when the
caller speaks (server_vad); what is still queued is dropped then, and `conversation.item.truncate` says how much of it
the caller has heard, so that the model knows where it was interrupted. Events are taken by their names of the
interface in force and by those of the beta. Tools of the configuration become reasons; their arguments variables.
"""

from __future__ import annotations

import binascii
import json
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ivr.handoff.protocols.talk import (
    Accepted,
    Clear,
    Encoding,
    Facts,
    Given,
    Kept,
    Message,
    Odd,
    Said,
    Send,
    Speech,
    bounded_text,
    bounded_values,
)
from ivr.settings import AiAgent, AiTool, AiVariable

__all__ = ["OpenAiRealtime"]

MAX_CALLS: Final = 100
"""Tool calls that are remembered, so that none is carried out twice."""
MAX_CALL_ID: Final = 200
"""Characters of a call's id; it is remembered, and sent back."""
MAX_CODE: Final = 80
"""Characters of an error's code in a note."""
_TYPES: Final = {"text": "string", "number": "number", "integer": "integer", "boolean": "boolean"}
_FAMILIES: Final = (
    "session.",
    "conversation.",
    "response.",
    "input_audio_buffer.",
    "output_audio_buffer.",
    "rate_limits.",
)
"""Events of these are no surprise, though nothing is done about most of them."""


class OpenAiRealtime:
    """One connection."""

    encoding: Encoding = "ulaw"
    accepts_at_once = False
    keys_interrupt = True

    def __init__(self, agent: AiAgent, facts: Facts) -> None:
        self._agent = agent
        self._facts = facts
        self._accepted = False
        self._responding = False
        self._done: deque[str] = deque(maxlen=MAX_CALLS)

    def begin(self) -> list[Message]:
        agent = self._agent
        known = ""
        if self._facts.parameters:
            facts = json.dumps(dict(self._facts.parameters), ensure_ascii=False, default=str)
            known = f"\n\nKnown about this call: {facts}"
        heard: dict[str, Any] = {"format": {"type": "audio/pcmu"}, "turn_detection": {"type": "server_vad"}}
        if agent.transcribe is not None:
            heard["transcription"] = {"model": agent.transcribe}
        said: dict[str, Any] = {"format": {"type": "audio/pcmu"}}
        if agent.voice is not None:
            said["voice"] = agent.voice
        session = {
            "type": "realtime",
            "instructions": agent.instructions + known,
            "output_modalities": ["audio"],
            "audio": {"input": heard, "output": said},
            "tools": [_declared(name, tool) for name, tool in agent.tools.items()],
            "tool_choice": "auto",
        }
        return [json.dumps({"type": "session.update", "session": session})]

    def heard(self, payload: bytes, at: float) -> Message:
        sound = binascii.b2a_base64(payload, newline=False).decode()
        return f'{{"type":"input_audio_buffer.append","audio":"{sound}"}}'

    def pressed(self, digit: str) -> list[Message]:
        content = [{"type": "input_text", "text": f"(The caller pressed the key {digit})"}]
        item = {"type": "message", "role": "user", "content": content}
        # A response that is still being made would keep the answer to the key from being made.
        return [
            *([json.dumps({"type": "response.cancel"})] if self._responding else []),
            json.dumps({"type": "conversation.item.create", "item": item}),
            json.dumps({"type": "response.create"}),
        ]

    def marked(self, name: str) -> list[Message]:
        return []

    def cleared(self, heard: Mapping[str, float]) -> list[Message]:
        found: list[Message] = []
        for tag, seconds in heard.items():
            item, _, index = tag.rpartition("/")
            found.append(
                json.dumps(
                    {
                        "type": "conversation.item.truncate",
                        "item_id": item,
                        "content_index": int(index),
                        "audio_end_ms": round(seconds * 1000),
                    }
                )
            )
        return found

    def end(self) -> list[Message]:
        return []

    def received(self, message: Message) -> Iterable[Said]:
        if isinstance(message, bytes):
            return (Odd("a binary frame"),)
        try:
            found = json.loads(message)
        except (ValueError, RecursionError):
            return (Odd("a message that is no JSON"),)
        kind = found.get("type") if isinstance(found, dict) else None
        if not isinstance(kind, str):
            return (Odd("a message without type"),)
        match kind:
            case "response.output_audio.delta" | "response.audio.delta":
                return _speech(found)
            case "input_audio_buffer.speech_started":
                return (Clear(),)
            case "response.created" | "response.done":
                self._responding = kind == "response.created"
                return ()
            case "session.updated":
                return self._updated()
            case "response.function_call_arguments.done":
                return self._called(found)
            case "response.output_item.done":
                item = found.get("item")
                return self._called(item) if isinstance(item, dict) and item.get("type") == "function_call" else ()
            case "conversation.item.input_audio_transcription.completed":
                return _turn("user", found.get("transcript"))
            case "response.output_audio_transcript.done" | "response.audio_transcript.done":
                return _turn("assistant", found.get("transcript"))
            case "error":
                return self._error(found.get("error"))
            case _:
                return () if kind.startswith(_FAMILIES) else (Odd("an event that is not known"),)

    def _updated(self) -> Iterable[Said]:
        if self._accepted:
            return ()
        self._accepted = True
        if self._agent.greeting is None:
            return (Accepted(),)
        response = {"type": "response.create", "response": {"instructions": self._agent.greeting}}
        return (Accepted(), Send(json.dumps(response)))

    def _error(self, error: object) -> Iterable[Said]:
        code = bounded_text(error.get("code") or error.get("type"), MAX_CODE) if isinstance(error, dict) else ""
        if not self._accepted:
            return (Given("endpoint_error", text=f"the session is refused: {code or 'error'}"),)
        return (Odd(f"an error: {code or 'without code'}"),)

    def _called(self, call: Mapping[str, Any]) -> Iterable[Said]:
        """A tool is used. Its name may come with the arguments, or only with the item that is complete."""
        name, number = call.get("name"), call.get("call_id")
        if not isinstance(name, str) or not isinstance(number, str) or number in self._done:
            return ()
        if len(number) > MAX_CALL_ID:
            return (Odd("a tool call with a very long id"),)
        self._done.append(number)
        tool = self._agent.tools.get(name)
        if tool is None:
            return (*_answered(number, "there is no such tool"), Odd("a tool that is not known"))
        try:
            values = json.loads(call.get("arguments") or "{}")
        except (ValueError, RecursionError, TypeError):
            values = None
        if not isinstance(values, dict):
            return _answered(number, "the arguments are no JSON object")
        kept = bounded_values({name: values[name] for name in tool.variables if name in values})
        summary = bounded_text(values.get("summary"))
        told = Kept(kept, summary)
        if tool.reason == "note":
            return (told, *_answered(number, "kept"))
        target = tool.target or bounded_text(values.get("target"))
        reason = "completed" if tool.reason == "hang_up" else tool.reason
        return (told, Given(reason, target, end_call=tool.reason == "hang_up"))


def _speech(event: Mapping[str, Any]) -> Iterable[Said]:
    delta, item, index = event.get("delta"), event.get("item_id"), event.get("content_index")
    if not isinstance(delta, str):
        return (Odd("sound without content"),)
    try:
        sound = binascii.a2b_base64(delta)
    except ValueError:
        return (Odd("sound that is no base64"),)
    tag = f"{bounded_text(item, 200)}/{index if isinstance(index, int) and 0 <= index < 1000 else 0}"
    return (Speech(sound, tag),) if sound else ()


def _turn(role: str, text: object) -> Iterable[Said]:
    spoken = bounded_text(text)
    return (Kept(turns=({"role": role, "text": spoken},)),) if spoken else ()


def _answered(number: str, output: str) -> tuple[Send, Send]:
    """The result of a tool, and that the model is to go on."""
    item = {"type": "function_call_output", "call_id": number, "output": output}
    return (
        Send(json.dumps({"type": "conversation.item.create", "item": item})),
        Send(json.dumps({"type": "response.create"})),
    )


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
