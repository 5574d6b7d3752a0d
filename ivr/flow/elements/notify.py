"""notify: tell somebody, by e-mail or through a connector."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, ValidationError, ValidationInfo, model_validator

from ivr.flow.elements.base import CALL_ENDED, USER_HUNG_UP, BranchSpec, Element, Exposure, Run, element
from ivr.flow.elements.connector import ConnectorCall
from ivr.flow.elements.waiting import Filler, Meanwhile, filler_spec
from ivr.flow.expressions import ExpressionError, text_of
from ivr.flow.faults import near
from ivr.flow.ports import Event, MailDone, SendMail
from ivr.flow.values import TextTemplate

if TYPE_CHECKING:
    from ivr.flow.session import Session

__all__ = ["NotifyElement"]

MAX_RECIPIENTS = 20
"""Addresses of one mail; more are a list, which is somebody else's task."""

MAX_SUBJECT = 200
"""Characters of a subject; mail programs show fewer."""

MAIL_WAIT = 60.0
"""Seconds that a flow waits for the mail server."""

EMAIL = "email"


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


@element("notify")
class NotifyElement(Element):
    """Tells somebody: by e-mail through the configured server, or by an element of a connector that has the fields `to`
    and `text` (SMS, chat). The flow goes on at once; with `wait: true` it waits until the message is handed over.
    Results: `status` (`sent`, `error`), `error`."""

    BRANCHES = (
        BranchSpec("sent", "The message is handed over; with `wait: false` always.", success=True),
        BranchSpec("error", "It could not be handed over."),
        USER_HUNG_UP,
        CALL_ENDED,
    )
    NEEDS_CALL = False
    RESULTS = ("status", "error")
    EXPOSES: ClassVar[Mapping[str, Exposure]] = {"to": "sent", "subject": "sent", "text": "sent"}

    type: Literal["notify"] = "notify"
    by: Annotated[str, Field(min_length=1)] = EMAIL
    """`email`, or an element of a connector: `crm.send_sms`."""
    to: Annotated[
        tuple[TextTemplate, ...],
        BeforeValidator(_several, json_schema_input_type=str | list[str]),
        Field(min_length=1, max_length=MAX_RECIPIENTS),
    ]
    """Whom: an address, or a list of addresses; for a connector what it takes, a number or a name."""
    subject: TextTemplate | None = None
    """Of an e-mail; default: the name of the flow."""
    text: TextTemplate
    """What is said."""
    wait: bool = False
    """Wait until the message is handed over."""
    filler: Filler = "music"
    """What the caller hears meanwhile: `music`, `none`, or a prompt that is repeated."""

    _call: ConnectorCall | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _by_connector(self, info: ValidationInfo) -> NotifyElement:
        if self.by == EMAIL:
            return self
        types: dict[str, type[Element]] = (info.context or {}).get("types", {})
        known = {name: model for name, model in types.items() if issubclass(model, ConnectorCall)}
        model = known.get(self.by)
        if model is None:
            meant = near(self.by, [EMAIL, *known])
            expected = meant or " or ".join([EMAIL, *known])
            raise ValueError(f"by: there is no element {self.by} of a connector: {expected}")
        if len(self.to) > 1:
            raise ValueError("a connector takes one recipient in to")
        if not {"to", "text"} <= model.FIELDS.keys():
            raise ValueError(f"{self.by} has no fields to and text: use it as an element of its own")
        fields: dict[str, Any] = {"type": self.by, "to": self.to[0], "text": self.text, "wait": self.wait}
        if self.subject is not None:
            fields["subject"] = self.subject
        if self.wait:
            fields["filler"] = self.filler
        try:
            self._call = model.model_validate(fields)
        except ValidationError as error:
            field = ".".join(map(str, error.errors()[0]["loc"]))
            raise ValueError(f"{self.by} cannot be used here for its field {field}: use it as an element") from None
        return self

    def silent_wait(self) -> float:
        if self._call is not None:
            return self._call.silent_wait()
        return MAIL_WAIT if self.wait and self.filler == "none" else 0.0

    def run(self, ctx: Session) -> Run:
        sent = yield from self._hand_over(ctx)
        ctx.details["status"] = "sent" if sent is None else "error"
        ctx.set_result({"status": "sent" if sent is None else "error", "error": sent})
        return "sent" if sent is None else "error"

    def _hand_over(self, ctx: Session) -> Generator[float | None, Event | None, str | None]:
        """None, or why the message could not be handed over."""
        if self._call is not None:
            branch = yield from self._call.run(ctx)
            return None if self._call.succeeded(branch) else "the connector reports an error"
        try:
            mail = self._mail(ctx)
        except ExpressionError as error:
            ctx.note(f"notify: {error}")
            return str(error)
        ctx.send(mail)
        if not self.wait:
            return None

        def answers(event: Event) -> bool:
            return type(event) is MailDone and event.id == mail.id

        meanwhile = Meanwhile(ctx, filler_spec(ctx, self.filler))
        event = yield from meanwhile.wait(ctx.now + MAIL_WAIT, answers)
        meanwhile.stop()
        return event.error if isinstance(event, MailDone) else "the mail server did not answer in time"

    def _mail(self, ctx: Session) -> SendMail:
        secret = False
        to: list[str] = []
        for template in self.to:
            value, sensitive = template.render(ctx)
            secret = secret or sensitive
            to.extend(part.strip() for part in text_of(value).split(",") if part.strip())
        if not 0 < len(to) <= MAX_RECIPIENTS:
            raise ExpressionError(f"to: 1 to {MAX_RECIPIENTS} addresses are needed")
        subject = ctx.flow.name
        if self.subject is not None:
            text, sensitive = self.subject.render(ctx)
            secret = secret or sensitive
            subject = " ".join(text_of(text).split())[:MAX_SUBJECT]
        text, sensitive = self.text.render(ctx)
        return SendMail(ctx.next_id(), tuple(to), subject, text_of(text), secret or sensitive)
