"""What agents ask for by telephone: log in, log out, pause, resume, a status, a disposition."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ivr.center.pins import MAX_CODE, code_of, find_agent
from ivr.center.roster import RosterError
from ivr.center.words import Words, spoken_code, words_of
from ivr.settings import Settings, TelephoneAction

__all__ = ["CodeAnswer", "Codes", "Finding", "PeopleOffice"]

log = logging.getLogger("ivr.center")

WRONG = 5
"""Wrong codes of one phone, after which it is not listened to for a while: a code of four digits is guessed after
some months then."""
WRONG_SECONDS = 600.0
"""That while, and how long wrong codes count."""
MENU = 6
"""Statuses and dispositions that are told with their codes: of more nobody remembers the first."""


Finding = Callable[[Callable[[], str | None]], Awaitable[str | None]]
"""Runs what looks for the agent of a code, which takes some milliseconds of a core."""


async def in_thread(look: Callable[[], str | None]) -> str | None:
    """Look for the agent of a code where the loop does not wait for it."""
    return await asyncio.to_thread(look)


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

    def to_dispose(self, agent: str) -> Sequence[str] | None:
        """Names of the dispositions that his last conversation may be given; None: he has had none."""


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
    finding: Finding = in_thread
    _wrong: dict[str, list[float]] = field(default_factory=dict)
    """When wrong codes came, by phone."""
    _turns: defaultdict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))
    """Who enters codes at a phone in several calls at once has one after the other looked at, each when it is known
    what became of the one before: so he guesses no more of them than in one call."""

    @property
    def words(self) -> Words:
        """The sentences of now."""
        return words_of(self.office.settings)

    async def enter(self, phone: str, code: str) -> CodeAnswer:
        """What an agent hears who was asked for his code, to log in at a phone."""
        async with self._turns[phone]:
            if self._is_locked(phone):
                return CodeAnswer("refused", self.words.locked)
            agents = self.office.settings.agents
            agent = await self.finding(lambda: find_agent(agents, code))
            if agent is not None and code_of(self.office.settings.agents.get(agent)) != code_of(agents[agent]):
                agent = None  # it was taken from him meanwhile
            try:
                return self._entered(self.words, phone, agent)
            except RosterError as error:
                return self._refused(phone, error)

    def answer(self, action: TelephoneAction, phone: str, dialled: str, asked: str) -> CodeAnswer:
        """What an agent hears. `dialled` stood after the code, `asked` was asked for (empty: nothing was; codes of
        agents are for :meth:`enter`)."""
        words = self.words
        try:
            if action == "log_in":
                return self._log_in(words, phone, dialled)
            agent = self.office.agent_at(phone)
            if agent is None:
                return CodeAnswer("refused", words.nobody)
            return self._of(words, action, agent, asked or dialled)
        except RosterError as error:
            return self._refused(phone, error)

    def _refused(self, phone: str, error: RosterError) -> CodeAnswer:
        log.info("a code of phone %s cannot be: %s", phone, error)
        return CodeAnswer("refused", self.words.not_possible)

    def asks(self, agent: str) -> bool:
        """Whether an agent can give his last conversation a disposition by keys."""
        return bool(self._dispositions(agent))

    def dispose(self, agent: str, digits: str) -> CodeAnswer:
        """What an agent hears who is asked for the disposition of his last conversation and has entered this; empty:
        nothing yet."""
        words = self.words
        try:
            return self._disposition(words, agent, digits)
        except RosterError as error:
            log.info("a disposition of %s cannot be: %s", agent, error)
            return CodeAnswer("refused", words.not_possible)

    def longest(self, action: TelephoneAction) -> int:
        """Digits after which an input is complete, where it was not ended by a key."""
        settings = self.office.settings
        if action == "log_in":
            return MAX_CODE
        choices = settings.statuses if action == "status" else settings.dispositions
        lengths = [len(each.code) for each in choices.values() if each.code is not None]
        return max(lengths, default=1)

    def _log_in(self, words: Words, phone: str, dialled: str) -> CodeAnswer:
        owner = self.office.agent_at(phone)
        if owner is not None and not dialled:
            self.office.log_in(owner, owner)
            return self._logged_in(words, owner)
        if self._is_locked(phone):
            return CodeAnswer("refused", words.locked)
        return CodeAnswer("digits_needed", words.enter_code)

    def _is_locked(self, phone: str) -> bool:
        now = self.clock()
        tries = [at for at in self._wrong.pop(phone, ()) if at > now - WRONG_SECONDS]
        if tries:
            self._wrong[phone] = tries
        return len(tries) >= WRONG

    def _entered(self, words: Words, phone: str, agent: str | None) -> CodeAnswer:
        if agent is None:
            self._wrong.setdefault(phone, []).append(self.clock())
            log.warning("a wrong code of an agent was entered at phone %s", phone)
            return CodeAnswer("digits_needed", f"{words.wrong_code} {words.enter_code}")
        self._wrong.pop(phone, None)
        owner = self.office.agent_at(phone)
        if owner is not None and owner != agent and self.office.is_logged_in(owner):
            return CodeAnswer("refused", words.taken)
        self.office.log_in(agent, agent, None if agent == owner else phone)
        return self._logged_in(words, agent)

    def _logged_in(self, words: Words, agent: str) -> CodeAnswer:
        return CodeAnswer("done", words.logged_in.format(name=self.office.settings.agents[agent].name or agent))

    def _of(self, words: Words, action: TelephoneAction, agent: str, digits: str) -> CodeAnswer:
        if action in ("pause", "resume") and not self.office.is_logged_in(agent):
            return CodeAnswer("refused", f"{words.not_possible} {words.logged_out}")
        match action:
            case "log_out":
                self.office.log_out(agent, agent)
                return CodeAnswer("done", words.logged_out)
            case "pause":
                self.office.pause(agent, agent)
                return CodeAnswer("done", words.paused)
            case "resume":
                self.office.resume(agent, agent)
                return CodeAnswer("done", words.resumed)
            case "status":
                return self._status(words, agent, digits)
            case _:
                return self._disposition(words, agent, digits)

    def _status(self, words: Words, agent: str, digits: str) -> CodeAnswer:
        settings = self.office.settings
        choices = {status.code: name for name, status in settings.statuses.items() if status.code is not None}
        named = {code: settings.statuses[name].name or _words(name) for code, name in choices.items()}
        if digits in choices:
            status = settings.statuses[choices[digits]]
            self.office.set_status(agent, choices[digits], agent)
            gets = {"available": words.gets_calls, "busy": words.gets_no_new_calls, "away": words.gets_no_calls}
            said = words.status.format(status=named[digits])
            return CodeAnswer("done", f"{said} {gets.get(status.group, words.logged_out)}")
        return _asked(words, digits and words.no_status, words.which_status, words.enter_status, named)

    def _disposition(self, words: Words, agent: str, digits: str) -> CodeAnswer:
        choices = self._dispositions(agent)
        if choices is None:
            return CodeAnswer("refused", words.no_conversation)
        dispositions = self.office.settings.dispositions
        named = {code: dispositions[name].name or _words(name) for code, name in choices.items()}
        if digits in choices:
            self.office.dispose(agent, choices[digits], agent)
            return CodeAnswer("done", words.noted.format(result=named[digits]))
        return _asked(words, digits and words.no_result, words.which_result, words.enter_result, named)

    def _dispositions(self, agent: str) -> dict[str, str] | None:
        """By code; None: he has had no conversation."""
        names = self.office.to_dispose(agent)
        known = self.office.settings.dispositions
        return None if names is None else {code: name for name in names if (code := known[name].code) is not None}


def _asked(words: Words, wrong: str, question: str, enter: str, named: Mapping[str, str]) -> CodeAnswer:
    """The question which of these it is; `wrong` is said first where something else was entered."""
    if not named:
        return CodeAnswer("refused", words.nothing_to_choose)
    text = enter
    if len(named) <= MENU:
        told = [words.choice.format(name=name, code=spoken_code(code, words.language)) for code, name in named.items()]
        hash_needed = len({len(code) for code in named}) > 1
        text = " ".join([question, *told, *([words.then_hash] if hash_needed else [])])
    return CodeAnswer("digits_needed", f"{wrong} {text}" if wrong else text)


def _words(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")
