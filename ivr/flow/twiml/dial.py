"""Dial, Refer, Enqueue, Connect: the caller is connected to somebody else, and comes back."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ivr.flow.control import literal
from ivr.flow.elements.base import ELEMENTS, Element
from ivr.flow.elements.forward_call import MAX_TARGETS, MAX_TIMEOUT, ForwardCallElement
from ivr.flow.nesting import inside
from ivr.flow.ports import (
    AgentAnswered,
    Event,
    Forward,
    ForwardAnswered,
    ForwardDone,
    ForwardRinging,
    QueueDone,
    QueueJoined,
)
from ivr.flow.twiml.document import TwimlError, Verb
from ivr.flow.twiml.outcome import OVER, Doing
from ivr.flow.twiml.sids import named_sid
from ivr.flow.values import VARIABLE, plain_number

if TYPE_CHECKING:
    from ivr.flow.session import Session
    from ivr.flow.twiml.talk import Talk

__all__ = ["DialledElement", "connect", "dial", "enqueue", "refer"]

DIAL_TIMEOUT, TIME_LIMIT = 30.0, 14_400.0
"""Seconds of ringing, and of the bridged call, where the document says nothing else."""
MAX_QUEUE = 64
"""Characters of a queue's name."""
MAX_TASK = 20
"""Attributes of a task that the agent sees."""
STATUSES = {
    "returned": "completed",
    "call_forwarded": "completed",
    "busy": "busy",
    "no_answer": "no-answer",
    "declined": "busy",
    "call_not_forwarded": "failed",
}
"""DialCallStatus of the branches of a forward."""
CALL_EVENTS = {"initiated": "initiated", "ringing": "ringing", "answered": "in-progress", "completed": "completed"}
QUEUE_RESULTS = {
    "forwarded": "bridged",
    "full": "queue-full",
    "key_exit": "leave",
    "max_wait": "leave",
    "cancelled": "redirected",
    "callback_scheduled": "leave",
}
"""QueueResult of the outcomes of a wait; others are `error`."""

_NUMBER = re.compile(r"[+0-9*#][0-9*#]{0,39}", re.ASCII)
_CLIENT = re.compile(r"[A-Za-z0-9._@+-]{1,64}", re.ASCII)


class DialledElement(ForwardCallElement):
    """A forward to whom an application names. It names whom calls have brought, as far as anybody knows: what guests
    may not have dialled they may not have dialled by an application either."""

    def _command(self, ctx: Session) -> Forward | None:
        forward = super()._command(ctx)
        if forward is None:
            return None
        # The numbers of agents stand in the configuration.
        return replace(forward, chosen=frozenset(one for one in forward.targets if not one.startswith("agent:")))


def dial(talk: Talk, verb: Verb, base: str, entry: dict[str, Any]) -> Doing:
    """Call somebody, and connect the two; afterwards the caller is there again."""
    ctx = talk.ctx
    queues = list(verb.nouns("Queue"))
    if queues:
        return (yield from _wait_for_agent(talk, verb, base, entry, queues[0].text))
    targets = _targets(talk, verb)
    action = talk.way(verb, base, {}) if verb.get("action") else None
    if not targets:
        if action is None:
            return None
        return talk.way(verb, base, {"DialCallStatus": "failed", "DialBridged": "false"})
    record = verb.get("record", "do-not-record").strip().lower()
    recorded = record not in ("", "do-not-record", "false")
    if verb.flag("hangupOnStar"):
        talk.notice(13221, "hangupOnStar is not there: keys go to the other party", "Dial")
    fields: dict[str, Any] = {
        "to": tuple(literal(target) for target, _ in targets[:MAX_TARGETS]),
        "ring": "in_turn" if verb.flag("sequential") else "together",
        "timeout": verb.number("timeout", DIAL_TIMEOUT, 1.0, MAX_TIMEOUT),
        "max_duration": verb.number("timeLimit", TIME_LIMIT, 1.0, TIME_LIMIT),
        "after": "return",
    }
    caller_id = plain_number(verb.get("callerId").strip()) or talk.terms.caller_id
    if caller_id:
        fields["from"] = literal(caller_id[:64])
    if recorded:
        fields |= {"record_call": True, "record_name": literal(f"dialled-{ctx.call.short_id or ctx.call.id}")}
    if not verb.flag("answerOnBridge"):
        ctx.answer()
    leg = _Leg(talk, targets, base)
    branch = yield from inside(
        ctx, entry, _element(DialledElement, {"type": "forward_call", **fields}).run(ctx), leg.seen
    )
    leg.over(STATUSES.get(branch, "canceled" if not ctx.up else "failed"))
    params = leg.params(branch, answered_for=float((ctx.result or {}).get("talk_time") or 0.0))
    if not ctx.up:
        if action is not None:
            talk.tell(action.url, action.method, params, status="completed")
        return OVER
    return None if action is None else talk.way(verb, base, params)


