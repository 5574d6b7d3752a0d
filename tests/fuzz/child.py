"""A process of its own that reads what nobody would write, with bounds on its memory and on the time of each text.

    python tests/fuzz/child.py SUBJECT SEED SECONDS

Prints the number of texts. Ends with 1 and the text that did it where one crashes with an error that is not
documented, takes over a second of CPU, or more than 100 MB of memory.
"""

from __future__ import annotations

import random
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from ivr.errors import ConfigError, FlowLoadError
from ivr.flow.expressions import Expression, ExpressionError, Scope, Sensitive, Template
from ivr.flow.graph import dot_source
from ivr.flow.jsonpath import JsonPath, JsonPathError
from ivr.flow.lint import check_flow
from ivr.flow.lint.figures import figures
from ivr.flow.lint.questions import paths_to
from ivr.flow.loader import join_flows, parse_flow
from ivr.flow.patterns import Pattern, PatternError
from ivr.flow.testing import CaseError, case_faults
from ivr.flow.testing.cases import parse_cases
from ivr.settings import parse_settings
from tests.fuzz import mutations
from tests.fuzz.bombs import BOMBS
from tests.kit.lint import WORLD

LONGEST = 1.0
"""Seconds of CPU for one text."""
MEMORY = 100 * 2**20
"""Bytes over what the process has when it begins."""

SCOPE = Scope(
    {
        "x": 3,
        "text": "Grüße " * 50,
        "items": ["a", 1, None, [1, [2, [3]]]] * 20,
        "record": {"a": 1, "b": {"from": "+1"}, "items": [1]},
        "deep": [[[[[[[[1]]]]]]]],
        "big": 10**300,
        "secret": Sensitive("1234"),
        "none": None,
        "nan": float("nan"),
    },
    {
        "now": datetime(2026, 3, 2, 12, tzinfo=UTC),
        "call": {"from": "+15550199", "headers": {"a": "b"}, "tags": []},
        "result": {"digits": Sensitive("1")},
    },
)


def load(text: str | bytes) -> None:
    """Read a flow, and do with one that holds whatever is done with flows outside calls."""
    try:
        flow = parse_flow(text, "fuzz")
        flows = join_flows([flow], complete=False)
    except FlowLoadError as error:
        assert error.faults and all(fault.text for fault in error.faults)
        str(error)
        return
    for finding in check_flow(flow, WORLD):
        str(finding)
    figures(flow)
    paths_to(flow, next(reversed(flow.elements)))
    dot_source(flow)
    flows.prompts()


def evaluate(text: str) -> None:
    """Read an expression, alone and in a text, and work it out."""
    for make in (
        lambda: Expression(text).evaluate(SCOPE),
        lambda: Template.parse(f"A {{{{ {text} }}}}.").render(SCOPE),
    ):
        try:
            make()
        except ExpressionError as error:
            assert "1234" not in str(error) or "1234" in text


def match(text: str) -> None:
    """Read a pattern, and try keys."""
    try:
        found = Pattern(text)
    except PatternError:
        return
    for keys in ("", "1", "5" * 30, "1" * 64, "12*#" * 10):
        found.matches(keys)
        found.extends(keys)


DOCUMENT = {"a": {"a": [1, {"b": 2}], "b": "x"}, "b": [{"a": index} for index in range(50)]}


def find(text: str) -> None:
    """Read a JSONPath, and look it up."""
    try:
        found = JsonPath(text)
    except JsonPathError:
        return
    for document in (DOCUMENT, [DOCUMENT] * 20, None, 7, "a", {}):
        found.value(document)


def configure(text: str | bytes) -> None:
    """Read a configuration."""
    try:
        parse_settings(text, Path("/etc/ivr/ivr.yaml"), {}, need_secrets=False)
    except ConfigError as error:
        assert error.faults and all(fault.text for fault in error.faults)


CASES_OF = parse_flow(
    'elements: {start: {type: start_incoming_call, numbers: ["100"], next: bye}, bye: {type: hang_up}}', "reception"
)


def judge(text: str | bytes) -> None:
    """Read test cases."""
    try:
        for case in parse_cases(text, "reception.test.yaml"):
            case_faults(case, CASES_OF, join_flows([CASES_OF]))
    except CaseError as error:
        assert error.faults and all(fault.text for fault in error.faults)


SUBJECTS: Mapping[str, tuple[Callable[[random.Random], Any], Callable[[Any], None]]] = {
    "flows": (mutations.flow_text, load),
    "expressions": (mutations.expression, evaluate),
    "patterns": (mutations.pattern, match),
    "paths": (mutations.json_path, find),
    "settings": (mutations.settings_text, configure),
    "cases": (mutations.cases_text, judge),
}


class HangError(BaseException):
    """A text takes too long; nothing on the way may catch it."""


def _alarm(_number: int, _frame: FrameType | None) -> None:
    raise HangError


def one(run: Callable[[Any], None], text: Any) -> None:
    """One text within its bounds; ends the process where it passes them."""
    signal.setitimer(signal.ITIMER_PROF, LONGEST)
    try:
        run(text)
    except (Exception, HangError) as error:
        signal.setitimer(signal.ITIMER_PROF, 0)
        traceback.print_exc(limit=-8)
        print(f"{type(error).__name__} of: {text[:3000]!r}", flush=True)
        sys.exit(1)
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


def main(subject: str, seed: int, seconds: float) -> None:
    """Read texts for so long."""
    signal.signal(signal.SIGPROF, _alarm)
    if subject == "bombs":
        texts: Any = iter(BOMBS.values())
        run: Callable[[Any], None] = load
    else:
        make, run = SUBJECTS[subject]
        chance = random.Random(seed)
        texts = iter(lambda: make(chance), None)
        for _ in range(20):
            run(make(random.Random(seed)))  # tables and caches are made before memory is bounded
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    count = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        text = next(texts, None)
        if text is None:
            break
        one(run, text)
        count += 1
    print(count)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
