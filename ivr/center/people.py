"""What callers leave for people, and what people ask for by telephone (PeopleDesk)."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ivr.center.codes import CodeAnswer, Codes
from ivr.center.dialled import code_flow
from ivr.center.mailbox import Mailbox
from ivr.flow import Flow, ports

if TYPE_CHECKING:
    from ivr.call.flowcall import FlowCall
    from ivr.settings import Settings, TelephoneAction

__all__ = ["People"]

log = logging.getLogger("ivr.center")


def sender_of_agent(settings: Settings, name: str) -> str | None:
    """The caller id of an agent who calls out: that of the first of his queues that has one, his own queues before
    those of all; None: there is none."""
    own = [*settings.agents[name].queues, *(queue for queue, each in settings.queues.items() if each.all)]
    return next((settings.queues[queue].senders[0] for queue in own if settings.queues[queue].senders), None)


class People:
    """Answers them."""

    def __init__(self, codes: Codes, mailbox: Mailbox) -> None:
        self._codes = codes
        self._mailbox = mailbox

    def flow_of(self, number: str, phone: str) -> Flow | None:
        settings = self._codes.office.settings
        found = settings.telephone_codes.read(number) if settings.agents else None
        if found is None:
            return None
        words = self._codes.words
        return code_flow(found[0], words.language, self._codes.longest(found[0]), words.enter_digits)

    def sender_of(self, phone: str) -> str | None:
        agent = self._codes.office.agent_at(phone)
        return None if agent is None else sender_of_agent(self._codes.office.settings, agent)

    def code(self, call: FlowCall, command: ports.AgentCode) -> None:
        caller = getattr(call, "caller", None)  # calls that were placed have none
        phone, number = getattr(caller, "phone", None), getattr(caller, "called", "")
        read = self._codes.office.settings.telephone_codes.read(number)
        if phone is None or read is None:
            call.feed(ports.AgentCodeDone(command.id, "refused", self._codes.words.not_possible))
            return
        if read[0] == "log_in" and command.digits:
            call.services.create_task(self._log_in(call, command, phone))
        else:
            self._tell(call, command, phone, read[0], self._codes.answer(read[0], phone, read[1], command.digits))

    async def _log_in(self, call: FlowCall, command: ports.AgentCode, phone: str) -> None:
        services = call.services
        answer = await self._codes.enter(phone, command.digits)
        if vars(call):  # else he has hung up meanwhile, and the call was let go
            self._tell(call, command, phone, "log_in", answer)
            services.flush()

    def _tell(
        self, call: FlowCall, command: ports.AgentCode, phone: str, action: TelephoneAction, answer: CodeAnswer
    ) -> None:
        log.info("phone %s asked for %s: %s", phone, action, answer.outcome)
        call.feed(ports.AgentCodeDone(command.id, answer.outcome, answer.say))

    def message(self, call: FlowCall, command: ports.DeliverVoicemail) -> None:
        ended = datetime.fromtimestamp(call.services.wall(), UTC)
        if not self._mailbox.deliver(command, call.report.id, call.machine.call.short_id, ended):
            log.info("a message is kept as a recording: nobody has a mailbox for it")