def _targets(talk: Talk, verb: Verb) -> list[tuple[str, Verb]]:
    """Whom to call, with the nouns that name them."""
    found: list[tuple[str, Verb]] = []
    nouns = list(verb.children) or ([Verb("Number", text=verb.text)] if verb.text else [])
    for noun in nouns:
        target = ""
        match noun.name:
            case "Number":
                number = plain_number(noun.text)
                target = f"tel:{number}" if _NUMBER.fullmatch(number) else ""
            case "Sip":
                target = noun.text if noun.text.lower().startswith("sip:") and " " not in noun.text else ""
                if noun.get("username"):
                    talk.notice(13224, "user and password of a SIP address are not used: lines have them", "Sip")
            case "Client":
                target = f"phone:{noun.text}" if _CLIENT.fullmatch(noun.text) else ""
            case _:
                talk.notice(13200, f"<{noun.name[:40]}> in a Dial is not supported", "Dial")
                continue
        for name in ("url", "sendDigits", "machineDetection"):
            if noun.get(name):
                talk.notice(13222, f"{name} is not supported", noun.name)
        if target:
            found.append((target, noun))
        else:
            talk.notice(13223, "this cannot be called", noun.name)
    return found


class _Leg:
    """The call that is placed, as status callbacks tell of it."""

    def __init__(self, talk: Talk, targets: list[tuple[str, Verb]], base: str) -> None:
        self._talk = talk
        self._targets = targets
        self._base = base
        self.sid = named_sid("CA", talk.ctx.call.id, talk.ctx.last_id)
        self._status = ""
        self._target = ""
        self._answered_at: float | None = None
        self._done: ForwardDone | None = None
        self._tell("initiated")

    def seen(self, event: Event) -> None:
        """An event of the forward."""
        if type(event) is ForwardRinging:
            self._target = self._target or event.target
            if not self._status and self._answered_at is None:
                self._status = "ringing"
                self._tell("ringing")
        elif type(event) is ForwardAnswered:
            self._target, self._answered_at = event.target, self._talk.ctx.now
            self._tell("answered")
        elif type(event) is ForwardDone:
            self._done = event

    def over(self, status: str) -> None:
        """The forward is over."""
        seconds = 0.0 if self._answered_at is None else self._talk.ctx.now - self._answered_at
        done = self._done
        code = {} if done is None or done.sip_code is None else {"SipResponseCode": str(done.sip_code)}
        if self._answered_at is None and status == "completed":
            status = "no-answer"
        self._tell("completed", status, {"CallDuration": str(round(seconds)), **code})

    def params(self, branch: str, answered_for: float) -> dict[str, str]:
        """Parameters of the action."""
        answered = self._answered_at is not None
        status = "completed" if answered else STATUSES.get(branch, "failed")
        if not answered and not self._talk.ctx.up:
            status = "canceled"
        found = {
            "DialCallSid": self.sid,
            "DialCallStatus": status,
            "DialBridged": "true" if answered else "false",
        }
        if answered:
            found["DialCallDuration"] = str(round(answered_for))
        if self._done is not None and self._done.sip_code is not None:
            found["DialSipResponseCode"] = str(self._done.sip_code)
        return found

    def _tell(self, event: str, status: str = "", more: dict[str, str] | None = None) -> None:
        talk = self._talk
        for target, noun in self._targets:
            url = noun.get("statusCallback")
            if not url or (self._target and target != self._target) or event not in _wanted(noun):
                continue
            number = target.partition(":")[2] if target.startswith(("tel:", "phone:")) else target
            params = {
                "CallSid": self.sid,
                "ParentCallSid": talk.sid,
                "Direction": "outbound-dial",
                "To": number,
                "Called": number,
                "CallbackSource": "call-progress-events",
                **(more or {}),
            }
            method = "GET" if noun.get("statusCallbackMethod").upper() == "GET" else "POST"
            try:
                where = talk.resolve(self._base, url)
            except TwimlError as error:
                talk.notice(error.code, str(error), noun.name)
                continue
            talk.tell(where, method, params, status=status or CALL_EVENTS[event])  # type: ignore[arg-type]


def _wanted(noun: Verb) -> set[str]:
    return set(noun.get("statusCallbackEvent", "completed").split())


def refer(talk: Talk, verb: Verb, base: str, entry: dict[str, Any]) -> Doing:
    """Have the caller's own side call somebody else: this call is over then."""
    ctx = talk.ctx
    noun = next(verb.nouns("Sip"), None)
    target = noun.text if noun is not None else verb.text
    if not target.lower().startswith(("sip:", "tel:")) or " " in target:
        raise TwimlError("Refer needs a <Sip> address", 13226)
    fields = {"type": "forward_call", "to": (literal(target),), "mode": "refer"}
    branch = yield from inside(ctx, entry, _element(DialledElement, fields).run(ctx))
    done = branch == "call_forwarded"
    code = (ctx.result or {}).get("sip_code")
    params = {
        "ReferCallStatus": "completed" if done else STATUSES.get(branch, "failed"),
        "ReferSipResponseCode": "202" if done else str(code or ""),
        "NotifySipResponseCode": str(code or ""),
    }
    action = talk.way(verb, base, params) if verb.get("action") else None
    if ctx.up:
        return action
    if action is not None:
        talk.tell(action.url, action.method, params, status="completed")
    return OVER


