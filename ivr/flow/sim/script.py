"""Scripts: steps in their order, read from YAML and run with a simulated call."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from ivr.errors import Fault, FaultsError
from ivr.flow.faults import field_faults, near
from ivr.flow.positions import Path, Places
from ivr.flow.sim.call import SimulatedCall
from ivr.flow.sim.player import Player
from ivr.flow.sim.steps import STEPS, Step

__all__ = ["Script", "ScriptError", "parse_script"]

MAX_STEPS = 500
"""Steps of one script; a person who reads it gives up earlier."""


class ScriptError(FaultsError):
    """A script cannot be used."""


@dataclass(frozen=True, slots=True)
class Script:
    """Steps in their order."""

    steps: tuple[Step, ...] = ()
    """Of caller and world."""

    def run(self, call: SimulatedCall, *, finish: bool = True) -> SimulatedCall:
        """Begin the call, do the steps, and (`finish`) let it come to its end with a silent caller; gives the call.

        Steps that never came to be done are in `call.unused_steps`.
        """
        return Player(call, self.steps).run(finish)

    def data(self) -> list[dict[str, Any]]:
        """The steps as they are written."""
        return [step.data() for step in self.steps]

    def to_yaml(self) -> str:
        """A list that can stand under `when`: one step a line."""
        return "".join(f"- {_flow_style(step.data())}\n" for step in self.steps) or "[]\n"


def _flow_style(value: Any) -> str:
    """YAML on one line that a person would write."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_flow_style(key)}: {_flow_style(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow_style, value)) + "]"
    if isinstance(value, str):
        plain = _PLAIN.fullmatch(value) is not None and value.lower() not in _WORDS
        return value if plain else json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False)


_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_]*|\d{1,9}(\.\d{1,3})?s", re.ASCII)
"""What needs no quotes: names, and seconds."""
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""Words that YAML 1.1 takes for values."""


def parse_script(data: object, places: Places | None = None, path: Path = ()) -> Script:
    """A script from plain data; :class:`ScriptError` with every fault. `places` and `path` say where it stands."""
    lines = places is not None
    if places is None:
        places, path = Places(json.dumps(data, default=str), ""), ()
        data = places.data
    if not isinstance(data, Sequence) or isinstance(data, str):
        raise ScriptError([_placed(places.fault(path, "must be a list of steps"), lines)])
    faults: list[Fault] = []
    steps: list[Step] = []
    if len(data) > MAX_STEPS:
        faults.append(places.fault(path, "too many steps", expected=f"at most {MAX_STEPS}"))
    for index, item in enumerate(data[:MAX_STEPS]):
        here = (*path, index)
        model = _model(item)
        if model is None:
            faults.append(_unknown(item, here, places))
            continue
        try:
            steps.append(model.model_validate(item))
        except ValidationError as error:
            faults.extend(field_faults(error.errors(include_url=False), here, model, places))
    if faults:
        raise ScriptError([_placed(fault, lines) for fault in faults])
    return Script(tuple(steps))


def _model(item: object) -> type[Step] | None:
    if not isinstance(item, Mapping):
        return None
    return next((model for kind, model in STEPS.items() if kind in item), None)


def _unknown(item: object, path: Path, places: Places) -> Fault:
    if not isinstance(item, Mapping):
        return places.fault(path, "must be a step", expected='like {at: welcome, press: "1"}')
    meant = next((found for found in (near(str(key), STEPS) for key in item) if found), None)
    text = f"not a step, did you mean {meant}?" if meant else "not a step"
    return places.fault(path, text, expected=f"one of {', '.join(STEPS)}")


def _placed(fault: Fault, lines: bool) -> Fault:
    return fault if lines else replace(fault, line=None)
