"""transfer_to_chat: go on in writing, by a link or a ticket of another system."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from ivr.flow.elements.base import CALL_ENDED, USER_HUNG_UP, BranchSpec, Element, Exposure, Run, element
from ivr.flow.elements.call_api import branch_of, exchange, longest, set_answer
from ivr.flow.elements.http_fields import (
    CONTENT_TYPE,
    MAX_HEADERS,
    MAX_SAVED,
    JsonPathField,
    Retry,
    SendableHeader,
    UnsendableError,
    header_text,
    url_text,
)
from ivr.flow.elements.telling import FirstTags, Told, add_tags, origin_of, rendered
from ivr.flow.elements.waiting import Filler, filler_spec
from ivr.flow.expressions import MASK, ExpressionError
from ivr.flow.packet import packet
from ivr.flow.ports import Request, RequestDone
from ivr.flow.values import Duration, TextTemplate, VariableName

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["TransferToChatElement"]

MAX_TIMEOUT = 60.0
"""Seconds for one answer."""

MAX_TEXT = 4_000
"""Characters of a message; chats cut longer ones."""


@element("transfer_to_chat")
class TransferToChatElement(Element):
    """Hands the person over to a chat: posts the hand-over packet and a text to another system, which sends a link or
    makes a ticket. It may stand after the end of the call. Results: `status` (of the answer), `body`, `headers`,
    `error`, `elapsed`, `tries`."""

    BRANCHES = (
        BranchSpec("sent", "The other system has taken it (2XX).", success=True),
        BranchSpec("error", "It has not."),
        USER_HUNG_UP,
        CALL_ENDED,
    )
    NEEDS_CALL = False
    RESULTS = ("status", "body", "headers", "error", "elapsed", "tries")
    TARGETS: ClassVar[Mapping[str, str]] = {"connector": "connectors"}
    EXPOSES: ClassVar[Mapping[str, Exposure]] = {
        "url": "url",
        "headers": "sent",
        "text": "reported",
        "origin": "reported",
        "tags": "reported",
        "metadata": "reported",
    }

    type: Literal["transfer_to_chat"] = "transfer_to_chat"
    connector: Annotated[str, Field(min_length=1)] | None = None
    """Connector of the configuration that gives base URL and credentials."""
    url: TextTemplate | None = None
    """Where to; with a connector what follows its base URL."""
    headers: dict[SendableHeader, TextTemplate] = Field(default_factory=dict, max_length=MAX_HEADERS)
    """Further headers."""
    text: TextTemplate | None = None
    """Message to the person, for the other system to send; up to 4,000 characters."""
    origin: TextTemplate | None = None
    """Text that says what it is about; default: name of the flow."""
    tags: FirstTags = ()
    """Tags that the call gets first."""
    metadata: Told = Field(default_factory=dict)
    """What the packet says besides."""
    timeout: Annotated[Duration, Field(gt=0, le=MAX_TIMEOUT)] = 10.0
    """For one try."""
    filler: Filler = "music"
    """What a caller who is still there hears meanwhile: `music`, `none`, or a prompt that is repeated."""
    save: dict[VariableName, JsonPathField] = Field(default_factory=dict, max_length=MAX_SAVED)
    """Variable to a JSONPath in the answer: the link, the number of the ticket."""
    retry: Retry | None = None
    """Send it again where it fails."""

    @model_validator(mode="after")
    def _addressed(self) -> TransferToChatElement:
        if self.url is None and self.connector is None:
            raise ValueError("needs a url or a connector")
        return self

    def sets(self) -> tuple[str, ...]:
        return tuple(self.save)

    def silent_wait(self) -> float:
        return longest(self.timeout, self.retry) if self.filler == "none" else 0.0

    def run(self, ctx: Session) -> Run:
        add_tags(ctx, self.tags)
        try:
            request = self._request(ctx)
        except (UnsendableError, ExpressionError) as error:
            ctx.note(f"transfer_to_chat: {error}")
            return self._result(ctx, RequestDone(0, error="refused", text=str(error)), 0, hidden=False)
        done, tries = yield from exchange(ctx, request, self.retry, filler_spec(ctx, self.filler))
        return self._result(ctx, done, tries, hidden=request.secret)

    def _request(self, ctx: Session) -> Request:
        url, secret = ("", False) if self.url is None else url_text(ctx, self.url)
        headers: dict[str, str] = {}
        for name, template in self.headers.items():
            headers[name.lower()], sensitive = header_text(ctx, template)
            secret = secret or sensitive
        headers[CONTENT_TYPE] = "application/json"
        metadata, _ = rendered(ctx, self.metadata, "metadata")
        body: dict[str, Any] = {
            "packet": packet(ctx, origin=origin_of(ctx, self.origin), metadata=metadata),
            "tags": list(ctx.tags),
        }
        if self.text is not None:
            text, sensitive = ctx.text(self.text, "text")
            body["text"] = MASK if sensitive else text[:MAX_TEXT]
        return Request(
            id=ctx.next_id(),
            method="POST",
            url=url,
            headers=headers,
            body=json.dumps(body).encode(),
            timeout=self.timeout,
            connector=self.connector,
            secret=secret,
        )

    def _result(self, ctx: Session, done: RequestDone, tries: int, *, hidden: bool) -> str:
        for name, path in self.save.items():
            ctx.set_variable(name, path.value(done.body))
        set_answer(ctx, done, tries, hidden or any(map(ctx.is_sensitive, self.save)))
        return "sent" if branch_of(done) == "success" else "error"
