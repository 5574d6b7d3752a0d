"""Agents, queues and routes as they hold now: those of ivr.yaml, those that were made over HTTP, and the phones that
agents have taken by log-in. Whatever changes, the whole must fit together, else nothing changes.

Kept in the store, a row for each: `agent_made`, `queue_made`, `route_made` (settings as JSON), `route_order`, `desk`
(the phone that an agent has taken), `code_salt`. Codes of agents are kept hashed (:mod:`ivr.center.pins`).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr, TypeAdapter, ValidationError

from ivr.center.pins import hashed_code, is_code, is_hashed, new_salt
from ivr.errors import ConfigError, Fault, IvrError
from ivr.settings import DEFAULT_QUEUE, Agent, Name, Queue, Route, Settings, center_mismatches

__all__ = ["CENTER_SECTIONS", "Roster", "RosterError", "TakenError", "UnknownError"]

log = logging.getLogger("ivr.center")

CENTER_SECTIONS = ("agents", "queues", "routes", "waiting", "statuses", "dispositions", "telephone_codes", "calendars")
"""Of ivr.yaml: what SIGHUP reads anew."""

MOST = {"agents": 2000, "queues": 500, "routes": 500}
"""As many as ivr.yaml may have."""

_NAMES: TypeAdapter[str] = TypeAdapter(Name)

Keep = Callable[[str, str, Any], None]
"""Writes a row of a kind under a key; None takes it away."""

M = TypeVar("M", bound=BaseModel)


class RosterError(IvrError):
    """Something that cannot be so."""

    http_status = 422


class TakenError(RosterError):
    """It is there already, is in use, or belongs to ivr.yaml."""

    http_status = 409


class UnknownError(RosterError):
    """It is not there."""

    http_status = 404


class Roster:
    """All of it. One writer; every change is in force when the method returns, and calls `changed` before."""

    def __init__(self, settings: Settings, kept: Mapping[str, Mapping[str, Any]], keep: Keep) -> None:
        """`kept` are rows of the store by kind and key."""
        self._file = settings
        self._keep = keep
        self._salt = str(kept.get("code_salt", {}).get("salt", ""))
        self._agents: dict[str, Agent] = _read(Agent, kept.get("agent_made", {}), settings.agents, "agent")
        for name, agent in self._agents.items():  # of a store that an earlier release has written
            if agent.code is not None and not is_hashed(agent.code.get_secret_value()):
                self._agents[name] = _hashed(agent, self._salted())
                keep("agent_made", name, _kept(self._agents[name]))
        self._queues: dict[str, Queue] = _read(Queue, kept.get("queue_made", {}), settings.queues, "queue")
        self._routes: dict[str, Route] = _read(Route, kept.get("route_made", {}), _named(settings.routes), "route")
        self._order: list[str] = list(kept.get("route_order", {}).get("names", ()))
        self._desks: dict[str, str] = {
            str(agent): str(phone) for agent, phone in kept.get("desk", {}).items() if phone in settings.phones
        }
        self.changed: Callable[[Settings], None] = lambda settings: None
        """Hears of what holds from now on."""
        self._settings = self._merged()
        self._leave_out()

    def _leave_out(self) -> None:
        """Go on without what was made over HTTP and does not fit ivr.yaml any more, and without what names it. It stays
        in the store, and is there again when it fits."""
        made: dict[str, dict[str, Any]] = {"agents": self._agents, "queues": self._queues, "routes": self._routes}
        while wrong := list(center_mismatches(self._settings)):
            places = list(self._routes_in_order())
            left_out = False
            for each in wrong:
                section, name = str(each.path[0]), each.path[1]
                if section == "routes":
                    name = places[int(name)]
                if made.get(section, {}).pop(str(name), None) is not None:
                    left_out = True
                    where = ".".join(map(str, each.path[2:]))
                    log.error(
                        "%s %s, made over HTTP, does not fit ivr.yaml any more and is left out: %s: %s%s",
                        section[:-1], name, where, each.text, f" ({each.found})" if each.found else "",
                    )  # fmt: skip
            if not left_out:  # what an agent has taken makes two of the file's disagree
                log.error("phones that agents have taken do not fit ivr.yaml any more: %s", wrong[0].text)
                self._desks.clear()
                self._settings = self._merged()
                return
            self._settings = self._merged()

    @property
    def settings(self) -> Settings:
        """The settings with all that holds now."""
        return self._settings

    def source(self, section: str, name: str) -> str:
        """`config` for what ivr.yaml has, `store` for what was made over HTTP."""
        sections: dict[str, Mapping[str, Any]] = {
            "agents": self._agents,
            "queues": self._queues,
            "routes": self._routes,
        }
        made = sections[section]
        return "store" if name in made else "config"

    def version(self, section: str, name: str) -> str | None:
        """Names the settings of an agent, queue or route as they were written, whatever phone he has taken; None: there
        is none. It tells nothing of codes that are not hashed."""
        sections: dict[str, tuple[Mapping[str, BaseModel], Mapping[str, BaseModel]]] = {
            "agents": (self._agents, self._file.agents),
            "queues": (self._queues, self._file.queues),
            "routes": (self._routes, _named(self._file.routes)),
        }
        made, of_file = sections[section]
        value = made.get(name) or of_file.get(name)
        if value is None:
            return None
        text = value.model_dump_json(by_alias=True)
        if name in made and isinstance(value, Agent) and value.code is not None:
            text += value.code.get_secret_value()
        return _digest(text)

    def order_version(self) -> str:
        """Names the order of the routes."""
        return _digest("\n".join(self._routes_in_order()))

    @property
    def routes(self) -> Sequence[tuple[str, Route]]:
        """Routes by name, in the order in which they are tried."""
        return list(self._routes_in_order().items())

    def desk(self, agent: str) -> str | None:
        """The phone that an agent has taken by log-in."""
        return self._desks.get(agent)

    # Changes

    def coded(self, name: str, agent: Agent) -> Callable[[], Agent]:
        """What gives an agent with the hash of his code, about 10 ms of work for a thread. ConfigError where the code
        is none, or is an agent's of ivr.yaml."""
        if agent.code is None:
            return lambda: agent
        code = agent.code.get_secret_value()
        self._own_code(name, agent)
        if not is_code(code):
            raise ConfigError([Fault("not a code", "", field=f"agents.{name}.code", expected="1 to 12 digits")])
        return partial(_hashed, agent, self._salted())

    def put_agent(self, name: str, agent: Agent) -> bool:
        """Make or change an agent, as :meth:`coded` gives him; True where he is new."""
        if agent.code is not None and not is_hashed(agent.code.get_secret_value()):
            raise ValueError("codes are kept hashed")
        self._own_code(name, agent)
        return self._put("agents", "agent_made", self._agents, self._file.agents, name, agent)

    def _own_code(self, name: str, agent: Agent) -> None:
        """ConfigError where somebody else has his code, or its hash: without a word of who that is."""
        others = [each.code for other, each in {**self._file.agents, **self._agents}.items() if other != name]
        if agent.code is not None and agent.code in others:
            raise ConfigError([Fault("somebody else has this already", "", field=f"agents.{name}.code")])

    def _salted(self) -> str:
        if not self._salt:
            self._salt = new_salt()
            self._keep("code_salt", "salt", self._salt)
        return self._salt

    def put_queue(self, name: str, queue: Queue) -> bool:
        """Make or change a queue; True where it is new."""
        return self._put("queues", "queue_made", self._queues, self._file.queues, name, queue)

    def put_route(self, name: str, route: Route) -> bool:
        """Make or change a route; True where it is new."""
        route = route.model_copy(update={"name": name})
        return self._put("routes", "route_made", self._routes, _named(self._file.routes), name, route)

    def drop_agent(self, name: str) -> None:
        """Forget an agent that was made over HTTP."""
        self._drop("agents", "agent_made", self._agents, self._file.agents, name)
        if self._desks.pop(name, None) is not None:
            self._keep("desk", name, None)

    def drop_queue(self, name: str) -> None:
        """Forget a queue that was made over HTTP."""
        if name == DEFAULT_QUEUE:
            raise TakenError("the queue default is always there: it cannot be deleted")
        self._drop("queues", "queue_made", self._queues, self._file.queues, name)

    def drop_route(self, name: str) -> None:
        """Forget a route that was made over HTTP."""
        self._drop("routes", "route_made", self._routes, _named(self._file.routes), name)

    def order_routes(self, names: Sequence[str]) -> None:
        """Try routes in this order; those that are not named follow as they did."""
        known = self._routes_in_order()
        for name in names:
            if name not in known:
                raise UnknownError(f"there is no route {name}")
        if len(set(names)) != len(names):
            raise RosterError("names: a route stands there twice")
        self._order = [*names, *(name for name in known if name not in names)]
        self._keep("route_order", "names", self._order)
        self._in_force(self._merged())

    def take_desk(self, agent: str, phone: str | None) -> None:
        """An agent has a phone from now on, alone; None: those of his settings again."""
        if phone is None:
            if self._desks.pop(agent, None) is None:
                return
            self._keep("desk", agent, None)
        else:
            for other in [other for other, theirs in self._desks.items() if theirs == phone]:
                del self._desks[other]
                self._keep("desk", other, None)
            self._desks[agent] = phone
            self._keep("desk", agent, phone)
        self._in_force(self._merged())

    def owner(self, phone: str) -> str | None:
        """In whose settings a phone stands, whoever has taken it; None: in nobody's."""
        agents = {**self._file.agents, **self._agents}
        return next((name for name, agent in agents.items() if agent.enabled and phone in agent.phones), None)

    def give_back(self, agent: str) -> None:
        """An agent works again, at his own phones where he has taken none: whoever has taken these has them no more."""
        if agent in self._desks:
            return
        for other, phone in [*self._desks.items()]:
            if self.owner(phone) == agent:
                log.info("the phone %s is %s's again, and no longer %s's", phone, agent, other)
                self.take_desk(other, None)

    def reload(self, settings: Settings, objections: Callable[[Settings], Sequence[str]]) -> None:
        """The sections of the centre as another reading of ivr.yaml has them; the rest stays. ConfigError, and nothing
        has changed, where they do not fit, or where there are objections to what would hold then."""
        self._file, merged = self.look_ahead(settings, objections)
        self._in_force(merged)

    def look_ahead(
        self, settings: Settings, objections: Callable[[Settings], Sequence[str]]
    ) -> tuple[Settings, Settings]:
        """What :meth:`reload` would bring, of ivr.yaml and with all that was made over HTTP; it raises as that does."""
        for section, made in (("agents", self._agents), ("queues", self._queues)):
            both = sorted(getattr(settings, section).keys() & made.keys())
            if both:
                text = "it was made over HTTP, too: delete one of them"
                raise ConfigError([Fault(text, str(settings.source or ""), field=f"{section}.{both[0]}")])
        update = {section: getattr(settings, section) for section in CENTER_SECTIONS}
        before = self._file
        file = self._file = before.model_copy(update=update)
        try:
            merged = self._merged()
        finally:
            self._file = before
        faults = _faults(merged, str(settings.source or ""))
        faults += [Fault(sentence, str(settings.source or "")) for sentence in objections(merged)]
        if faults:
            raise ConfigError(faults)
        return file, merged

    # All of them

    def _put(
        self, section: str, kind: str, made: dict[str, M], of_file: Mapping[str, Any], name: str, value: M
    ) -> bool:
        try:
            _NAMES.validate_python(name)
        except ValidationError:
            raise RosterError("the name must be letters, digits, _ and -, a letter first") from None
        if name in of_file:
            raise TakenError(f"{section[:-1]} {name} belongs to ivr.yaml: it is changed there")
        before = made.get(name)
        if before is None and len(of_file) + len(made) >= MOST[section]:
            raise TakenError(f"there are {MOST[section]} {section}, which is the limit")
        made[name] = value
        merged = self._merged()
        if faults := _faults(merged):
            if before is None:
                del made[name]
            else:
                made[name] = before
            raise ConfigError(faults)
        self._keep(kind, name, _kept(value))
        self._in_force(merged)
        return before is None

    def _drop(self, section: str, kind: str, made: dict[str, M], of_file: Mapping[str, Any], name: str) -> None:
        if name in of_file:
            raise TakenError(f"{section[:-1]} {name} belongs to ivr.yaml: it is deleted there")
        if name not in made:
            raise UnknownError(f"there is no {section[:-1]} {name}")
        places = list(made)
        gone = made.pop(name)
        merged = self._merged()
        if faults := _faults(merged):
            made[name] = gone
            for other in places:  # in its old place
                made[other] = made.pop(other)
            first = faults[0]
            raise TakenError(f"{section[:-1]} {name} is named elsewhere: {first.field}")
        self._keep(kind, name, None)
        self._in_force(merged)

    def _merged(self) -> Settings:
        file = self._file
        agents = {**file.agents, **self._agents}
        for name, phone in self._desks.items():
            if name in agents:
                agents[name] = agents[name].model_copy(update={"phones": (phone,)})
        taken = {phone: name for name, phone in self._desks.items() if name in agents}
        for name, agent in agents.items():
            if any(taken.get(phone, name) != name for phone in agent.phones):
                left = tuple(phone for phone in agent.phones if taken.get(phone, name) == name)
                agents[name] = agent.model_copy(update={"phones": left})
        queues = {**self._queues, **file.queues}
        routes = tuple(self._routes_in_order().values())
        return file.model_copy(update={"agents": agents, "queues": queues, "routes": routes})

    def _routes_in_order(self) -> dict[str, Route]:
        known = {**_named(self._file.routes), **self._routes}
        first = {name: known[name] for name in self._order if name in known}
        return {**first, **known} if first else known

    def _in_force(self, settings: Settings) -> None:
        self._settings = settings
        self.changed(settings)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _hashed(agent: Agent, salt: str) -> Agent:
    assert agent.code is not None
    return agent.model_copy(update={"code": SecretStr(hashed_code(agent.code.get_secret_value(), salt))})


