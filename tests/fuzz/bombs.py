"""Small texts that would be large, deep or slow to read if nothing stopped them."""

from __future__ import annotations

__all__ = ["BOMBS"]

FLOW = 'elements: {start: {type: start_incoming_call, numbers: ["1"]}}\n'


def _laughs(levels: int, width: int) -> str:
    lines = ['a0: &a0 "ha"']
    lines += [f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * width)}]" for level in range(1, levels)]
    return "\n".join(lines) + "\n" + FLOW


def _merges(levels: int) -> str:
    lines = ["m0: &m0 {a: 1, b: 2}"]
    lines += [f"m{level}: &m{level} {{<<: [*m{level - 1}, *m{level - 1}], k{level}: 1}}" for level in range(1, levels)]
    return "\n".join(lines) + "\n" + FLOW


def _menu(responses: int) -> str:
    keys = ", ".join(f'"{index}": a' for index in range(responses))
    start = 'start: {type: start_incoming_call, numbers: ["1"], next: a}'
    return f"elements: {{{start}, a: {{type: collect, responses: {{{keys}}}}}}}\n"


def _dense(elements: int, branches: int) -> str:
    names = ["start", *(f"e{index}" for index in range(elements - 1))]
    lines = ['  start: {type: start_incoming_call, numbers: ["1"], next: e0}']
    for index, name in enumerate(names[1:]):
        keys = ", ".join(f'"{key}": e{(index * 7 + key * 13) % (elements - 1)}' for key in range(branches))
        lines.append(f"  {name}: {{type: collect, responses: {{{keys}}}, save_as: v{index % 90}}}")
    variables = ", ".join(f"v{index}: null" for index in range(90))
    return f"variables: {{{variables}}}\nelements:\n" + "\n".join(lines) + "\n"


BOMBS: dict[str, str | bytes] = {
    "billion laughs": _laughs(12, 9),
    "quadratic blow-up": "a: &a " + "x" * 10_000 + "\nb: [" + ", ".join(["*a"] * 5_000) + "]\n" + FLOW,
    "alias inside its own anchor": "a: &a [*a]\n" + FLOW,
    "mapping inside its own anchor": "elements: &a {start: *a}\n",
    "merge of merges": _merges(60),
    "merge of itself": "a: &a {<<: *a}\n" + FLOW,
    "many aliases": "a: &a 1\nb: [" + ", ".join(["*a"] * 10_000) + "]\n" + FLOW,
    "deep lists": "elements: " + "[" * 100_000,
    "deep lists, closed": "elements: " + "[" * 5_000 + "]" * 5_000,
    "deep mappings": "{a: " * 20_000,
    "deep by indentation": "".join(" " * level + f"a{level}:\n" for level in range(900)),
    "deep sequences by dashes": "- " * 100_000,
    "deep explicit keys": "? " * 50_000,
    "huge scalar": "description: " + "x" * 5_000_000 + "\n" + FLOW,
    "huge scalar in quotes": 'description: "' + "\\x41" * 400_000 + '"\n' + FLOW,
    "huge folded scalar": "description: >\n" + " x\n" * 300_000 + FLOW,
    "huge key": "x" * 400_000 + ": 1\n" + FLOW,
    "many keys": "variables: {" + ", ".join(f"v{index}: 1" for index in range(60_000)) + "}\n" + FLOW,
    "many elements": "elements:\n" + "".join(f"  e{index}: {{type: hang_up}}\n" for index in range(15_000)),
    "many comments": "# ivr: allow G002\n" * 20_000 + FLOW,
    "many documents": "---\n" * 50_000 + FLOW,
    "many anchors": "\n".join(f"a{index}: &n{index} 1" for index in range(15_000)) + "\n" + FLOW,
    "huge number": "variables: {a: " + "9" * 300_000 + "}\n" + FLOW,
    "huge binary number": "variables: {a: 0b" + "1" * 300_000 + "}\n" + FLOW,
    "huge sexagesimal": "variables: {a: 1" + ":59" * 100_000 + "}\n" + FLOW,
    "huge exponent": "variables: {a: 1e999999999, b: -.inf, c: .nan}\n" + FLOW,
    "python object": "a: !!python/object/apply:os.system [true]\n" + FLOW,
    "set and pairs": "a: !!set {b, c}\nd: !!omap [e: 1]\n" + FLOW,
    "binary": "a: !!binary " + "QUFB" * 50_000 + "\n" + FLOW,
    "no text": bytes(range(256)) * 100,
    "utf-16": FLOW.encode("utf-16"),
    "nothing but zeros": b"\0" * 1_000_000,
    "long expression": "elements: {a: {type: play, text: '{{ " + "1 + " * 100_000 + "1 }}'}}\n",
    "deep expression": "elements: {a: {type: play, text: '{{ " + "(" * 50_000 + "1" + ")" * 50_000 + " }}'}}\n",
    "many expressions": "elements: {a: {type: play, text: '" + "{{ 1 }}" * 60_000 + "'}}\n",
    "open expression": "elements: {a: {type: play, text: '" + "{{ " * 100_000 + "'}}\n",
    "pattern that backtracks": "elements: {a: {type: collect, pattern: '" + "(\\d*)*" * 60 + "$'}}\n",
    "deep pattern": "elements: {a: {type: collect, pattern: '" + "(" * 20_000 + "1" + ")" * 20_000 + "'}}\n",
    "pattern that repeats": "elements: {a: {type: collect, pattern: '((((1{9999}){9999}){9999}){9999})'}}\n",
    "deep body": "elements: {a: {type: call_api, url: 'http://x', body: " + "[" * 19 + "]" * 19 + "}}\n",
    "many responses": "elements: {a: {type: collect, responses: {"
    + ", ".join(f'"{index}": a' for index in range(9_000))
    + "}}}\n",
    "menu of thousands": _menu(6_000),
    "everything leads everywhere": _dense(99, 60),
    "one number for ever": "elements: {a: {type: start_incoming_call, numbers: [" + '"1", ' * 9_000 + "]}}\n",
    "near misses": "elements:\n" + "".join(f"  e{index}: {{typ: {'play' * 100}}}\n" for index in range(99)),
    "near branches": "elements: {a: {type: hang_up, branches: {"
    + ", ".join(f"{'next' * 50}{index}: {'e' * 200}{index}" for index in range(2_000))
    + "}}}\n",
}
