"""What agents ask for by telephone: log in, log out, pause, resume, a status, a disposition."""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ivr.center.roster import RosterError
from ivr.settings import Settings, TelephoneAction

__all__ = ["CodeAnswer", "Codes", "PeopleOffice"]

log = logging.getLogger("ivr.center")

WRONG = 5
"""Wrong codes of one phone, after which it is not listened to for a while: a code of four digits is guessed after
some months then."""
WRONG_SECONDS = 600.0
"""That while, and how long wrong codes count."""
SPOKEN = {"available": "You get calls.", "away": "You get no calls.", "busy": "You get no new calls."}


class PeopleOffice(Protocol):
    """Who carries it out; each raises RosterError with a sentence where it cannot be."""

    @property
    def settings(self) -> Settings:
        """As they hold now."""

    def log_in(self, agent: str, by: str, phone: str | None = None) -> None:
        """An agent begins to work, at a phone that is his from now on where one is named."""

    def log_out(self, agent: str, by: str) -> None:
        """He ends his work; a phone that he has taken is nobody's again."""

    def pause(self, agent: str, by: str) -> None:
        """He is away."""

    def resume(self, agent: str, by: str) -> None:
        """He is back; wrapping up is over."""

    def set_status(self, agent: str, status: str, by: str) -> None:
        """He chooses a status."""

    def dispose(self, agent: str, disposition: str, by: str) -> None:
        """He says how his last conversation ended."""

    def agent_at(self, phone: str) -> str | None:
        """Whose phone it is now; None: nobody's."""

    def is_logged_in(self, agent: str) -> bool:
        """Whether his status lets calls come to him at all."""


@dataclass(frozen=True, slots=True)
class CodeAnswer:
    """What becomes of it."""

    outcome: Literal["done", "digits_needed", "refused"]
    say: str


@dataclass(slots=True)
class Codes:
    """Decides it."""

    office: PeopleOffice
    clock: Callable[[], float]
    """Seconds of a clock that nobody sets."""
    _wrong: dict[str, list[float]] = field(default_factory=dict)
    """When wrong codes came, by phone."""

    def answer(self, action: TelephoneAction, phone: str, dialled: str, asked: str) -> CodeAnswer:
        """What an agent hears. `dialled` stood after the code, `asked` was asked for (empty: nothing was)."""
        try:
            return (
                self._log_in(phone, dialled, asked) if action == "log_in" else self._of(action, phone, asked or dialled)
            )
        except RosterError as error:
            return CodeAnswer("refused", f"This is not possible. {_sentence(str(error))}")

    def _log_in(self, phone: str, dialled: str, asked: str) -> CodeAnswer:
        owner = self.office.agent_at(phone)
        if owner is not None and not dialled and not asked:
            self.office.log_in(owner, owner)
            return self._logged_in(owner)
        now = self.clock()
        tries = self._wrong[phone] = [at for at in self._wrong.get(phone, ()) if at > now - WRONG_SECONDS]
        if len(tries) >= WRONG:
            return CodeAnswer("refused", "There were too many wrong codes. Try again later.")
        if not asked:
            if not tries:
                del self._wrong[phone]
            return CodeAnswer("digits_needed", "Enter your code, then press the hash key.")
        agent = self._with_code(asked)
        if agent is None:
            tries.append(now)
            log.warning("a wrong code of an agent was entered at phone %s", phone)
            return CodeAnswer("digits_needed", "This code is wrong. Enter your code, then press the hash key.")
        self._wrong.pop(phone, None)
        if owner is not None and owner != agent and self.office.is_logged_in(owner):
            return CodeAnswer("refused", "Somebody else is logged in at this phone.")
        self.office.log_in(agent, agent, None if agent == owner else phone)
        return self._logged_in(agent)

    def _logged_in(self, agent: str) -> CodeAnswer:
        name = self.office.settings.agents[agent].name or agent
        return CodeAnswer("done", f"{name}, you are logged in.")

    def _of(self, action: TelephoneAction, phone: str, digits: str) -> CodeAnswer:
        agent = self.office.agent_at(phone)
        if agent is None:
            return CodeAnswer("refused", "Nobody is logged in at this phone.")
        match action:
            case "log_out":
                self.office.log_out(agent, agent)
                return CodeAnswer("done", "You are logged out.")
            case "pause":
                self.office.pause(agent, agent)
                return CodeAnswer("done", "You have a break.")
            case "resume":
                self.office.resume(agent, agent)
                return CodeAnswer("done", "You get calls again.")
            case "status":
                return self._status(agent, digits)
            case _:
                return self._disposition(agent, digits)

    def _status(self, agent: str, digits: str) -> CodeAnswer:
        if not digits:
            return CodeAnswer("digits_needed", "Enter the code of the status, then press the hash key.")
        for name, status in self.office.settings.statuses.items():
            if status.code == digits:
                self.office.set_status(agent, name, agent)
                return CodeAnswer("done", f"Your status is {_words(name)}. {SPOKEN.get(status.group, '')}".strip())
        return CodeAnswer("refused", "There is no status with this code.")

    def _disposition(self, agent: str, digits: str) -> CodeAnswer:
        if not digits:
            return CodeAnswer("digits_needed", "Enter the code of the result, then press the hash key.")
        for name, disposition in self.office.settings.dispositions.items():
            if disposition.code == digits:
                self.office.dispose(agent, name, agent)
                return CodeAnswer("done", f"{disposition.name or _words(name)}: this is noted.")
        return CodeAnswer("refused", "There is no result with this code.")

    def _with_code(self, digits: str) -> str | None:
        found = None
        for name, agent in self.office.settings.agents.items():
            code = None if agent.code is None or not agent.enabled else agent.code.get_secret_value()
            # All of them, in the same time each.
            if code is not None and hmac.compare_digest(code, digits):
                found = name
        return found


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
