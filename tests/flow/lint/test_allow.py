"""Comments that allow findings."""

from __future__ import annotations

from tests.kit.lint import lint

FLOW = """elements:
  start: {type: start_incoming_call, numbers: ["1"], next: keys}
  keys:%s
    type: collect
    responses: {"1": bye}
    attempts: 5%s
    branches: {no_match: last}
  last: {type: play, text: "# ivr: allow A001 no comment"}%s
  bye: {type: hang_up}
"""


def found(*comments: str) -> list[tuple[str, int | None, str]]:
    return [(each.code, each.line, each.message) for each in lint(FLOW % comments) if each.code != "F002"]


TRIES = ("I003", 6, "5 tries")
END = ("G002", 8, "nothing follows audio_played, and the caller is still there")


def test_without() -> None:
    assert found("", "", "") == [TRIES, END]


def test_in_the_line_of_the_finding() -> None:
    assert found("", "   # ivr: allow I003 they mistype", "") == [END]
    assert found("", " #ivr:allow i003: they mistype", "") == [END]


def test_in_the_first_line_of_the_element() -> None:
    assert found("  # ivr: allow I003 they mistype", "", "") == [END]


def test_alone_above_the_line() -> None:
    comment = "# they are old\n # ivr: allow I003 they mistype\n\n # much\n"
    for line in ("    attempts: 5", "  keys:"):
        text = FLOW % ("", "", "")
        assert [each.code for each in lint(text.replace(line, comment + line))] == ["G002", "F002"]
    assert found("", "", "\n  # ivr: allow I003 they mistype")[-1][0] == "A001"


def test_several_codes() -> None:
    assert found("", "", "  # ivr: allow G002, F002 it is meant") == [TRIES]


def test_without_a_reason_or_a_code() -> None:
    assert found("", "  # ivr: allow I003", "") == [("A002", 6, "the reason is missing"), TRIES, END]
    assert found("", "  # ivr: allow", "")[0] == ("A002", 6, "no code is named")
    assert found("", "  # ivr: allow them, please", "")[0] == ("A002", 6, "no code is named")


def test_what_is_not_there_cannot_be_allowed() -> None:
    assert found("", "  # ivr: allow I003, I002 they mistype", "") == [
        ("A001", 6, "there is no finding I002 here"),
        END,
    ]
    assert found("", "  # ivr: allow Z999 they mistype", "")[0] == ("A002", 6, "Z999 is no code")
    assert found("", "  # ivr: allow F001 they mistype", "")[0] == ("A002", 6, "F001 cannot be allowed")


def test_findings_about_the_whole_flow() -> None:
    text = "variables:\n  a: 1  # ivr: allow V002 for later\n"
    text += 'elements: {start: {type: start_incoming_call, numbers: ["1"]}}\n'
    assert [each.code for each in lint(text)] == ["G002", "F002"]


def test_a_text_is_no_comment() -> None:
    text = FLOW % ("", "", "") + "  more: {type: play, text: 'a\n    # ivr: allow G001 no comment', next: bye}\n"
    assert "A001" not in {each.code for each in lint(text)}
