"""Names in expressions that stand for nothing: fields of `call` and `result`, values of the configuration."""

from __future__ import annotations

from collections.abc import Iterator

from ivr.flow.lint.codes import code
from ivr.flow.lint.findings import Finding
from ivr.flow.lint.view import NOTHING, UNKNOWN, View, meant
from ivr.flow.positions import dotted

__all__ = ["CALL_FIELDS", "rules"]

CALL_FIELDS = ("id", "key", "short_id", "from", "to", "direction", "line", "contact", "started_at", "headers", "tags")
"""What `call` has."""

V005 = code(
    "V005",
    "warning",
    "no element before gives this result",
    """`result` holds what the last element with results gave, and no element that leads here gives this field. Mostly
    another element has come in between: keep the value in a variable (`save_as`, set_variable) right after the element
    that gives it.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "Your number, please.", interruptible: true, next: keys}
      keys: {type: collect, max_digits: 4, next: say, branches: {no_match: bye}}
      say: {type: play, text: "You pressed {{ digits(result.keys) }}.", next: bye}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: ask}
      ask: {type: play, text: "Your number, please.", interruptible: true, next: keys}
      keys: {type: collect, max_digits: 4, next: say, branches: {no_match: bye}}
      say: {type: play, text: "You pressed {{ digits(result.digits) }}.", next: bye}
      bye: {type: hang_up}
    """,
)
V006 = code(
    "V006",
    "warning",
    "call has no such field",
    f"""`call` has the fields {", ".join(CALL_FIELDS)}. An expression that reads another one has no value, and the field
    that it stands in takes its default.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: hello}
      hello: {type: play, text: "You call from {{ digits(call.number) }}.", next: bye}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: hello}
      hello: {type: play, text: "You call from {{ digits(call.from) }}.", next: bye}
      bye: {type: hang_up}
    """,
)
T006 = code(
    "T006",
    "warning",
    "value that the configuration does not have",
    """Flows see the values under `settings` of `ivr.yaml` as `settings.NAME`, and this name is not there: the
    expression has no value. Add it to the configuration, or mend the name.""",
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: hello}
      hello: {type: play, text: "Welcome to {{ settings.firm }}.", next: bye}
      bye: {type: hang_up}
    """,
    """
    elements:
      start: {type: start_incoming_call, numbers: ["100"], next: hello}
      hello: {type: play, text: "Welcome to {{ settings.company }}.", next: bye}
      bye: {type: hang_up}
    """,
)


def rules(view: View) -> Iterator[Finding]:
    """Findings of this module."""
    settings = view.world.settings
    before = view.givers
    for name in view.flow.elements:
        said: set[tuple[str, ...]] = set()
        for place, expression in view.expressions(name):
            read = {path[:2] for path in expression.paths if len(path) > 1}
            for path in sorted(read - said):
                said.add(path)
                root, field = path
                if root == "call" and field not in CALL_FIELDS:
                    yield view.finding(
                        V006, name, dotted(place), f"call has no field {field}", meant(field, CALL_FIELDS)
                    )
                elif root == "settings" and settings is not None and field not in settings:
                    message = f"the configuration has no settings.{field}"
                    yield view.finding(T006, name, dotted(place), message, meant(field, tuple(settings)))
                elif root == "result" and name in before:
                    given = _given(view, before[name])
                    if given is not None and field not in given:
                        source = ", ".join(sorted(before[name] - {NOTHING})) or "nothing"
                        message = f"there is no result.{field} here: the last results are those of {source}"
                        yield view.finding(V005, name, dotted(place), message, meant(field, tuple(sorted(given))))


def _given(view: View, names: frozenset[str]) -> set[str] | None:
    """Fields of the results of some elements; None where they are not all known."""
    fields: set[str] = set()
    for name in names:
        results = None if name == UNKNOWN else () if name == NOTHING else view.results(name)
        if results is None:
            return None
        fields.update(results)
    return fields
