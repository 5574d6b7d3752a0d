"""Flows that are as tangled as a flow can be: menus, loops and branches from everywhere to everywhere."""

from __future__ import annotations

import json
import random
from typing import Any

__all__ = ["tangle"]


def tangle(size: int, seed: int = 0, number: str = "100", calls: str | None = None) -> str:
    """The text of a flow of so many elements that lead to each other at random, and to the flow `calls`."""
    chance = random.Random(seed)
    names = [f"e{index}" for index in range(size - 3)]
    variables = [f"v{index}" for index in range(20)]

    def some() -> str:
        return chance.choice([*names, "bye"])

    elements: dict[str, Any] = {
        "start": {"type": "start_incoming_call", "numbers": [number], "next": "e0"},
        "from_flow": {"type": "start_from_flow", "next": "e0"},
    }
    for name in names:
        kind = chance.randrange(8 if calls is None else 9)
        if kind < 2:
            text = f"{name}: hello {{{{ {chance.choice(variables)} }}}}, this is a prompt."
            elements[name] = {"type": "play", "text": text, "interruptible": chance.random() < 0.5, "next": some()}
        elif kind < 4:
            responses = {str(key): some() for key in range(8)}
            branches = {"no_input": some(), "no_match": some()}
            elements[name] = {"type": "collect", "responses": responses, "attempts": 3, "branches": branches}
            elements[name]["save_as"] = chance.choice(variables)
        elif kind == 4:
            value = {chance.choice(variables): f"{{{{ {chance.choice(variables)} + 'x' }}}}"}
            elements[name] = {"type": "set_variable", "variables": value, "next": some()}
        elif kind == 5:
            conditions = [{"when": f"{chance.choice(variables)} == '{index}'", "to": some()} for index in range(5)]
            elements[name] = {"type": "branch", "conditions": conditions, "next": some()}
        elif kind == 6:
            elements[name] = {"type": "forward_call", "to": "phone:200", "branches": {"call_not_forwarded": some()}}
        elif kind == 7:
            body = {"value": f"{{{{ {chance.choice(variables)} }}}}"}
            branches = {"error": some(), "client_error": some(), "user_hung_up": some()}
            elements[name] = {"type": "call_api", "url": "https://x.example/", "body": body, "next": some()}
            elements[name]["branches"] = branches
        else:
            elements[name] = {
                "type": "transfer_to_flow",
                "flow": calls,
                "return_to": some(),
                "branches": {"other": some()},
            }
    elements["bye"] = {"type": "hang_up"}
    flow = {"variables": dict.fromkeys(variables, ""), "sensitive": variables[:2], "elements": elements}
    return json.dumps(flow, indent=1)
