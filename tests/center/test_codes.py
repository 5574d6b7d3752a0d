"""Agents log in, pause and so on by dialling codes: real rules, desk and signalling, in virtual time."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from string import Formatter
from types import SimpleNamespace
from typing import Any, cast

import pytest

from ivr.call.flowcall import FlowCall
from ivr.center.asking import Asking
from ivr.center.codes import WRONG, WRONG_SECONDS, CodeAnswer, Codes
from ivr.center.mailbox import Mailbox
from ivr.center.office import Office
from ivr.center.people import People
from ivr.center.roster import Roster, TakenError
from ivr.center.rules import decisions as said
from ivr.center.rules import events as happened
from ivr.center.words import WORDS, words_of
from ivr.errors import ConfigError
from ivr.flow.ports import PromptSpec
from ivr.settings import Agent, parse_settings
from tests.kit.house import CELL, DESK, SHOP, TRUNK, Party
from tests.kit.queue_house import QueueHouse, desk_flow

MORE = """
statuses: {lunch: {group: away, code: "5"}}
dispositions: {sold: {name: Sold, code: "1"}, hidden: No code}
"""


async def at_once(look: Callable[[], str | None]) -> str | None:
    """Tasks of the house never wait."""
    return look()


class Center(QueueHouse):
    """A house whose agents dial codes: anna at 200, ben with no phone of his own."""

    def __init__(self, folder: Path, more: str = "", queue: str = "{}", flow: str = "") -> None:
        agents = {"anna": "200, wrap_up: 60s, name: Anna Berg", "ben": "201, code: '7351904'"}
        super().__init__(folder, {"main": flow or desk_flow("100")}, agents, more=MORE + more, queue=queue)
        self.rows: dict[tuple[str, str], Any] = {}
        self.roster = Roster(self.settings, {}, lambda kind, key, value: self.rows.update({(kind, key): value}))
        self.office = Office(self.desk, self.roster)
        mailbox = Mailbox(lambda: self.roster.settings, lambda mail, done: None)
        codes = Codes(self.office, self.services.clock, at_once)
        self.services.desks.people = People(codes, mailbox)
        self.desk.asking = Asking(self.services, codes)
        self.disposed: list[tuple[str, str, str]] = []
        self.desk.listeners.append(self._decided)
        self.spoken: list[PromptSpec] = []
        ready = self.sounds.ready
        self.sounds.ready = lambda prompt: (self.spoken.append(prompt), ready(prompt))[1]  # type: ignore[method-assign]

    def _decided(self, decision: said.Decision) -> None:
        if isinstance(decision, said.Disposed):
            self.disposed.append((decision.agent, decision.queue, decision.disposition))

    def dial(self, phone: Party, user: str, number: str) -> str:
        """Call a code and hear it out; the last that is said."""
        phone.call_as(user, number)
        self.run(0.01)
        return self.said()

    def said(self) -> str:
        """What is heard now, to its end."""
        port = self.pool.ports[-1]
        heard = port.heard()
        port.played()
        self.run(0.5)
        return " ".join(heard)

    def enter(self, digits: str) -> str:
        """Keys, with the one that ends them."""
        self.press(digits + "#", self.pool.ports[-1])
        return self.said()

    def status(self, agent: str) -> str:
        return str(self.agent(agent)["status"])


@pytest.fixture
def center(tmp_path: Path) -> Center:
    return Center(tmp_path)


def test_a_day_at_the_own_phone(center: Center) -> None:
    anna = center.phone("200", DESK)
    center.office.log_out("anna", "test")
    assert center.dial(anna, "200", "*11") == "Anna Berg, you are logged in."
    assert center.status("anna") == "available"
    assert center.dial(anna, "200", "*13") == "You have a break."
    assert center.status("anna") == "away"
    assert center.dial(anna, "200", "*14") == "You get calls again."
    assert center.dial(anna, "200", "*155") == "Your status is lunch. You get no calls."
    assert center.status("anna") == "lunch"
    assert center.dial(anna, "200", "*157").startswith("There is no status with this code. What is your status?")
    assert center.enter("5") == "Your status is lunch. You get no calls."
    assert center.dial(anna, "200", "*12") == "You are logged out."
    assert "logged out" in center.dial(anna, "200", "*13")
    center.settled()
    assert {row.flow for row in center.books.calls} == {"(code)"}


def test_the_digits_of_a_status_are_asked_for(center: Center) -> None:
    anna = center.phone("200", DESK)
    assert center.dial(anna, "200", "*15") == "What is your status? For lunch, press 5."
    center.press("5", center.pool.ports[-1])
    assert "lunch" in center.said(), "one key is enough where every code is one digit"
    assert center.status("anna") == "lunch"


def test_a_disposition_after_the_call(center: Center) -> None:
    anna, caller = center.phone("200", DESK), center.party()
    assert "not possible" in center.dial(anna, "200", "*161").lower()
    caller.call("100")
    anna.answer()
    center.run(5.0)
    anna.calls[-1].hangup(center.now)
    center.run(0.5)
    assert center.agent("anna")["phase"] == "wrapping"
    assert center.dial(anna, "200", "*161") == "Sold: this is noted."
    center.run(1.0)
    assert center.agent("anna")["phase"] == "idle"


def test_hot_desking(center: Center) -> None:
    phone = center.phone("299", SHOP)
    assert "Nobody is logged in" in center.dial(phone, "299", "*12")
    assert "Enter your code" in center.dial(phone, "299", "*11")
    assert "wrong" in center.enter("1111")
    assert "you are logged in" in center.enter("7351904")
    assert center.roster.settings.agents["ben"].phones == ("299",)
    assert center.rows["desk", "ben"] == "299"
    center.run(1.0)
    assert center.agent("ben")["reachable"]
    caller = center.party(CELL)
    center.office.log_out("anna", "test")
    caller.call("100")
    assert len(phone.calls) == 1, "his calls ring where he sits"
    caller.hang_up()
    assert center.dial(phone, "299", "*12") == "You are logged out."
    assert center.roster.settings.agents["ben"].phones == ("201",)
    assert center.rows["desk", "ben"] is None


def test_at_the_phone_of_somebody_else(center: Center) -> None:
    anna = center.phone("200", DESK)
    assert "Enter your code" in center.dial(anna, "200", "*11*")
    assert "Somebody else is logged in" in center.enter("7351904")
    center.office.log_out("anna", "test")
    center.dial(anna, "200", "*11*")
    assert "not possible" in center.enter("7351904"), "it is hers"
    phones: Any = center.settings.phones
    phones["200"] = phones["200"].model_copy(update={"hot_desk": True})
    center.dial(anna, "200", "*11*")
    center.enter("7351904")
    assert center.office.agent_at("200") == "ben"
    assert center.roster.settings.agents["anna"].phones == ()
    center.office.log_in("anna", "anna")
    assert center.office.agent_at("200") == "anna"
    assert center.roster.settings.agents["ben"].phones == ("201",)
    assert center.agent("anna")["group"] == "available"


def test_a_phone_that_is_no_desk_of_agents(center: Center) -> None:
    phones: Any = center.settings.phones
    phones["299"] = phones["299"].model_copy(update={"hot_desk": False})
    with pytest.raises(TakenError, match=r"the phone 299 is no agent's; phones\.299\.hot_desk"):
        center.office.log_in("ben", "ben", "299")
    assert center.roster.desk("ben") is None


def test_codes_cannot_be_guessed(center: Center) -> None:
    phone = center.phone("299", SHOP)
    center.dial(phone, "299", "*11")
    said = [center.enter(f"{number:04}") for number in range(WRONG)]
    assert all("wrong" in text for text in said)
    assert "too many wrong codes" in center.enter("7351904")
    assert "too many" in center.dial(phone, "299", "*11")
    center.run(WRONG_SECONDS)
    center.dial(phone, "299", "*11")
    assert "logged in" in center.enter("7351904")
    assert "7351904" not in str([row for row in center.books.calls])


class Desks:
    """An office whose agents log in, and threads that the test lets go on."""

    def __init__(self) -> None:
        self.settings = parse_settings(TWO_AGENTS, Path("ivr.yaml"), {})
        self.logged_in: list[tuple[str, str | None]] = []
        self.looking: list[asyncio.Future[None]] = []
        self.looked = 0
        self.now = 0.0
        self.codes = Codes(cast(Any, self), lambda: self.now, self._look)

    async def _look(self, look: Callable[[], str | None]) -> str | None:
        self.looked += 1
        found: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.looking.append(found)
        await found
        return look()

    def agent_at(self, phone: str) -> str | None:
        return None

    def is_logged_in(self, agent: str) -> bool:
        return False

    def log_in(self, agent: str, by: str, phone: str | None = None) -> None:
        self.logged_in.append((agent, phone))

    async def entered(self, *entered: tuple[str, str]) -> list[str]:
        """What is heard after codes that are entered at phones at the same moment."""
        tasks = [asyncio.ensure_future(self.codes.enter(*each)) for each in entered]
        while not all(task.done() for task in tasks):
            for found in self.looking:
                if not found.done():
                    found.set_result(None)
            await asyncio.sleep(0)
        return [task.result().say for task in tasks]


TWO_AGENTS = 'phones: {"300": {password: a}, "301": {password: b}}\nagents: {ben: {code: "4711"}, eva: {code: "0815"}}'


async def test_calls_at_once_guess_no_more_codes_than_one() -> None:
    desks = Desks()
    words = desks.codes.words
    said = await desks.entered(*(("300", f"{number:04}") for number in range(WRONG + 4)))
    assert said == [f"{words.wrong_code} {words.enter_code}"] * WRONG + [words.locked] * 4
    assert desks.looked == WRONG, "none is looked at that would not have been in one call"
    assert await desks.entered(("300", "4711"), ("301", "4711")) == [words.locked, words.logged_in.format(name="ben")]
    desks.now = WRONG_SECONDS
    assert await desks.entered(("300", "4711")) == [words.logged_in.format(name="ben")]
    assert desks.logged_in == [("ben", "301"), ("ben", "300")]


async def test_who_hangs_up_has_guessed_all_the_same() -> None:
    desks = Desks()
    tasks = [asyncio.ensure_future(desks.codes.enter("300", "1111")) for _ in range(WRONG)]
    await asyncio.sleep(0)
    assert desks.looked == 1, "the others wait for what becomes of it"
    await desks.entered(("300", "2222"))
    assert [task.result().outcome for task in tasks] == ["digits_needed"] * WRONG
    assert (await desks.entered(("300", "4711"))) == [desks.codes.words.locked]


async def test_a_code_that_is_taken_away_while_it_is_looked_at_lets_nobody_in() -> None:
    desks = Desks()
    task = asyncio.ensure_future(desks.codes.enter("300", "4711"))
    await asyncio.sleep(0)
    desks.settings = parse_settings(TWO_AGENTS.replace("4711", "5822"), Path("ivr.yaml"), {})
    desks.looking[0].set_result(None)
    assert (await task).outcome == "digits_needed"
    assert desks.logged_in == []


async def test_codes_are_not_hashed_on_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def hashed(digits: str, salt: str) -> str:
        threads.append(threading.get_ident())
        return f"scrypt${salt}${digits:0>64}"

    monkeypatch.setattr("ivr.center.pins.hashed_code", hashed)
    monkeypatch.setattr("ivr.center.roster.hashed_code", hashed)
    desks = Desks()
    roster = Roster(desks.settings, {}, lambda kind, key, value: None)
    desk = SimpleNamespace(listeners=[], center=None, configure=lambda settings: None)
    office = Office(cast(Any, desk), roster)
    assert await office.put_agent("eve", Agent.model_validate({"code": "77"}))
    answer = await Codes(office, lambda: 0.0).enter("300", "78")
    assert answer.outcome == "digits_needed"
    assert len(threads) == 2
    assert threading.get_ident() not in threads


def test_who_is_no_phone_dials_no_code(center: Center) -> None:
    stranger = center.party()
    stranger.call("*11")
    assert not center.manager.calls and not center.books.calls


def test_a_flow_with_the_number_has_it(tmp_path: Path) -> None:
    center = Center(tmp_path, 'telephone_codes: {log_in: "100"}\n')
    center.phone("200", DESK).call_as("200", "100")
    assert [row["flow"] for row in center.manager.live()] == ["main"]


def test_an_agent_who_is_deleted_meanwhile(center: Center) -> None:
    anna = center.phone("200", DESK)
    anna.call_as("200", "*15")
    agents = {"ben": center.settings.agents["ben"]}
    center.roster.reload(center.settings.model_copy(update={"agents": agents}), lambda merged: [])
    assert "Nobody is logged in" in center.enter("5")
    center.desk.receive(happened.Tick())


def test_a_phone_that_was_taken_is_free_when_its_agent_has_vanished(center: Center) -> None:
    phone = center.phone("299", SHOP)
    center.dial(phone, "299", "*11")
    center.enter("7351904")
    center.run(1.0)
    center.unregister("299")
    center.run(901.0)
    assert center.status("ben") == "unavailable"
    assert center.office.agent_at("299") is None


GERMAN = """
statuses: {lunch: {group: away, name: Mittag, code: "5"}, home: {group: unavailable, code: "41"}}
dispositions: {sold: {name: Verkauft, code: "1"}, later: {name: Später, code: "20", queues: [default]}}
speech: {language: de}
"""


def test_agents_are_spoken_to_in_the_configured_language(tmp_path: Path) -> None:
    center = Center(tmp_path, GERMAN.replace("statuses", "#").replace("dispositions", "#", 1))
    anna = center.phone("200", DESK)
    assert center.dial(anna, "200", "*11") == "Anna Berg, Sie sind angemeldet."
    assert center.dial(anna, "200", "*13") == "Sie haben Pause."
    assert center.dial(anna, "200", "*12") == "Sie sind abgemeldet."
    assert center.dial(anna, "200", "*13") == "Das ist nicht möglich. Sie sind abgemeldet."
    assert "noch kein Gespräch" in center.dial(anna, "200", "*161")
    assert {prompt.language for prompt in center.spoken} == {"de"}


@pytest.mark.parametrize("language", ["en", "de", "es", "fr"])
def test_every_language_has_every_sentence(language: str) -> None:
    texts = f"telephone_codes: {{language: {language}-XX}}"
    words = words_of(parse_settings(texts, Path("ivr.yaml"), {}))
    assert words.language == f"{language}-XX"
    english, own = asdict(WORDS["en"]), asdict(words)
    for name, sentence in own.items():
        places = {part for _, part, _, _ in Formatter().parse(sentence) if part}
        assert places == {part for _, part, _, _ in Formatter().parse(english[name]) if part}, name
        assert name == "language" or language == "en" or sentence != english[name], name


def test_sentences_of_ones_own(tmp_path: Path) -> None:
    texts = "telephone_codes: {language: it, texts: {logged_in: 'Ciao {name}', paused: Pausa.}}"
    words = words_of(parse_settings(texts, tmp_path / "ivr.yaml", {}))
    assert (words.language, words.paused, words.logged_in) == ("it", "Pausa.", "Ciao {name}")
    with pytest.raises(ConfigError, match="in braces may stand"):
        parse_settings("telephone_codes: {texts: {paused: 'Hello {agent}'}}", tmp_path / "ivr.yaml", {})
    for wrong in ("{", "{name.__class__}", "{0}", "{name!r:>900000000}"):
        with pytest.raises(ConfigError, match="in braces may stand"):
            parse_settings(f"telephone_codes: {{texts: {{paused: '{wrong}'}}}}", tmp_path / "ivr.yaml", {})


def test_without_codes_there_is_nothing_to_choose(tmp_path: Path) -> None:
    center = Center(tmp_path)
    center.roster.reload(center.settings.model_copy(update={"statuses": {}}), lambda merged: [])
    assert center.dial(center.phone("200", DESK), "200", "*15") == "There is nothing to choose from."


def test_of_many_the_code_is_asked_for(tmp_path: Path) -> None:
    many = ", ".join(f'd{n}: {{name: Result {n}, code: "{n}"}}' for n in range(8, 16))
    center = Center(tmp_path)
    anna, caller = center.phone("200", DESK), center.party()
    made = parse_settings(f"dispositions: {{{many}}}", tmp_path / "ivr.yaml", {}).dispositions
    center.roster.reload(center.settings.model_copy(update={"dispositions": made}), lambda merged: [])
    caller.call("100")
    anna.answer()
    caller.hang_up()
    assert center.dial(anna, "200", "*16") == "Enter the code of the result, then press the hash key."
    assert center.enter("9") == "Result 9: this is noted."


@pytest.mark.parametrize(
    ("queues", "shown"),
    [
        ("{sales: {senders: ['+49 30 555', '+4930556']}}", "+4930555"),
        ("{sales: {}, default: {senders: ['+4930777']}}", "+4930777"),
        ("{sales: {}}", "200"),
    ],
)
def test_what_agents_call_out_by_shows_the_number_of_their_queue(tmp_path: Path, queues: str, shown: str) -> None:
    center = Center(tmp_path, "outbound_policy: {phones: ['+49*']}\n")
    made = parse_settings(f"queues: {queues}", tmp_path / "ivr.yaml", {}).queues
    agents = dict(center.settings.agents)
    agents["anna"] = agents["anna"].model_copy(update={"queues": ("sales",)})
    update = {"queues": made, "agents": agents}
    center.roster.reload(center.settings.model_copy(update=update), lambda merged: [])
    trunk = center.party(TRUNK)
    center.phone("200", DESK).call_as("200", "+49301234")
    assert trunk.calls[-1].request.from_.uri.user == shown


def test_a_sender_is_a_number() -> None:
    with pytest.raises(ConfigError, match="not a number that calls can show"):
        parse_settings("queues: {sales: {senders: ['{{ call.from }}']}}", Path("ivr.yaml"), {})


async def test_who_hangs_up_while_his_code_is_looked_at_costs_nothing() -> None:
    looking = asyncio.Event()

    class Slow:
        async def enter(self, phone: str, digits: str) -> CodeAnswer:
            await looking.wait()
            return CodeAnswer("done", "you are logged in")

    call = FlowCall.__new__(FlowCall)
    call.services = cast(Any, SimpleNamespace(flush=pytest.fail))
    command = cast(Any, SimpleNamespace(id=1, digits="4711"))
    task = asyncio.create_task(People(cast(Any, Slow()), cast(Any, None))._log_in(call, command, "201"))
    await asyncio.sleep(0)
    vars(call).clear()  # a second after its end a call is let go
    looking.set()
    await task
