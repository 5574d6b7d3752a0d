"""tag and untag."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from ivr.flow.elements.tag import UntagElement
from tests.kit.life import Life


def run(*elements: str) -> Life:
    names = [f"e{index}" for index in range(len(elements))]
    lines = "\n".join(
        f"  {name}: {{{fields}{f', next: {after}' if after else ''}}}"
        for name, fields, after in zip(names, elements, [*names[1:], ""], strict=True)
    )
    return Life(
        f"""
variables: {{kind: gold, pin: "1234"}}
sensitive: [pin]
elements:
  start: {{type: start_from_audience, next: e0}}
{lines}
"""
    ).run()


def test_tags_keep_their_order_and_are_there_once() -> None:
    life = run("type: tag, tags: vip", 'type: tag, tags: ["{{ kind }}", vip, " x "]')
    assert life.machine.tags == ["vip", "gold", "x"]
    assert life.machine.steps[-1].details == {"tags": ["vip", "gold", "x"]}


def test_expressions_read_tags() -> None:
    life = run(
        "type: tag, tags: vip",
        "type: set_variable, variables: {a: \"{{ 'vip' in call.tags }}\"}",
        "type: untag, tags: vip",
        "type: set_variable, variables: {b: \"{{ 'vip' in call.tags }}\", n: '{{ len(call.tags) }}'}",
    )
    assert (life.variables["a"], life.variables["b"], life.variables["n"]) == (True, False, 0)


def test_untag() -> None:
    assert run("type: tag, tags: [a, b, c]", "type: untag, tags: [b, d]").machine.tags == ["a", "c"]
    assert run("type: tag, tags: [a, b, c]", "type: untag, all: true").machine.tags == []


def test_a_secret_is_no_tag_and_there_is_an_end_to_tags() -> None:
    life = run('type: tag, tags: ["a{{ pin }}", b]')
    assert life.machine.tags == ["b"]
    assert life.notes == ["a sensitive value is no tag"]
    many = [f"type: tag, tags: [{', '.join(f't{n}x{i}' for i in range(20))}]" for n in range(3)]
    life = run(*many)
    assert len(life.machine.tags) == 50
    assert "too many tags" in life.notes
    assert run(f"type: tag, tags: {'x' * 300}").machine.tags == ["x" * 100]
    assert run('type: tag, tags: ""').machine.tags == []


@pytest.mark.parametrize("fields", [{}, {"tags": "a", "all": True}, {"tags": []}])
def test_refuses(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        UntagElement.model_validate({"type": "untag", **fields})
