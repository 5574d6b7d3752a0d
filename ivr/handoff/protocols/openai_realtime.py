"""OpenAI Realtime over a WebSocket: JSON events, as the interface in force names them and as the beta did.

The session is set up by `session.update` and has taken the call with `session.updated`. The server finds out when the
caller speaks; what is still queued is dropped then, `conversation.item.truncate` says how much of it the caller has
heard, so that the model knows where it was interrupted, and what was on its way is dropped as it comes. Tools of the
configuration become reasons; their arguments variables; each use of one is answered. There is one response at a time:
one that is to follow is asked for when the one before is done.
"""

from __future__ import annotations

import binascii
import json
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ivr.handoff.protocols.openai_session import session_of
from ivr.handoff.protocols.talk import (
    Accepted,
    Clear,
    Encoding,
    Facts,
    Given,
    Kept,
    Lost,
    Message,
    Odd,
    Said,
    Send,
    Speech,
    bounded_text,
    bounded_values,
)
from ivr.settings import AiAgent

__all__ = ["OpenAiRealtime"]

MAX_CALLS: Final = 100
"""Tool calls that are remembered, so that none is carried out twice."""
MAX_ITEMS: Final = 1_000
"""Items whose place in the conversation is remembered: that of what was said is known late."""
MAX_ID: Final = 200
"""Characters of an id; it is remembered, and sent back."""
MAX_CODE: Final = 80
"""Characters of an error's code in a note."""
MAX_FAILURES: Final = 2
"""Responses that fail one after the other: one may be a mishap, after another one the caller hears nothing any more."""
EXPIRED: Final = "session_expired"
"""Code of the error after which a session, an hour old, ends."""
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
        self._response = ""
        """Id of the response that is being made, or was last."""
        self._dropped = ""
        """Id of the one that was interrupted: what still comes of it is not heard."""
        self._owed = False
        """A response is to be asked for when the one that is being made is done."""
        self._failures = 0
        self._done: deque[str] = deque(maxlen=MAX_CALLS)
        self._places: OrderedDict[str, int] = OrderedDict()
        self._cut: deque[str] = deque(maxlen=MAX_CALLS)
        """Items that were interrupted."""

    def begin(self) -> list[Message]:
        return [json.dumps({"type": "session.update", "session": session_of(self._agent, self._facts)})]

    def heard(self, payload: bytes, at: float) -> Message:
        sound = binascii.b2a_base64(payload, newline=False).decode()
        return f'{{"type":"input_audio_buffer.append","audio":"{sound}"}}'

    def pressed(self, digit: str) -> list[Message]:
        content = [{"type": "input_text", "text": f"(The caller pressed the key {digit})"}]
        item = {"type": "message", "role": "user", "content": content}
        # A response that is still being made would keep the answer to the key from being made.
        cancel = [json.dumps({"type": "response.cancel"})] if self._responding else []
        self._interrupted()
        create = [one.message for one in self._respond()]
        return [*cancel, json.dumps({"type": "conversation.item.create", "item": item}), *create]

    def marked(self, name: str, cleared: bool) -> list[Message]:
        return []

    def cleared(self, heard: Mapping[str, float]) -> list[Message]:
        found: list[Message] = []
        for tag, seconds in heard.items():
            item, _, index = tag.rpartition("/")
            self._cut.append(item)
            found.append(
                json.dumps(
                    {
                        "type": "conversation.item.truncate",
                        "item_id": item,
                        "content_index": int(index),
                        "audio_end_ms": round(seconds * 8000) // 8,  # more than there is would be an error
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
                return self._speech(found)
            case "input_audio_buffer.speech_started":
                return self._speech_started()
            case "response.created" | "response.done":
                return self._response_is(kind == "response.created", found.get("response"))
            case "session.updated":
                return self._updated()
            case "response.function_call_arguments.done":
                return self._called(found)
            case "response.output_item.done":
                item = found.get("item")
                return self._called(item) if isinstance(item, dict) and item.get("type") == "function_call" else ()
            case "conversation.item.added" | "conversation.item.created" | "response.output_item.added":
                item = found.get("item")
                self._place(item.get("id") if isinstance(item, dict) else None)
                return ()
            case "input_audio_buffer.committed":
                self._place(found.get("item_id"))
                return ()
            case "conversation.item.input_audio_transcription.completed":
                return self._turn("user", found)
            case "response.output_audio_transcript.done" | "response.audio_transcript.done":
                return self._turn("assistant", found)
            case "error":
                return self._error(found.get("error"))
            case _:
                return () if kind.startswith(_FAMILIES) else (Odd("an event that is not known"),)

    # The session

    def _updated(self) -> Iterable[Said]:
        if self._accepted:
            return ()
        self._accepted = True
        if self._agent.greeting is None:
            return (Accepted(),)
        response = {"type": "response.create", "response": {"instructions": self._agent.greeting}}
        return (Accepted(), Send(json.dumps(response)))

    def _error(self, error: object) -> Iterable[Said]:
        code = _code(error)
        if not self._accepted:
            return (Given("endpoint_error", text=f"the session is refused: {code}"),)
        if code == EXPIRED:
            return (Lost("the session has expired"),)
        return (Odd(f"an error: {code}"),)

    # Responses

    def _respond(self) -> Iterable[Send]:
        """Have the model say something, now or when what it is saying is done."""
        if self._responding:
            self._owed = True
            return ()
        return (Send(json.dumps({"type": "response.create"})),)

    def _response_is(self, made: bool, response: object) -> Iterable[Said]:
        number = bounded_text(response.get("id"), MAX_ID) if isinstance(response, dict) else ""
        self._responding = made
        if made:
            self._response = number
            return ()
        failed = isinstance(response, dict) and response.get("status") == "failed"
        if not failed:
            self._failures = 0
            if not self._owed:
                return ()
            self._owed = False
            return self._respond()
        self._failures += 1
        details = response.get("status_details") if isinstance(response, dict) else None
        text = f"a response failed: {_code(details.get('error') if isinstance(details, dict) else None)}"
        if self._failures >= MAX_FAILURES:
            return (Given("endpoint_error", text=text),)
        self._owed = False
        return (Odd(text), *self._respond())

    def _interrupted(self) -> None:
        if self._responding:
            self._dropped = self._response

    def _speech_started(self) -> Iterable[Said]:
        if not self._agent.turn_detection.interrupt:
            return ()
        self._interrupted()
        return (Clear(),)

    def _speech(self, event: Mapping[str, Any]) -> Iterable[Said]:
        delta, index = event.get("delta"), event.get("content_index")
        item, response = bounded_text(event.get("item_id"), MAX_ID), event.get("response_id")
        if not isinstance(delta, str):
            return (Odd("sound without content"),)
        if (item and item in self._cut) or (self._dropped and response == self._dropped):
            return ()
        try:
            sound = binascii.a2b_base64(delta)
        except ValueError:
            return (Odd("sound that is no base64"),)
        tag = f"{item}/{index if isinstance(index, int) and 0 <= index < 1000 else 0}"
        return (Speech(sound, tag),) if sound else ()

    # What was said

    def _place(self, item: object) -> int:
        """Where an item stands in the conversation; one that is new stands at its end."""
        name = bounded_text(item, MAX_ID)
        found = self._places.get(name) if name else None
        if found is None:
            found = 1 + (next(reversed(self._places.values())) if self._places else 0)
            self._places[name or f"/{found}"] = found
            if len(self._places) > MAX_ITEMS:
                self._places.popitem(last=False)
        return found

    def _turn(self, role: str, event: Mapping[str, Any]) -> Iterable[Said]:
        spoken = bounded_text(event.get("transcript"))
        if not spoken:
            return ()
        return (Kept(turns=({"role": role, "text": spoken},), place=self._place(event.get("item_id"))),)

    # Tools

    def _called(self, call: Mapping[str, Any]) -> Iterable[Said]:
        """A tool is used. Its name may come with the arguments, or only with the item that is complete."""
        name, number = call.get("name"), call.get("call_id")
        if not isinstance(name, str) or not isinstance(number, str) or number in self._done:
            return ()
        if len(number) > MAX_ID:
            return (Odd("a tool call with a very long id"),)
        self._done.append(number)
        tool = self._agent.tools.get(name)
        if tool is None:
            return (_answer(number, "there is no such tool"), *self._respond(), Odd("a tool that is not known"))
        try:
            values = json.loads(call.get("arguments") or "{}")
        except (ValueError, RecursionError, TypeError):
            values = None
        if not isinstance(values, dict):
            return (_answer(number, "the arguments are no JSON object"), *self._respond())
        kept = bounded_values({name: values[name] for name in tool.variables if name in values})
        summary = bounded_text(values.get("summary"))
        told = Kept(kept, summary)
        if tool.reason == "note":
            return (told, _answer(number, "kept"), *self._respond())
        target = tool.target or bounded_text(values.get("target"))
        reason = "completed" if tool.reason == "hang_up" else tool.reason
        # The use is answered, so that the conversation is whole; nothing more is to be said.
        return (told, _answer(number, "done"), Given(reason, target, end_call=tool.reason == "hang_up"))


def _code(error: object) -> str:
    """What an error is called, without its text, which may quote the conversation."""
    found = bounded_text(error.get("code") or error.get("type"), MAX_CODE) if isinstance(error, dict) else ""
    return found or "error"


def _answer(number: str, output: str) -> Send:
    """The result of a tool."""
    item = {"type": "function_call_output", "call_id": number, "output": output}
    return Send(json.dumps({"type": "conversation.item.create", "item": item}))
