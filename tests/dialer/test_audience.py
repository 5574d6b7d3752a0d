from __future__ import annotations

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ivr.dialer.rules.audience import MAX_VALUE, AudienceError, BadRow, Contact, read_audience, read_records


def read(text: str) -> list[Contact | BadRow]:
    return list(read_audience(io.StringIO(text, newline="")))


@pytest.mark.parametrize("sign", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_columns(sign: str, end: str) -> None:
    rows = (("name", "Number", "due"), ("Anna", "+49 (30) 123-45", '"1.5' + sign + '2"'), ("Bert", "00493011", " x "))
    text = end.join(sign.join(row) for row in rows) + end
    assert read(text) == [
        Contact("+493012345", {"name": "Anna", "due": f"1.5{sign}2"}),
        Contact("00493011", {"name": "Bert", "due": "x"}),
    ]


def test_a_zero_in_brackets_is_not_dialled() -> None:
    found = read("number\n+49 (0)30 12345\n0049 (0) 30 12346\n(030) 12347\n")
    assert [row.number for row in found if isinstance(row, Contact)] == ["+493012345", "00493012346", "03012347"]


def test_a_column_of_numbers_is_enough_and_empty_rows_are_nothing() -> None:
    assert read("number\n+15550100\n\n  \n+15550101") == [Contact("+15550100", {}), Contact("+15550101", {})]
    assert read("number;name\n+15550100;Anna\n;\n") == [Contact("+15550100", {"name": "Anna"})]


def test_lines_within_quotes() -> None:
    assert read('number,text\n+15550100,"one\ntwo ""three"""\nabc,x\n') == [
        Contact("+15550100", {"text": 'one\ntwo "three"'}),
        BadRow(4, "number", "'abc' is no number, expected a number like +49 30 1234567, or sip:user@host"),
    ]


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        ("", "number", "is empty"),
        ("4.91512E+11", "number", "rounded by a spreadsheet"),
        ("4,91512E+11", "number", "4 fields"),
        ("٠١٢٣٤", "number", "is no number"),
        ("+", "number", "is no number"),
        ("1" * 30, "number", "is no number"),
        ("sip:a b@c", "number", "is no number"),
    ],
)
def test_what_is_no_number(text: str, column: str, message: str) -> None:
    (bad,) = read(f"number,name,more\n{text},Anna,x\n")
    assert isinstance(bad, BadRow)
    assert bad.line == 2
    assert message in str(bad)


@pytest.mark.parametrize("number", ["sip:200@127.0.0.1:5062", "sips:x@example.net", "100", "+15550100"])
def test_what_is_a_number(number: str) -> None:
    assert read(f"number\n{number}\n") == [Contact(number, {})]
    assert read(f"number\ntel:{number}\n")[0] == Contact(number, {})


def test_rows_that_do_not_fit() -> None:
    long = "x" * (MAX_VALUE + 1)
    bad = read(f'number,name\n1\n123,a,b\n123,a,,\n124,{long}\n125,"a"b\n126,c\n127,\x01\n')
    assert [str(row) if isinstance(row, BadRow) else row.number for row in bad] == [
        "line 2: 1 fields, expected 2 as the first line has",
        "line 3: 3 fields, expected 2 as the first line has",
        "123",
        f"line 5, column name: {MAX_VALUE + 1} characters, expected at most {MAX_VALUE}",
        "line 6: something stands after a closing quote; a quote inside a field is written twice",
        "126",
        "line 8, column name: has a control character, expected text",
    ]


def test_a_quote_that_is_never_closed_says_where_it_is() -> None:
    assert read('number,name\n123,a\n124,"b\n125,c\n')[-1] == BadRow(3, "", "a quote is opened and never closed")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "found nothing, expected the names"),
        ("+15550100\n", r"found '\+15550100', expected the names"),
        ("name;phone\n", "found 'name', 'phone', expected .* separated by a semicolon, one of them number"),
        ("number,Name,name\n", "column 3: a second column 'name'"),
        ("number,\n", "column 2: has no name"),
        ("number" + ",x" * 60 + "\n", "61 columns"),
    ],
)
def test_a_first_line_that_names_no_columns(text: str, message: str) -> None:
    with pytest.raises(AudienceError, match=message):
        read(text)


def test_records() -> None:
    found = list(
        read_records(
            [
                {"number": "+1 555 0100", "variables": {"n": 1, "who": {"name": "Anna"}}},
                {"number": 15550100},
                {"number": "+15550100", "name": "Anna"},
                "x",
                {"number": "+15550100", "variables": {"number": "x"}},
                {"number": "nobody"},
            ]
        )
    )
    assert found[0] == Contact("+15550100", {"n": 1, "who": {"name": "Anna"}})
    assert [str(bad) for bad in found[1:]] == [
        "line 2, column number: is missing or not text, expected a number like +49 30 1234567, or sip:user@host",
        "line 3, column name: unknown, expected number and variables",
        "line 4: expected an object with number and variables",
        "line 5, column variables: number is not a variable: it stands beside them",
        "line 6, column number: 'nobody' is no number, expected a number like +49 30 1234567, or sip:user@host",
    ]


texts = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=20)
tables = st.lists(st.tuples(st.from_regex(r"\+[0-9]{2,15}", fullmatch=True), texts, texts), max_size=20)


@given(tables, st.sampled_from(",;\t"), st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
def test_what_a_program_writes_is_read(rows: list[tuple[str, str, str]], sign: str, quoting: int) -> None:
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=sign, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(["number", "a", "b"])
    writer.writerows(rows)
    assert read(out.getvalue()) == [Contact(number, {"a": a.strip(), "b": b.strip()}) for number, a, b in rows]


@given(st.text(st.characters(blacklist_categories=["Cs"]), max_size=300))
def test_any_text_is_contacts_and_bad_rows(text: str) -> None:
    for row in read("number,a\n" + text):
        assert isinstance(row, BadRow) or row.number