def enqueue(talk: Talk, verb: Verb, base: str, entry: dict[str, Any]) -> Doing:
    """Let the caller wait for an agent."""
    if verb.get("waitUrl"):
        talk.notice(13240, "waitUrl is not used: the queue's waiting strategy says what callers hear", "Enqueue")
    task = next(verb.nouns("Task"), None)
    priority, metadata = None, {}
    if task is not None:
        priority = int(task.number("priority", 5, 1, 10))
        metadata = _task(talk, task)
    name = verb.text
    if not name and verb.get("workflowSid"):
        talk.notice(14200, "workflowSid is not used: routes say which queue it is", "Enqueue")
    return (yield from _wait_for_agent(talk, verb, base, entry, name, priority, metadata))


def _task(talk: Talk, task: Verb) -> dict[str, Any]:
    try:
        found = json.loads(task.text or "{}")
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        talk.notice(14221, "the task's attributes are no JSON object", "Task")
        return {}
    named = [(key, value) for key, value in found.items() if VARIABLE.fullmatch(key)]
    return {key: value for key, value in named[:MAX_TASK] if isinstance(value, (str, int, float))}


def _wait_for_agent(
    talk: Talk,
    verb: Verb,
    base: str,
    entry: dict[str, Any],
    queue: str,
    priority: int | None = None,
    metadata: dict[str, Any] | None = None,
) -> Doing:
    ctx = talk.ctx
    if len(queue) > MAX_QUEUE:
        raise TwimlError(f"the name of a queue has at most {MAX_QUEUE} characters", 13241)
    fields: dict[str, Any] = {"type": "transfer_to_agent", "after": "return"}
    if queue:
        fields["queue"] = literal(queue)
    if priority is not None:
        fields["priority"] = priority
    if metadata:
        fields["metadata"] = {name: _fixed(value) for name, value in metadata.items()}
    joined: list[QueueJoined] = []
    answered: list[AgentAnswered] = []
    done: list[QueueDone] = []

    def seen(event: Event) -> None:
        if isinstance(event, QueueJoined):
            joined.append(event)
        elif isinstance(event, AgentAnswered):
            answered.append(event)
        elif isinstance(event, QueueDone):
            done.append(event)

    def result() -> dict[str, str]:
        outcome = "forwarded" if answered else done[-1].outcome if done else "cancelled"
        params = {
            "QueueResult": "hangup" if not ctx.up and not answered else QUEUE_RESULTS.get(outcome, "error"),
            "QueueSid": named_sid("QU", joined[-1].queue if joined else queue),
            "QueueTime": str(round(answered[-1].waited if answered else ctx.now - begun)),
        }
        if verb.name == "Dial":
            params["DialCallStatus"] = "completed" if answered else "no-answer" if ctx.up else "canceled"
        return params

    action = talk.way(verb, base, {}) if verb.get("action") else None
    begun = ctx.now
    ctx.answer()
    try:
        yield from inside(ctx, entry, _element(_registered("transfer_to_agent"), fields).run(ctx), seen)
    finally:  # a caller who leaves while he waits raises
        if action is not None and not ctx.up:
            talk.tell(action.url, action.method, result(), status="completed")
    if not ctx.up:
        return OVER
    return None if action is None else replace(action, params=result())


def connect(talk: Talk, verb: Verb, base: str, entry: dict[str, Any]) -> Doing:
    """Hand the caller's sound to a media stream; the document goes on when it is over."""
    ctx = talk.ctx
    stream = next(verb.nouns("Stream"), None)
    if stream is None:
        other = verb.children[0].name[:40] if verb.children else "nothing"
        talk.notice(13251, f"<{other}> in a Connect is not supported: <Stream> alone is", "Connect")
        return None
    url = stream.get("url").strip()
    named = {noun.get("name"): literal(noun.get("value")) for noun in stream.nouns("Parameter")}
    for name in [name for name in named if not VARIABLE.fullmatch(name)]:
        del named[name]
        talk.notice(
            13252, f"names of parameters are letters, digits and _: {name[:40]!r} is not passed on", "Parameter"
        )
    agent = url if url.startswith(("wss://", "ws://")) else stream.get("name").strip()[:64]
    if not agent:
        raise TwimlError("Stream needs a url that begins with wss://, or the name of an AI agent", 13252)
    fields = {
        "type": "transfer_to_ai_agent",
        "agent": literal(agent),
        "parameters": named,
    }
    ctx.answer()
    yield from inside(ctx, entry, _element(_registered("transfer_to_ai_agent"), fields).run(ctx))
    action = talk.way(verb, base, {}) if verb.get("action") else None
    if ctx.up:
        return action
    return OVER


def _fixed(value: Any) -> Any:
    return literal(value) if isinstance(value, str) else value


def _registered(kind: str) -> type[Element]:
    found = ELEMENTS.get(kind)
    if found is None:
        raise TwimlError(f"{kind} is not there", 12200)
    return found


def _element(kind: type[Element], fields: dict[str, Any]) -> Any:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)[0]
        raise TwimlError(f"{'.'.join(map(str, found['loc']))}: {found['msg']}", 12200) from None