def _named(routes: Sequence[Route]) -> dict[str, Route]:
    """Routes of ivr.yaml by name; one without has its number."""
    found: dict[str, Route] = {}
    for number, route in enumerate(routes, 1):
        name = route.name or str(number)
        found[name if name not in found else f"{name}-{number}"] = route
    return found


def _read(model: type[M], rows: Mapping[str, Any], of_file: Mapping[str, Any], what: str) -> dict[str, M]:
    found: dict[str, M] = {}
    for name, value in rows.items():
        if name in of_file:
            log.warning("%s %s stands in ivr.yaml and was made over HTTP, too: the former counts", what, name)
            continue
        try:
            found[name] = model.model_validate(value)
        except ValidationError as error:
            log.error("%s %s, made over HTTP, cannot be read any more: %d faults", what, name, error.error_count())
    return found


def _kept(value: BaseModel) -> Any:
    """Settings as JSON; the code of an agent is a hash."""
    data = value.model_dump(mode="json", by_alias=True, exclude_unset=True)
    if isinstance(value, Agent) and value.code is not None:
        data["code"] = value.code.get_secret_value()
    return data


def _faults(settings: Settings, file: str = "") -> list[Fault]:
    """What does not fit together; faults of places in the store have no file."""
    return [
        Fault(wrong.text, file, field=".".join(map(str, wrong.path)), found=wrong.found, expected=wrong.expected)
        for wrong in center_mismatches(settings)
    ]
